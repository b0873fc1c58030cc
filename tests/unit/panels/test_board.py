from __future__ import annotations

import queue
import threading

import pytest

from nbcontainer.panels import board as module
from nbcontainer.panels.board import Board, Source
from nbcontainer.panels.follower import Follower
from nbcontainer.panels.model import Entry
from tests import fakes
from tests.pages import pages as pages
from tests.unit.panels.test_follower import Source as Events
from tests.unit.panels.test_follower import start

KEY = "f" * 12


class Stage:
    def __init__(self) -> None:
        self.events = Events()
        self.engine = fakes.FakeEngine()
        self.follower = Follower(lambda: self.events)
        self.name = "web"
        self.reads = queue.SimpleQueue()

    def read(self, keys):
        self.reads.put(keys)
        return [Entry(KEY, self.name, cells={"Names": self.name})]

    def board(self, **more):
        source = Source(
            "containers", "container", "Containers", (("Names", "NAMES"),),
            (Entry(KEY, "web", cells={"Names": "web"}),), self.read, **more,
        )  # fmt: skip
        return Board([source], self.follower, lambda: self.engine)


@pytest.fixture
def stage(monkeypatch, pages):
    fakes.use_in(monkeypatch)
    made = Stage()
    yield made
    made.follower.close()


def test_a_page_that_comes_new_has_every_line(stage, pages):
    stage.board()
    rows = pages[0].state["rows"]["containers"]
    assert [row["name"] for row in rows] == ["web"]
    (view,) = pages[0].state["views"]
    assert view["columns"] == [["Names", "NAMES"]]
    assert {action["id"] for action in view["actions"]} >= {"stop", "rm", "logs"}


def test_a_change_is_a_patch_and_a_second_page_has_it_too(stage, pages):
    board = stage.board().follow()
    assert stage.reads.get(timeout=5) is None
    stage.name = "renamed"
    stage.events.happen(start())
    message = pages[0].hear_kind("patch")
    assert (message["view"], message["put"][0]["name"], message["drop"]) == (
        "containers",
        "renamed",
        [],
    )
    assert board.get_state("rows")["rows"]["containers"][0]["name"] == "renamed"


def test_a_click_is_echoed_done_and_answered(stage, pages):
    stage.board()
    pages[0].say(
        {"t": "do", "n": 7, "view": "containers", "action": "rm", "names": ["web", "nope"]}
    )
    assert pages[0].hear() == {"t": "echo", "n": 7, "page": "", "line": "%cont rm -f web nope"}
    done = pages[0].hear()
    assert (done["t"], done["n"], done["good"], done["lines"]) == ("done", 7, False, ["web"])
    assert "No such container: nope" in done["errors"][0]


def test_a_click_on_what_there_is_not_is_answered_too(stage, pages):
    stage.board()
    pages[0].say({"t": "do", "n": 1, "view": "nowhere", "action": "rm", "names": ["web"]})
    assert pages[0].hear_kind("done")["good"] is False
    pages[0].say("no message of ours")


def test_nobody_who_looks_is_told_nothing_and_costs_nothing(stage, pages):
    board = stage.board().follow()
    stage.reads.get(timeout=5)
    pages[0].say({"t": "shown"})
    pages[0].say({"t": "hidden"})
    assert stage.events.closed.wait(5)
    stage.events = Events()
    pages[0].say({"t": "shown"})
    # what it missed is read when it is looked at again
    assert stage.reads.get(timeout=5) is None
    board.release()


def test_figures_are_measured_only_while_somebody_looks(stage, pages, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_S", 0.01)
    stage.board(sampled=True)
    pages[0].say({"t": "shown"})
    stage.reads.get(timeout=5)
    with pytest.raises(queue.Empty):
        stage.reads.get(timeout=0.1)
    pages[0].say({"t": "looks", "view": "containers"})
    for _ in range(4):
        stage.reads.get(timeout=5)
    pages[0].say({"t": "hidden"})
    assert stage.events.closed.wait(5)
    names = {thread.name for thread in threading.enumerate()}
    assert "nbcontainer-follow" not in names or stage.events.closed.is_set()


def test_a_board_that_is_closed_lets_go_of_the_engine(stage, pages):
    board = stage.board().follow()
    stage.reads.get(timeout=5)
    board.close()
    assert stage.events.closed.wait(5)


def test_two_pages_measure_as_long_as_one_of_them_looks(stage, pages, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE_S", 0.01)
    board = stage.board(sampled=True)
    for page in ("a", "b"):
        pages[0].say({"t": "shown", "page": page})
        pages[0].say({"t": "looks", "page": page, "view": "containers"})
    pages[0].say({"t": "looks", "page": "b", "view": "elsewhere"})
    for _ in range(4):
        stage.reads.get(timeout=5)
    sampler = board._sampler
    pages[0].say({"t": "hidden", "page": "a"})
    assert sampler._stopped.is_set()
    assert board._sampler is None
    pages[0].say({"t": "hidden", "page": "b"})
    assert stage.events.closed.wait(5)


def test_an_answer_names_the_page_that_asked(stage, pages):
    stage.board()
    pages[0].say(
        {"t": "do", "n": 1, "page": "p", "view": "containers", "action": "rm", "names": ["web"]}
    )
    assert pages[0].hear_kind("done")["page"] == "p"
