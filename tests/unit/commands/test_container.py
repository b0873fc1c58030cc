from __future__ import annotations

from typing import Any

import pytest

from nbcontainer.commands.table import GROUPS, MODULES, load_all
from nbcontainer.errors import (
    EngineError,
    InvalidArgument,
)
from nbcontainer.results import Image, Table, Text
from nbcontainer.under_way import Live, Stream
from tests.notes import Notes, do


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("start web", ("start", ("web",), {})),
        ("stop -t 3 web", ("stop", ("web",), {"time": 3})),
        ("stop --time 3 -s INT web", ("stop", ("web",), {"time": 3, "signal": "INT"})),
        ("restart web", ("restart", ("web",), {})),
        ("kill web", ("kill", ("web",), {"signal": "KILL"})),
        ("pause web", ("pause", ("web",), {})),
        ("container unpause web", ("unpause", ("web",), {})),
        ("rm -fv web", ("rm", ("web",), {"force": True, "volumes": True})),
        ("volume rm web", ("volume_rm", ("web",), {"force": False})),
    ],
)
def test_a_verb_on_many_prints_the_names_as_they_were_given(
    line: str, call: tuple[str, tuple[Any, ...], dict[str, Any]]
) -> None:
    engine = Notes()
    assert do(line, engine) == Text(["web"])
    assert engine.calls == [call]


def test_wait_prints_exit_codes_in_the_order_of_the_names() -> None:
    class Codes:
        def wait(self, name: str) -> list[int]:
            return [{"a1": 3, "b1": 0}[name]]

    assert do("wait b1 a1", Codes()) == Text(["0", "3"])


def test_start_attaches_to_one_only() -> None:
    assert isinstance(do("start -ai web", Notes()), Live)
    with pytest.raises(InvalidArgument, match="you cannot start and attach multiple containers"):
        do("start -a web db", Notes())


def rows() -> Table:
    return Table("container", [("ID", "CONTAINER ID")], [{"ID": "abc", "Size": "1B"}])


def test_ps_passes_its_flags_on_and_quiet_prints_ids() -> None:
    engine = Notes(ps=rows())
    assert do("ps -aq --no-trunc -f status=exited -n 3", engine) == Text(["abc"])
    assert engine.calls[0][2] == {
        "all": True,
        "filter": ["status=exited"],
        "last": 3,
        "latest": False,
        "no_trunc": True,
        "size": False,
    }


def test_ps_measures_sizes_where_a_template_shows_them() -> None:
    engine = Notes(ps=rows())
    assert do("ps --format {{.Size}}", engine) == Text(["1B"])
    assert engine.calls[0][2]["size"] is True


def test_commit_takes_its_message_with_an_equals_sign() -> None:
    engine = Notes(commit=Image("sha256:1"))
    do("commit -m=hello -a me -c CMD=sh --pause=false web me/web:v2", engine)
    assert engine.calls == [
        (
            "commit",
            ("web", "me/web:v2"),
            {"author": "me", "message": "hello", "change": ["CMD=sh"], "pause": False},
        )
    ]


def test_logs_is_a_stream_of_what_the_engine_yields() -> None:
    engine = Notes(logs=iter(["a"]))
    assert isinstance(do("logs -f --tail 5 -t web", engine), Stream)
    assert engine.calls[0][2]["tail"] == "5"
    assert engine.calls[0][2]["follow"] is True


def test_top_leaves_the_flags_of_ps_alone() -> None:
    engine = Notes(top=rows())
    do("top web -o pid,comm", engine)
    assert engine.calls == [("top", ("web", "-o pid,comm"), {})]


def test_errors_of_the_engine_pass_through() -> None:
    with pytest.raises(EngineError, match="No such container: nope"):
        do("diff nope", Notes())


def test_every_word_that_may_stand_first_leads_to_a_command() -> None:
    table = load_all()
    for word in MODULES:
        assert word in table or word in GROUPS
    for group in GROUPS:
        assert any(path.startswith(f"{group} ") for path in table)
