from __future__ import annotations

import os
import queue
import select
import threading
import time

import pytest

from nbcontainer.errors import Unavailable
from nbcontainer.panels import follower as module
from nbcontainer.panels.follower import INTERVAL_S, Feed, Follower
from nbcontainer.panels.model import Entry
from nbcontainer.spec.event import Event

WEB = "f" * 64


class Source:
    """Events that a test puts in."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK)
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.closed = threading.Event()
        self.looked = 0

    def happen(self, *events: Event) -> None:
        for event in events:
            self.events.put(event)
        os.eventfd_write(self.descriptor, 1)

    def next_within(self, timeout_s):
        self.looked += 1
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            pass
        try:
            return self.events.get_nowait()
        except queue.Empty:
            raise TimeoutError from None

    def fileno(self):
        return self.descriptor

    def close(self):
        self.closed.set()
        os.close(self.descriptor)


def start(name="web"):
    return Event(time.time_ns(), "container", "start", WEB, {"name": name})


class Stage:
    """A follower, a view of containers, what it read and what it sent."""

    def __init__(self) -> None:
        self.source = Source()
        self.follower = Follower(lambda: self.source)
        self.sent: queue.SimpleQueue = queue.SimpleQueue()
        self.asked: list = []
        self.names = {WEB[:12]: 0}
        self.feed = Feed("container", [], self.read, self.sent.put)

    def read(self, keys):
        self.asked.append(keys)
        return [Entry(key, f"{key}{number}") for key, number in self.names.items()]


def followers():
    return {thread for thread in threading.enumerate() if thread.name == "nbcontainer-follow"}


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.follower.close()
    if made.follower.is_running or not made.source.closed.is_set():
        assert made.source.closed.wait(5)


def test_a_view_that_joins_is_read_once_since_events_may_have_passed(stage):
    stage.follower.add(stage.feed)
    assert [entry.key for entry in stage.sent.get(timeout=5).put] == [WEB[:12]]
    assert stage.asked == [None]


def test_an_event_has_only_its_line_read(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    stage.names[WEB[:12]] = 1
    stage.source.happen(start())
    assert stage.sent.get(timeout=5).put[0].name.endswith("1")
    assert stage.asked[-1] == [WEB[:12]]


def test_a_flood_is_merged_to_ten_messages_a_second(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    began = time.monotonic()
    while time.monotonic() - began < 4.5 * INTERVAL_S:
        stage.names[WEB[:12]] += 1
        stage.source.happen(start())
        select.select([], [], [], 0.001)
    spent = time.monotonic() - began
    assert 2 <= stage.sent.qsize() <= spent / INTERVAL_S + module.AT_ONCE


def test_what_comes_a_moment_after_the_first_need_not_wait(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    select.select([], [], [], 2 * INTERVAL_S)
    began = time.monotonic()
    for number in (1, 2):
        stage.names[WEB[:12]] = number
        stage.source.happen(start())
        assert stage.sent.get(timeout=5).put[0].name.endswith(str(number))
    assert time.monotonic() - began < INTERVAL_S / 2


def test_what_reads_as_before_is_not_sent(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    stage.source.happen(start())
    with pytest.raises(queue.Empty):
        stage.sent.get(timeout=2 * INTERVAL_S)
    assert stage.asked[-1] == [WEB[:12]]


def test_a_store_that_cannot_be_read_is_tried_again_with_the_next_event(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    read = stage.feed._read
    failed = threading.Event()

    def fail(keys):
        failed.set()
        raise Unavailable("the store is being changed")

    stage.feed._read = fail
    stage.source.happen(start())
    assert failed.wait(5)
    stage.feed._read = read
    stage.names[WEB[:12]] = 5
    stage.source.happen(start())
    assert stage.sent.get(timeout=5).put[0].name.endswith("5")


def test_nothing_is_looked_at_while_nothing_happens(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    looked = stage.source.looked
    select.select([], [], [], 3 * INTERVAL_S)
    assert stage.source.looked <= looked + 1
    assert stage.asked == [None]


def test_the_thread_ends_with_the_last_view_and_begins_with_the_next(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    stage.follower.remove(stage.feed)
    assert stage.source.closed.wait(5)
    stage.source = Source()
    stage.names["b"] = 0
    stage.follower.add(stage.feed)
    assert [entry.key for entry in stage.sent.get(timeout=5).put] == ["b"]


def test_views_share_one_thread(stage):
    before = followers()
    others = [Feed("event", [], None, stage.sent.put) for _ in range(5)]
    for feed in [stage.feed, *others]:
        stage.follower.add(feed)
    assert len(followers() - before) == 1


def test_a_view_hears_only_what_it_admits(stage):
    feed = Feed("event", [], None, stage.sent.put, lambda event: event.attributes["name"] == "db")
    stage.follower.add(feed)
    stage.source.happen(start("web"), start("db"))
    assert [entry.name for entry in stage.sent.get(timeout=5).put] == ["db"]


def test_many_lines_at_once_are_read_as_a_whole(stage):
    stage.follower.add(stage.feed)
    stage.sent.get(timeout=5)
    many = module._MOST_KEYS + 1
    stage.source.happen(
        *[Event(1, "container", "start", f"{at:064d}"[::-1], {}) for at in range(many)]
    )
    deadline = time.monotonic() + 5
    while len(stage.asked) < 2 and time.monotonic() < deadline:
        select.select([], [], [], 0.01)
    assert stage.asked[-1] is None
