from __future__ import annotations

import pytest

from nbcontainer.panels.model import KEPT_EVENTS, Entry, View, entries_of, fold, patch, take
from nbcontainer.results import Table
from nbcontainer.spec.event import Event

WEB = "f" * 64
KEY = WEB[:12]


def event(action, id=WEB, type="container", at=1, **attributes):
    return Event(at, type, action, id, attributes)


def view_of(kind, *names):
    return take(View(kind), [Entry(key=name, name=name) for name in names])


@pytest.mark.parametrize(
    "action", ["create", "start", "die", "pause", "rename", "health_status: healthy"]
)
def test_what_happens_to_a_container_has_its_line_read_again_and_no_other(action):
    after = fold(view_of("container", KEY, "other"), event(action))
    assert after.stale == {KEY}
    assert not after.is_stale


@pytest.mark.parametrize("action", ["exec_start: ls", "attach", "resize", "kill", "exec_die"])
def test_what_changes_no_line_changes_nothing(action):
    view = view_of("container", KEY)
    assert fold(view, event(action)) is view


def test_a_container_that_is_gone_leaves_at_once_and_is_not_read():
    started = fold(view_of("container", KEY, "other"), event("die"))
    gone = fold(started, event("destroy"))
    assert list(gone.entries) == ["other"]
    assert not gone.needs_reading


def test_an_event_of_the_store_is_about_no_container():
    view = view_of("container", KEY)
    assert fold(view, event("prune", id="")) is view
    assert fold(view, event("create", type="volume", id="data")) is view


def test_a_network_that_is_connected_changes_the_containers_line():
    connected = event("connect", id="n1", type="network", container=WEB)
    assert fold(view_of("container", KEY), connected).stale == {KEY}


@pytest.mark.parametrize("kind", ["image", "volume", "network"])
def test_the_other_tables_are_read_whole_when_one_of_theirs_changes(kind):
    assert fold(view_of(kind), event("create", id="x", type=kind)).is_stale
    assert fold(view_of(kind), event("destroy")).is_stale
    assert not fold(view_of(kind), event("start")).is_stale
    other = "image" if kind != "image" else "volume"
    assert not fold(view_of(kind), event("create", id="x", type=other)).is_stale


def test_saving_an_image_changes_no_table():
    view = view_of("image")
    assert fold(view, event("save", type="image")) is view


def test_lines_that_depend_on_each_other_are_read_together():
    assert fold(view_of("listing", KEY), event("start")).is_stale
    assert fold(view_of("listing", KEY), event("destroy")).is_stale


def test_figures_are_about_those_that_run():
    assert fold(view_of("stats"), event("die")).is_stale
    assert not fold(view_of("stats"), event("create")).is_stale


def test_events_are_their_own_lines_and_the_oldest_go():
    view = View("event")
    for at in range(KEPT_EVENTS + 5):
        view = fold(view, event("start", at=at, name="web"))
    assert len(view.entries) == KEPT_EVENTS
    ranks = [entry.rank for entry in view.entries.values()]
    assert min(ranks) == -(KEPT_EVENTS + 4) / 1e6
    first = next(iter(view.entries.values()))
    assert (first.name, first.cells["Action"], first.state) == ("web", "start", "start")


def test_a_line_that_was_asked_for_and_is_not_there_has_left():
    view = fold(view_of("container", KEY, "other"), event("die"))
    after = take(view, [], [KEY])
    assert list(after.entries) == ["other"]
    assert not after.needs_reading


def test_of_what_was_read_only_what_was_asked_for_is_taken():
    view = view_of("container", "a")
    after = take(view, [Entry("a", "new"), Entry("b", "b")], ["a"])
    assert {key: entry.name for key, entry in after.entries.items()} == {"a": "new"}


def test_a_patch_names_what_came_changed_and_went():
    before = take(View("container"), [Entry("a", "a"), Entry("b", "b"), Entry("c", "c")])
    after = take(before, [Entry("a", "a"), Entry("b", "B"), Entry("d", "d")])
    found = patch(before, after)
    assert [entry.key for entry in found.put] == ["b", "d"]
    assert found.drop == ("c",)
    assert found
    assert not patch(after, after)


def test_a_containers_line_carries_what_a_page_needs_to_keep_it_in_sight():
    row = {
        "ID": KEY, "Names": "web,alias", "Status": "Up 3 seconds", "State": "running",
        "Ages": lambda: {"Status": ("Up {}", 5_000_000), "RunningFor": ("{} ago", 2_000_000)},
    }  # fmt: skip
    (entry,) = entries_of(Table("container", (("ID", "ID"), ("Status", "STATUS")), [row]))
    assert (entry.key, entry.name, entry.state, entry.rank) == (KEY, "web", "running", -2.0)
    assert entry.cells == {"ID": KEY, "Status": "Up 3 seconds"}
    assert entry.ages == {"Status": ("Up {}", 5), "RunningFor": ("{} ago", 2)}


def test_two_names_of_an_image_are_two_lines():
    rows = [
        {"ID": "a1", "Repository": "web", "Tag": "1"},
        {"ID": "a1", "Repository": "web", "Tag": "2"},
        {"ID": "a2", "Repository": "<none>", "Tag": "<none>"},
    ]
    entries = entries_of(Table("image", (("ID", "ID"),), rows))
    assert [entry.name for entry in entries] == ["web:1", "web:2", "a2"]
    assert len({entry.key for entry in entries}) == 3


def test_a_column_that_nobody_foresaw_is_shown():
    table = Table("network", (("Name", "NAME"), ("Driver", "DRIVER")), [{"Name": "n", "Driver": 1}])
    assert entries_of(table)[0].cells == {"Name": "n", "Driver": "1"}


def test_what_could_make_a_page_lie_is_written_out():
    table = Table("volume", (("Name", "NAME"),), [{"Name": "a\u202eb"}])
    assert entries_of(table)[0].cells == {"Name": "a\\u202eb"}


def test_a_line_has_the_links_of_its_ports():
    links = {"0.0.0.0:8080->80/tcp": "http://localhost:8080/"}
    rows = [{"ID": KEY, "Names": "web", "Links": links}, {"ID": "b" * 12, "Names": "db"}]
    table = Table("container", (("Names", "NAMES"),), rows)
    assert [entry.links for entry in entries_of(table)] == [links, {}]
