from __future__ import annotations

import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import (
    UsageError,
)
from nbcontainer.results import Detail, Table, Text
from nbcontainer.spec.event import Event
from tests.notes import Notes, do


def test_inspect_shows_what_is_there_and_names_what_is_not() -> None:
    engine = Notes(inspect=Detail([{"Id": "1"}]))
    found = do("inspect nope web", engine)
    assert found.documents == ({"Id": "1"},)
    assert len(found.errors) == 1
    shown = do("inspect -f {{.Id}} web nope", engine)
    assert (shown.lines, len(shown.errors)) == (("1",), 1)
    with pytest.raises(UsageError, match='unknown type: "foo"'):
        do("inspect --type foo web", engine)


def test_events_are_lines_as_docker_prints_them() -> None:
    event = Event(1_000_000_000, "container", "die", "abc", {"name": "web", "exitCode": "0"})
    shown = do("events --since 0 --until 1", Notes(events=iter([event])))
    assert list(shown) == [
        "1970-01-01T00:00:01.000000000Z container die abc (exitCode=0, name=web)"
    ]
    shown = do("events --format {{.Action}}", Notes(events=iter([event])))
    assert list(shown) == ["die"]


def test_system_prune_asks_with_what_it_would_remove():
    asked = []
    edge = Edge(confirm=lambda question: bool(asked.append(question)))
    engine = Notes(system_prune=Text(["x"]))
    assert do("system prune -a --volumes", engine, edge=edge) == Text()
    assert "all anonymous volumes" in asked[0]
    assert "without at least one container" in asked[0]
    assert engine.calls == []
    do("system prune -f --filter label=a", engine)
    assert engine.calls[0][2] == {"all": False, "volumes": False, "filter": ["label=a"]}


def test_system_df_is_a_table_or_text():
    table = Table("usage", (("Type", "TYPE"),), [{"Type": "Images"}])
    assert do("system df", Notes(system_df=table)) is table
    assert list(do("system df --format {{.Type}}", Notes(system_df=table))) == ["Images"]
    assert do("system df -v", Notes(system_df=Text(["x"]))) == Text(["x"])
