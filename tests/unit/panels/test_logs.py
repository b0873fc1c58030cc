from __future__ import annotations

import contextlib
import queue
import threading

import pytest

from nbcontainer.errors import ContainerNotFound
from nbcontainer.panels.logs import KEPT_LINES, LogFlags, LogTail
from nbcontainer.results import Chunk
from nbcontainer.spec.event import Event
from tests.unit.panels.test_follower import Source


class Engine:
    """Logs that a test writes; the reader waits on the queue, or ends where it is told to."""

    def __init__(self):
        self.chunks = queue.SimpleQueue()
        self.asked = queue.SimpleQueue()
        self.source = Source()

    def follow(self):
        return self.source

    def logs(self, name, *, follow, tail, since, stop):
        if name == "nope":
            raise ContainerNotFound("No such container: nope")
        self.asked.put((tail, since))
        return iter(self.chunks.get, None)


@pytest.fixture
def stage():
    engine = Engine()
    sent = queue.SimpleQueue()
    yield engine, sent
    with contextlib.suppress(OSError):  # it may have ended before
        engine.source.happen(event("destroy"))


def test_lines_that_come_together_go_in_one_message_told_apart(stage):
    engine, sent = stage
    for number in range(50):
        stream = "stderr" if number % 2 else "stdout"
        engine.chunks.put(Chunk(stream, f"line {number}\n".encode(), number * 1_000_000))
    tail = LogTail(lambda: engine, "web", sent.put)
    assert sent.get(timeout=5) == {"t": "log", "name": "web", "begin": True}
    message = sent.get(timeout=5)
    assert len(message["lines"]) == 50
    assert message["lines"][1] == ["stderr", "line 1\n", 1]
    engine.chunks.put(None)
    assert sent.get(timeout=5) == {"t": "log", "name": "web", "end": ""}
    tail.stop()


def test_colours_pass_and_nothing_else_that_acts(stage):
    engine, sent = stage
    engine.chunks.put(Chunk("stdout", b"\x1b[31mred\x1b[0m\x1b]52;c;eA==\x07\x1b[2J\n"))
    engine.chunks.put(None)
    LogTail(lambda: engine, "web", sent.put)
    sent.get(timeout=5)
    assert sent.get(timeout=5)["lines"][0][1] == "\x1b[31mred\x1b[0m\n"


def test_a_container_that_is_not_there_is_said(stage):
    engine, sent = stage
    LogTail(lambda: engine, "nope", sent.put)
    sent.get(timeout=5)
    assert sent.get(timeout=5)["end"] == "No such container: nope"


def test_who_is_stopped_sends_nothing_more_and_is_woken(stage):
    engine, sent = stage
    tail = LogTail(lambda: engine, "web", sent.put)
    sent.get(timeout=5)
    tail.stop()
    tail.stop()
    engine.chunks.put(Chunk("stdout", b"late\n"))
    engine.chunks.put(None)
    for thread in threading.enumerate():
        if thread.name == "nbcontainer-logs":
            thread.join(5)
    assert sent.empty()


def event(action, name="web"):
    return Event(1, "container", action, "f" * 64, {"name": name})


def test_what_is_written_after_another_start_comes_too(stage):
    engine, sent = stage
    engine.chunks.put(Chunk("stdout", b"first\n", 3_000_000_007))
    engine.chunks.put(None)
    LogTail(lambda: engine, "web", sent.put)
    assert sent.get(timeout=5)["begin"]
    assert sent.get(timeout=5)["lines"]
    assert sent.get(timeout=5)["end"] == ""
    engine.chunks.put(Chunk("stdout", b"second\n", 4_000_000_000))
    engine.chunks.put(None)
    engine.source.happen(event("start", "another"), event("start"))
    assert sent.get(timeout=5)["again"]
    assert sent.get(timeout=5)["lines"][0][1] == "second\n"
    assert sent.get(timeout=5)["end"] == ""
    assert engine.asked.get() == (KEPT_LINES + 1, "")
    # nothing twice, nothing left out
    assert engine.asked.get() == (-1, "3.000000008")
    engine.source.happen(event("destroy"))
    assert sent.get(timeout=5)["end"] == "the container was removed"
    assert engine.source.closed.wait(5)


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (LogFlags(tail="3", since="10m"), (3, "10m")),
        (LogFlags(tail="all"), (KEPT_LINES + 1, "")),
        (LogFlags(tail="0"), (0, "")),
        (LogFlags(tail="99999"), (KEPT_LINES + 1, "")),
        (LogFlags(tail="-1"), (KEPT_LINES + 1, "")),
    ],
)
def test_the_flags_of_the_line_are_followed(stage, flags, asked):
    engine, sent = stage
    tail = LogTail(lambda: engine, "web", sent.put, flags)
    assert engine.asked.get(timeout=5) == asked
    engine.chunks.put(None)
    tail.stop()
