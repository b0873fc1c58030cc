import inspect
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from nbcontainer import magics as module
from nbcontainer import progress
from nbcontainer.errors import ContainerNotFound, UsageError
from nbcontainer.magics import ContMagics, Streamed
from nbcontainer.results import Chunk, Container, Table, Text
from tests import fakes
from tests.shells import magics as magics
from tests.shells import shell as shell


def out(shell, source):
    """Run a cell and return its value; an error is raised."""
    done = shell.run_cell(source)
    done.raise_error()
    return done.result


def test_the_value_of_a_line_is_what_the_command_returns(shell):
    value = out(shell, "%cont ps -a")
    assert isinstance(value, Table)
    assert value["Names"] == ["web", "old-db"]


def test_a_value_can_be_kept(shell, capsys):
    out(shell, "x = %cont ps")
    assert shell.user_ns["x"].ids == ["webid"]
    assert capsys.readouterr().out == ""


def test_a_value_in_the_middle_of_a_cell_or_in_a_loop_is_shown(shell, capsys):
    out(shell, "%cont ps\nfor _ in range(2):\n    %cont ps -q\n1")
    assert capsys.readouterr().out.count("webid") == 3


def test_a_semicolon_silences_the_line(shell, capsys):
    assert out(shell, "%cont ps;") is None
    assert capsys.readouterr().out == ""


def test_templates_and_shell_variables_reach_the_command_untouched(shell):
    assert out(shell, 'name = "x"\n%cont ps --format "{{.Names}}|$name"') == ["web|$name"]
    out(shell, "%cont run toolbox sh -c 'echo $HOME ${name}'")
    assert shell.engine.calls[-1][1].command == ["sh", "-c", "echo $HOME ${name}"]


def test_single_braces_are_the_notebooks_python(shell):
    out(shell, "x = %cont ps -a\n%cont rm {x}")
    assert shell.engine.calls[-1] == ("rm", ["webid", "old-dbid"])
    out(shell, "box = 'web'\n%cont rm {box} {x[1]['Names']}")
    assert shell.engine.calls[-1] == ("rm", ["web", "old-db"])


def test_braces_in_a_function_see_the_notebooks_names_only(shell):
    out(shell, "%cont run toolbox echo {nothing}")
    assert shell.engine.calls[-1][1].command == ["echo", "{nothing}"]


def test_output_is_written_as_it_comes_and_kept_in_the_value(shell, capsys):
    shell.engine.session = fakes.FakeSession(
        Chunk("stdout", b"one\n"), Chunk("stderr", b"two\n"), code=0
    )
    out(shell, "x = %cont run toolbox x")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one\n", "two\n")
    value = shell.user_ns["x"]
    assert (value.exit_code, value.stdout, value.stderr) == (0, b"one\n", b"two\n")
    assert value.text == "one\n"


def test_a_program_that_was_shown_is_not_shown_again_but_its_bad_code_is(shell, capsys):
    Streamed(0, b"out")._ipython_display_()
    assert capsys.readouterr() == ("", "")
    Streamed(3, b"out")._ipython_display_()
    assert capsys.readouterr() == ("", "exit code 3\n")


def test_a_bad_exit_code_is_an_error_of_the_cell_where_asked(shell, magics):
    magics.check = True
    shell.engine.session = fakes.FakeSession(code=7)
    done = shell.run_cell("%cont run toolbox false")
    assert done.error_in_exec.exit_code == 7


def test_a_cell_is_the_programs_input(shell, capsys):
    shell.engine.session = fakes.echoing(fakes.FakeSession(ends=False))
    out(shell, "%%cont run toolbox cat\nhello {name} $HOME {{.X}}\n")
    assert capsys.readouterr().out.startswith("hello {name} $HOME {{.X}}\n")
    assert shell.engine.session.closed


def test_a_cell_is_the_command_of_exec(shell):
    shell.engine.session = fakes.FakeSession()
    out(shell, "%%cont exec web\nhostname\n")
    assert shell.engine.calls[-1][1].body == "hostname\n"
    assert shell.engine.calls[-1][1].command == []


def test_an_interactive_program_without_a_cell_reads_the_end_at_once(shell):
    shell.engine.session = fakes.echoing(fakes.FakeSession(ends=False))
    out(shell, "%cont run -i toolbox cat")
    assert shell.engine.session.written == b""
    terminal = fakes.echoing(fakes.FakeSession(ends=False, tty=True))
    shell.engine.session = terminal
    out(shell, "%cont run -it toolbox sh")
    assert terminal.written == b"\x04"


def test_logs_are_shown_line_by_line_and_kept(shell, capsys):
    out(shell, "x = %cont logs web")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("one\nthree\n", "two\n")
    assert shell.user_ns["x"].text == "one\nthree\n"


def test_a_made_container_is_the_value_and_its_warnings_are_said(shell, capsys):
    value = out(shell, "x = %cont run -d --name web toolbox")
    value = shell.user_ns["x"]
    assert isinstance(value, Container)
    assert value.name == "web"
    assert capsys.readouterr().err == "WARNING: no limit for swap\n"


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("%cont foo", ["Error: 'foo' is not a command of cont", "  See 'cont --help'."]),
        (
            "%cont run -z x",
            ["Error: unknown shorthand flag: 'z' in -z", "  See 'cont run --help'."],
        ),
        ("%cont rm 'x", ["Error: the quote ' is not closed", "  Close it, or write \\ before it."]),
    ],
)
def test_errors_are_lines_and_no_traceback(shell, capsys, line, lines):
    done = shell.run_cell(line)
    assert isinstance(done.error_in_exec, UsageError)
    assert capsys.readouterr().out.splitlines() == lines


def test_errors_that_are_not_ours_keep_their_traceback(shell, capsys):
    def fail(**flags):
        raise RuntimeError("a mistake of ours")

    shell.engine.ps = fail
    shell.run_cell("%cont ps")
    assert "Traceback" in capsys.readouterr().out


def test_of_several_names_the_good_are_shown_and_the_bad_end_the_cell(shell, capsys):
    done = shell.run_cell("%cont rm web nope old-db gone")
    assert isinstance(done.error_in_exec, ContainerNotFound)
    shown = capsys.readouterr()
    assert shown.out.splitlines()[:2] == ["web", "old-db"]
    assert "No such container: nope" in shown.out
    assert "No such container: gone" in shown.err


def test_help_is_a_value(shell):
    assert out(shell, "%cont run --help")[1].startswith("Usage:  cont run [OPTIONS] IMAGE")
    assert isinstance(out(shell, "%cont"), Text)


def test_a_question_mark_shows_the_whole_help(shell, capsys):
    shell.run_cell("%cont?")
    shown = capsys.readouterr().out
    assert "Usage:  %cont [OPTIONS] COMMAND" in shown
    assert "ContMagics" in shown


def test_a_cell_for_a_verb_that_reads_none_is_refused(shell):
    done = shell.run_cell("%%cont ps\nls")
    assert "takes no cell body" in str(done.error_in_exec)


def test_lab_mode_is_switched_for_the_engine_to_come(shell, magics):
    assert out(shell, "%cont lab") == ["lab mode is on"]
    assert magics.lab is True
    assert magics._engine is None
    assert out(shell, "%cont lab off") == ["lab mode is off"]
    assert isinstance(shell.run_cell("%cont lab maybe").error_in_exec, UsageError)


def test_config_shows_and_sets_what_can_be_chosen(shell, magics, capsys):
    shell.run_cell("%config ContMagics")
    shown = capsys.readouterr().out
    for name in ("home", "lab", "check", "max_output"):
        assert f"ContMagics.{name}=" in shown
    shell.run_cell("%config ContMagics.max_output = 5")
    assert magics.max_output == 5
    shell.run_cell("%config ContMagics.max_output = 10000000")


def test_the_engine_is_made_on_first_use_from_what_was_configured(
    shell, magics, tmp_path, monkeypatch
):
    monkeypatch.setattr("nbcontainer.engine.Engine", lambda settings: settings)
    magics.home = str(tmp_path)
    magics.lab = True
    assert shell.engine.closed
    assert (magics.engine.home, magics.engine.lab) == (str(tmp_path), True)
    assert magics.engine is magics.engine
    magics._engine = None


def test_the_magic_is_not_expanded_by_ipython(magics):
    assert inspect.unwrap(magics.cont)._ipython_magic_no_var_expand


def test_an_interrupted_command_ends_its_cell_without_a_traceback(shell, capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("nbcontainer.commands.dispatch.call", interrupted)
    done = shell.run_cell("%cont ps\nprint('after')")
    assert isinstance(done.error_in_exec, KeyboardInterrupt)
    said = "".join(capsys.readouterr())
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert "after" not in said


def test_a_copy_of_a_tree_is_said_to_be_under_way_where_somebody_looks(shell, monkeypatch):
    said = []

    @contextmanager
    def waiting(what, show):
        said.append(what)
        yield

    monkeypatch.setattr(progress, "waiting", waiting)
    monkeypatch.setattr(
        type(shell.engine),
        "host",
        SimpleNamespace(settings=SimpleNamespace(lab=False)),
        raising=False,
    )
    # the fake engine copies nothing
    monkeypatch.setattr(module, "_COPIES", ("container rm", "rm"))
    out(shell, "%cont rm web")
    assert said == []
    monkeypatch.setattr(ContMagics, "_has_person", lambda self: True)
    out(shell, "%cont rm web\n%cont rm --help")
    assert said == ["%cont rm web"]
