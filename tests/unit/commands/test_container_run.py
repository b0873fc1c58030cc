from __future__ import annotations

import pytest

from nbcontainer.errors import (
    InvalidArgument,
    Unsupported,
    UsageError,
)
from nbcontainer.results import Container, Text
from nbcontainer.under_way import Live, Transfer
from tests.notes import Notes, do


def test_run_attaches_and_keeps_flags_after_the_image_for_the_program() -> None:
    engine = Notes(run_session="session")
    live = do("run --rm -it -m 64m --name web -e A=1 toolbox ls -l --rm", engine)
    assert isinstance(live, Live)
    assert live.interactive
    assert engine.calls[1:] == [
        (
            "run_session",
            ("toolbox", ["ls", "-l", "--rm"]),
            {
                "attach": ["stdin", "stdout", "stderr"],
                "rm": True,
                "interactive": True,
                "tty": True,
                "memory": "64m",
                "name": "web",
                "env": ["A=1"],
                "pull": "never",
            },
        )
    ]


def test_run_in_the_background_gives_a_container() -> None:
    engine = Notes(run=Container("abc"))
    assert str(do("run -d --net none nginx", engine)) == "abc"
    flags = {"detach": True, "network": ["none"], "pull": "never"}
    assert engine.calls[1:] == [("run", ("nginx", []), flags)]


@pytest.mark.parametrize("verb", ["run", "run -d", "create"])
def test_what_is_missing_is_pulled_before_it_is_run(verb: str) -> None:
    engine = Notes(
        missing_session=Transfer(["Unable to find image"], aside=True), run=Container("abc")
    )
    pulling = do(f"{verb} --pull always --platform linux/arm64 -q nginx", engine)
    assert isinstance(pulling, Transfer)
    assert engine.calls == [
        (
            "missing_session",
            ("nginx",),
            {"pull": "always", "platform": "linux/arm64", "quiet": True},
        )
    ]
    assert pulling.then is not None
    pulling.then()
    # it was done, and is not done again
    assert engine.calls[1][2]["pull"] == "never"


def test_run_attaches_only_the_streams_that_were_named() -> None:
    engine = Notes()
    live = do("run -i -a STDOUT toolbox true", engine)
    assert (live.interactive, live.attached) == (False, ("stdout",))
    with pytest.raises(InvalidArgument, match="cannot specify both --attach and --detach"):
        do("run -d -a stdout toolbox", engine)


def test_a_cells_body_is_the_programs_input() -> None:
    engine = Notes()
    live = do("run toolbox sh", engine, body="echo hi\n")
    assert live.interactive
    assert engine.calls[1][2]["interactive"] is True
    do("exec web", engine, body="hostname\n")
    assert engine.calls[2] == ("exec_session", ("web", ["sh"]), {"interactive": True})
    with pytest.raises(UsageError, match="nobody to read"):
        do("run -d toolbox", engine, body="x")


def test_a_flag_that_is_not_offered_is_refused_with_its_reason() -> None:
    with pytest.raises(Unsupported, match="--link is not supported: name the other"):
        do("run --link db nginx", Notes())


def test_exec_needs_a_command_on_a_line() -> None:
    with pytest.raises(UsageError, match="requires at least 2 arguments"):
        do("exec web", Notes())


def test_exec_in_the_background_says_nothing() -> None:
    engine = Notes()
    assert do("exec -d -u 1 -w /x -e A=1 web sleep 9", engine) == Text()
    assert engine.calls == [
        (
            "exec",
            ("web", ["sleep", "9"]),
            {"detach": True, "user": "1", "workdir": "/x", "env": ["A=1"]},
        )
    ]


def test_plan_shows_a_line_for_each_step() -> None:
    class Step:
        phase, do, why = "clone", "map_ids", "root inside is nobody outside"
        args = {"inside": 0, "outside": 100000, "names": []}

    class Made:
        steps = (Step(),)

    table = do("plan run --memory 64m toolbox true", Notes(plan=Made()))
    assert table[0]["Summary"] == "inside=0 outside=100000"
    assert do("plan run --format {{.Step}} toolbox", Notes(plan=Made())) == Text(["map_ids"])
