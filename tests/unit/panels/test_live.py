from __future__ import annotations

import pytest

from nbcontainer.commands import dispatch
from nbcontainer.commands.parse import parse
from nbcontainer.panels.live import Live
from nbcontainer.panels.logs import LogFlags
from nbcontainer.results import Table
from nbcontainer.spec.event import Event
from tests.pages import pages as pages
from tests.unit.panels.test_follower import Source as Events

COLUMNS = (("ID", "CONTAINER ID"), ("Names", "NAMES"))


class Meter:
    def __init__(self, names, flags):
        self.names, self.flags = names, flags

    def read(self):
        return Table("stats", (("Name", "NAME"),), [{"ID": "a", "Name": "web"}])


class Engine:
    """Two containers; every call of `ps` is noted."""

    def __init__(self):
        self.source = Events()
        self.asked = []
        self.happened = [Event(1, "container", "start", "a", {"name": "web"})]

    def follow(self):
        return self.source

    def ps(self, **flags):
        self.asked.append(flags)
        rows = [{"ID": "a" * 12, "Names": "web"}, {"ID": "b" * 12, "Names": "db"}]
        return Table("container", COLUMNS, rows)

    def images(self, repository="", **flags):
        return Table("image", (("ID", "IMAGE ID"),), [{"ID": "1", "Repository": "r", "Tag": "t"}])

    def volume_ls(self, **flags):
        return Table("volume", (("Name", "NAME"),), [{"Name": "data"}])

    def network_ls(self, **flags):
        return Table("network", (("Name", "NAME"),), [{"Name": "bridge"}])

    def meter(self, *names, **flags):
        return Meter(names, flags)

    def events(self, **flags):
        self.asked.append(flags)
        return iter(self.happened)


@pytest.fixture
def stage(pages):
    engine = Engine()
    live = Live(lambda: engine)
    yield engine, live, pages
    live.close()


def shown(live, engine, line, method="table"):
    parsed = parse(line.split())
    return getattr(live, method)(parsed, dispatch.call(parsed, lambda: engine))


def test_a_table_is_read_again_by_the_command_that_made_it(stage):
    engine, live, _ = stage
    board = shown(live, engine, "ps -a --filter label=x")
    board.release()
    engine.asked.clear()
    entries = live._reader(parse("ps -a --filter label=x".split()))(["a" * 12])
    assert [entry.name for entry in entries] == ["web", "db"]
    assert engine.asked[0]["filter"] == ["label=x", f"id={'a' * 12}"]
    assert engine.asked[0]["all"] is True


@pytest.mark.parametrize(
    "line", ["ps --last 3", "ps -l", "ps --filter id=a", "ps --filter since=web"]
)
def test_lines_that_depend_on_each_other_are_read_together(stage, line):
    engine, live, _ = stage
    board = shown(live, engine, line)
    assert board._feeds["containers"].view.kind == "listing"


def test_the_panel_has_a_tab_for_everything_there_is(stage):
    engine, live, pages = stage
    board = shown(live, engine, "panel", "panel")
    titles = [view["title"] for view in pages[0].state["views"]]
    assert titles == ["Containers", "Images", "Volumes", "Networks", "Stats", "Events"]
    assert pages[0].state["look"] == "panel"
    assert [row["cells"]["Action"] for row in board.all_rows()["events"]] == ["start"]


def test_events_begin_where_they_are_asked_to(stage):
    engine, live, _ = stage
    assert live.events(parse(["events"])).all_rows()["events"] == []
    assert engine.asked == []
    board = live.events(parse("events --since 10m --filter type=container".split()))
    assert len(board.all_rows()["events"]) == 1
    assert engine.asked[0]["filter"] == ["type=container"]


def test_stats_are_those_of_the_named(stage):
    _, live, _ = stage
    board = live.stats(parse(["stats", "web", "-a"]))
    assert board._sources[0].sampled
    assert [row["name"] for row in board.all_rows()["stats"]] == ["web"]


def test_logs_are_followed_once_a_page_looks(stage):
    _, live, pages = stage
    live.log(parse(["logs", "-f", "web"]))
    assert pages[0].state["log_of"] == "web"
    assert pages[0].state["log_times"] == ""
    board = live.log(parse("logs -f -t --tail 5 --since 10m web".split()))
    assert pages[1].state["log_times"] == "on"
    assert board._log_flags == LogFlags(tail="5", since="10m")


def test_in_lab_mode_ages_stand_still(pages):
    engine = Engine()
    live = Live(lambda: engine, ticks=False)
    shown(live, engine, "ps")
    assert pages[0].state["tick"] == "off"
    live.close()
