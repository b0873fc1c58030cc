from __future__ import annotations

import threading
import time

import pytest

from nbcontainer.panels import audience as module
from nbcontainer.panels.audience import Audience


class Tail:
    def __init__(self, page, container):
        self.page, self.container = page, container
        self.is_stopped = False

    def stop(self):
        self.is_stopped = True


class Stage:
    def __init__(self):
        self.tails = []
        self.asked = 0
        self.changed = threading.Event()
        self.audience = Audience(self.tail, self.ask, lambda audience: self.changed.set())

    def tail(self, page, container):
        self.tails.append(Tail(page, container))
        return self.tails[-1]

    def ask(self):
        self.asked += 1

    def say(self, kind, page, **more):
        self.changed.clear()
        self.audience.hear(kind, {"page": page, **more})


@pytest.fixture
def stage(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    return Stage()


def test_what_one_page_looks_at_is_no_other_pages_affair(stage):
    stage.say("looks", "a", view="stats")
    stage.say("looks", "b", view="containers")
    assert stage.audience.views == {"stats", "containers"}
    stage.say("log", "a", name="web")
    stage.say("log", "b", name="db")
    assert [tail.is_stopped for tail in stage.tails] == [False, False]
    stage.say("log", "b", name="")
    assert [tail.is_stopped for tail in stage.tails] == [False, True]
    stage.say("hidden", "a")
    assert [tail.is_stopped for tail in stage.tails] == [True, True]
    assert stage.audience.views == {"containers"}


def test_a_page_that_went_without_a_word_is_missed_when_another_comes(stage):
    stage.say("looks", "old", view="stats")
    stage.say("log", "old", name="web")
    stage.say("shown", "new")
    assert stage.asked == 1
    deadline = time.monotonic() + 20
    while not stage.tails[0].is_stopped and time.monotonic() < deadline:
        stage.changed.wait(0.05)
        stage.changed.clear()
    assert stage.tails[0].is_stopped
    assert stage.audience.views == {""}
    stage.say("hidden", "new")
    assert not stage.audience


def test_a_page_that_answers_stays_as_it_is(stage):
    stage.say("looks", "old", view="stats")
    stage.say("log", "old", name="web")
    stage.say("shown", "new")
    stage.say("here", "old", view="stats", name="web")
    assert len(stage.tails) == 1
    assert stage.audience.views == {"stats", ""}
    # one that was given up and answers late is followed again
    stage.audience.clear()
    stage.say("here", "old", view="stats", name="web")
    assert [tail.is_stopped for tail in stage.tails] == [True, False]


def test_while_a_cell_runs_no_time_counts(stage, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "_later", lambda delay_s, call: calls.append(call))
    monkeypatch.setattr(module.time, "monotonic", lambda: 0.0)
    stage.say("looks", "old", view="stats")
    stage.say("shown", "new")
    monkeypatch.setattr(module.time, "monotonic", lambda: 600.0)
    calls.pop()()  # the cell ended: the answer may be the next message
    stage.say("here", "old", view="stats")
    calls.pop()()
    assert stage.audience.views == {"stats", ""}
