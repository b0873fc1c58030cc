import os
import subprocess
import sys

import pytest

from nbcontainer import cli
from nbcontainer.errors import (
    CommandNotFound,
    InvalidArgument,
    NameInUse,
    UsageError,
    flag_error,
)
from nbcontainer.results import Chunk
from tests import fakes


@pytest.fixture
def engine(monkeypatch):
    fakes.use_in(monkeypatch)
    made = fakes.FakeEngine()
    monkeypatch.setattr(cli, "_engine", lambda chosen: made)
    return made


def test_a_table_is_printed(engine, capfd):
    assert cli.main(["ps"]) == 0
    assert capfd.readouterr().out.splitlines()[1].split() == ["webid", "nginx:latest", "web"]


def test_a_programs_bytes_and_exit_code_pass_through(engine, capfdbinary):
    engine.session = fakes.FakeSession(
        Chunk("stdout", b"\xff\x1b[2J"), Chunk("stderr", b"e"), code=9
    )
    assert cli.main(["run", "toolbox", "x"]) == 9
    assert capfdbinary.readouterr() == (b"\xff\x1b[2J", b"e")
    assert engine.session.closed


def test_a_detached_container_is_its_id(engine, capfd):
    assert cli.main(["run", "-d", "toolbox"]) == 0
    shown = capfd.readouterr()
    assert shown.out == "f" * 64 + "\n"
    assert shown.err == "WARNING: no limit for swap\n"


def test_what_ended_is_written_with_its_code(engine, capfd):
    assert cli.main(["info"]) == 3
    assert capfd.readouterr() == ("out\n", "err\n")


def test_a_stream_is_written_as_it_comes(engine, capfd):
    assert cli.main(["logs", "web"]) == 0
    assert capfd.readouterr() == ("one\nthree\n", "two\n")


def test_nothing_is_written_for_nothing(engine, capfd):
    assert cli.main(["tag", "a", "b"]) == 0
    assert capfd.readouterr() == ("", "")


def test_of_several_names_each_bad_one_is_said_and_the_code_is_1(engine, capfd):
    assert cli.main(["rm", "web", "x", "y"]) == 1
    shown = capfd.readouterr()
    assert shown.out == "web\n"
    assert shown.err == "Error: No such container: x\nError: No such container: y\n"


def test_when_all_names_are_bad_no_empty_line_is_written(engine, capfd):
    assert cli.main(["rm", "x"]) == 1
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "code", "err"),
    [
        (["foo"], 1, "Error: 'foo' is not a command of nbcontainer\n  See 'nbcontainer --help'.\n"),
        (["--foo"], 125, "Error: unknown flag: --foo\n  See 'nbcontainer --help'.\n"),
        (["--home"], 125, "Error: flag needs an argument: --home\n  See 'nbcontainer --help'.\n"),
        (
            ["run", "-it", "toolbox"],
            1,
            "Error: the input device is not a TTY\n  Leave -t out where stdin is a pipe.\n",
        ),
    ],
)
def test_a_bad_line_is_said_on_stderr_with_its_code(engine, capfd, monkeypatch, words, code, err):
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    assert cli.main(words) == code
    assert capfd.readouterr() == ("", err)
    assert engine.calls == []


def failing(monkeypatch, error):
    def fail(chosen):
        raise error

    monkeypatch.setattr(cli, "_engine", fail)


def test_an_errors_own_code_is_the_exit_code(engine, monkeypatch, capfd):
    failing(monkeypatch, CommandNotFound('exec: "x": executable file not found in $PATH'))
    assert cli.main(["ps"]) == 127


@pytest.mark.parametrize(
    ("words", "code"),
    [("run x", 125), ("container run x", 125), ("create x", 1), ("start x", 1), ("exec x y", 1)],
)
def test_what_is_wrong_before_a_program_runs_is_125_to_run_and_1_elsewhere(words, code):
    assert cli._exit_code(InvalidArgument("no"), words.split()) == code
    assert cli._exit_code(NameInUse("taken"), words.split()) == code
    assert cli._exit_code(UsageError("wants more"), words.split()) == 1
    assert cli._exit_code(flag_error("unknown flag: --x"), words.split()) == 125


def test_an_internal_error_is_one_line_and_a_hint(engine, monkeypatch, capfd):
    failing(monkeypatch, RuntimeError("first\nsecond"))
    assert cli.main(["ps"]) == 125
    assert capfd.readouterr().err == (
        "internal error: RuntimeError: first\n  See all of it with NBCONTAINER_DEBUG=1.\n"
    )


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_developer_sees_the_traceback(engine, monkeypatch, capfd, how):
    failing(monkeypatch, RuntimeError("first\nsecond"))
    if how == "environment":
        monkeypatch.setenv("NBCONTAINER_DEBUG", "1")
    assert cli.main(["--debug", "ps"] if how == "flag" else ["ps"]) == 125
    shown = capfd.readouterr().err
    assert "Traceback" in shown
    assert "second" in shown


def test_an_interrupt_and_a_closed_pipe_have_the_shells_codes(engine, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    assert cli.main(["ps"]) == 130
    failing(monkeypatch, BrokenPipeError())
    assert cli.main(["ps"]) == 141


def test_help_and_version_need_no_engine(engine, monkeypatch, capfd):
    failing(monkeypatch, AssertionError("the engine was made"))
    assert cli.main(["run", "--help"]) == 0
    assert cli.main(["--version"]) == 0
    assert cli.main([]) == 0
    shown = capfd.readouterr().out
    assert "Usage:  nbcontainer run" in shown
    assert "nbcontainer version 0." in shown


def test_a_person_sees_no_control_characters_and_a_pipe_sees_the_bytes(engine, monkeypatch, capfd):
    monkeypatch.setattr(engine, "ps", lambda **flags: fakes.Text(["a\x1b[2J"]))
    from nbcontainer.results import Text

    cli.show(Text(["a\x1b[2J"]))
    assert capfd.readouterr().out == "a\x1b[2J\n"
    monkeypatch.setattr(os, "isatty", lambda fd: True)
    cli.show(Text(["a\x1b[2J"]))
    assert capfd.readouterr().out == "a\\x1b[2J\n"


def test_the_home_flag_reaches_the_settings(monkeypatch, tmp_path):
    words, chosen = cli._global_flags(["--home", str(tmp_path), "ps", "--home"])
    assert words == ["ps", "--home"]
    assert chosen == {"home": str(tmp_path)}
    assert cli._global_flags([f"--home={tmp_path}", "ps"])[1] == {"home": str(tmp_path)}


def test_the_program_exits_with_the_code_and_writes_everything():
    done = subprocess.run(
        [sys.executable, "-m", "nbcontainer", "frobnicate"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: 'frobnicate' is not a command of nbcontainer")


def test_bytes_that_a_command_writes_to_stdout_are_all_there(engine, monkeypatch, capfdbinary):
    from nbcontainer.commands.table import Argument, command

    @command("image save", "save", summary="Save", arguments=(Argument("image"),))
    def save(engine, args):
        args.edge.stdout().write(b"\x00tar" * 1000)

    monkeypatch.setitem(cli.__dict__, "_engine", lambda chosen: engine)
    assert cli.main(["image", "save", "x"]) == 0
    assert capfdbinary.readouterr().out == b"\x00tar" * 1000
