import pytest

from nbcontainer.commands.help import command_help, help_for, program_help
from nbcontainer.commands.parse import parse
from nbcontainer.commands.table import find
from tests import fakes


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    fakes.use_in(monkeypatch)


def page(line, program="nbcontainer"):
    return str(help_for(parse(line.split(), program=program)))


RUN = """
Usage:  nbcontainer run [OPTIONS] IMAGE [COMMAND] [ARG...]

Create and run a new container from an image

Aliases:
  nbcontainer container run, nbcontainer run

Options:
  -d, --detach            Run container in background and print container ID
  -e, --env list          Set environment variables
  -h, --hostname string   Container host name
  -i, --interactive       Keep STDIN open even if not attached
  -m, --memory bytes      Memory limit
      --name string       Assign a name to the container
      --pids-limit int    Tune container pids limit (set -1 for unlimited)
      --sig-proxy         Proxy received signals to the process (default true)
  -t, --tty               Allocate a pseudo-TTY

Docker's flags that are not supported:
  --publish"""


def test_a_verbs_page_has_dockers_layout():
    assert page("run --help") == RUN


def test_the_page_speaks_of_the_program_it_was_asked_by():
    assert page("ps --help", "cont").splitlines()[1] == "Usage:  cont ps [OPTIONS]"


def test_a_nouns_page_lists_each_verb_once_by_its_canonical_name():
    lines = page("container --help").splitlines()
    verbs = [line.split()[0] for line in lines if line.startswith("  ")]
    assert verbs == ["exec", "ls", "rm", "run"]


def test_the_whole_page_names_verbs_and_nouns():
    text = str(program_help("nbcontainer"))
    assert "Usage:  nbcontainer [OPTIONS] COMMAND" in text
    for line in ("Common Commands:", "Management Commands:", "  rm ", "  volume ", "  lab "):
        assert line in text


def test_no_line_is_wider_than_a_terminal():
    found, path, _ = find(["run"])
    assert max(len(line) for line in command_help(found, path, "nbcontainer").lines) <= 80
