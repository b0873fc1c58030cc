from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbcontainer.spec.event import Event
from nbcontainer.store.events import Events, Follower
from nbcontainer.store.layout import Layout

AtOnce = Callable[[list[Callable[[], object]]], None]


@pytest.fixture
def events(layout: Layout) -> Events:
    return Events(layout)


@pytest.fixture
def follower(events: Events) -> Iterator[Follower]:
    opened = events.follow()
    yield opened
    opened.close()


def event(number: int, **attributes: str) -> Event:
    return Event(number, "container", "start", f"id{number}", attributes)


def test_what_is_published_is_read_in_order(events: Events) -> None:
    published = [event(n, name="web", note='two\nlines\u2028"quoted"') for n in range(1, 4)]
    for each in published:
        events.publish(each)
    assert list(events.read()) == published
    assert list(events.read(2, 2)) == published[1:2]
    assert list(events.read(3)) == published[2:]


def test_reading_before_anything_was_published_finds_nothing(events: Events) -> None:
    assert list(events.read()) == []


def test_a_follower_gets_what_comes_and_nothing_older(events: Events) -> None:
    events.publish(event(1))
    follower = events.follow()
    events.publish(event(2))
    assert next(follower) == event(2)
    with pytest.raises(TimeoutError):
        follower.next_within(0.01)
    follower.close()
    assert follower.next_within(1) is None
    assert list(follower) == []


def test_a_follower_with_since_begins_in_the_past(events: Events) -> None:
    for number in (1, 2, 3):
        events.publish(event(number))
    follower = events.follow(2)
    assert [next(follower).time_ns, next(follower).time_ns] == [2, 3]
    follower.close()


def test_a_follower_may_wait_before_the_file_exists(events: Events, follower: Follower) -> None:
    publisher = threading.Thread(target=lambda: events.publish(event(1)))
    publisher.start()
    assert follower.next_within(10) == event(1)
    publisher.join()


def test_following_ends_at_until(events: Events) -> None:
    now_ns = time.time_ns()
    events.publish(event(now_ns))
    assert list(events.follow(0, now_ns + 20_000_000)) == [event(now_ns)]
    events.publish(event(now_ns + 10**15))
    assert list(events.follow(0, now_ns + 10**14)) == [event(now_ns)]


def test_following_ends_when_it_is_told_to(events: Events) -> None:
    read, write = os.pipe()
    found: list[Event] = []
    follower = events.follow(stop=read)
    thread = threading.Thread(target=lambda: found.extend(follower))
    thread.start()
    os.close(write)
    thread.join(10)
    assert not thread.is_alive()
    os.close(read)


def test_a_waiting_follower_uses_no_processor(events: Events, follower: Follower) -> None:
    before = time.thread_time()
    with pytest.raises(TimeoutError):
        follower.next_within(0.3)
    assert time.thread_time() - before < 0.03


def test_an_event_too_long_for_a_line_is_cut_and_stays_readable(
    events: Events, layout: Layout
) -> None:
    events.publish(event(1, **{f"label{n}": "\u20ac" * 3000 for n in range(40)}))
    events.publish(Event(2, "x" * 9, "exec_start: " + "y" * 9000, "i" * 9000, {"k" * 9000: "v"}))
    with open(layout.events, "rb") as file:
        assert max(map(len, file)) <= 4096
    first, second = events.read()
    assert first.attributes["label0"].startswith("\u20ac\u20ac")
    assert second.action.startswith("exec_start")


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"no json", b'{"t": "x"}', b"[1]", b"\xff\xfe", b"[" * 100_000, b"null"]
)
def test_a_damaged_line_is_passed_over(events: Events, layout: Layout, line: bytes) -> None:
    Path(layout.events).write_bytes(line + b"\n")
    events.publish(event(1))
    assert list(events.read()) == [event(1)]


def test_a_line_cut_by_a_power_loss_costs_one_event_and_no_more(
    events: Events, layout: Layout
) -> None:
    Path(layout.events).write_bytes(b'{"t":1,"type":"conta')
    events.publish(event(1))
    events.publish(event(2))
    assert list(events.read()) == [event(1), event(2)]


def test_a_follower_misses_nothing_over_many_rotations(layout: Layout) -> None:
    events = Events(layout, rotate_bytes=2000)
    follower = events.follow()
    done: list[int] = []

    def publish() -> None:
        for number in range(1, 301):
            events.publish(event(number))
            while len(done) < number - 20:  # two rotations ahead, the oldest is gone for good
                time.sleep(0)

    publisher = threading.Thread(target=publish)
    publisher.start()
    while len(done) < 300:
        found = follower.next_within(10)
        assert found is not None
        done.append(found.time_ns)
    publisher.join()
    follower.close()
    assert done == list(range(1, 301))
    assert os.path.getsize(layout.events) + os.path.getsize(f"{layout.events}.1") < 4500


def test_nothing_is_written_to_a_file_that_is_being_rotated_away(
    events: Events, layout: Layout
) -> None:
    events.publish(event(1))
    with open(layout.events) as rotated:
        fcntl.flock(rotated, fcntl.LOCK_EX)
        publisher = threading.Thread(target=lambda: events.publish(event(2)))
        publisher.start()
        publisher.join(0.1)
        assert publisher.is_alive()
        os.rename(layout.events, f"{layout.events}.1")
    publisher.join()
    assert Path(f"{layout.events}.1").read_text().count("\n") == 1
    assert Path(layout.events).read_text().count("\n") == 1


def test_history_goes_back_over_one_rotation(layout: Layout) -> None:
    events = Events(layout, rotate_bytes=2000)
    for number in range(1, 30):
        events.publish(event(number))
    numbers = [each.time_ns for each in events.read()]
    assert numbers == list(range(numbers[0], 30))
    assert [next(follower).time_ns for follower in [events.follow(0)] for _ in numbers] == numbers


def test_eight_processes_publish_at_once_and_no_event_is_lost_or_torn(
    layout: Layout, all_at_once: AtOnce
) -> None:
    events = Events(layout, rotate_bytes=100_000)
    all_at_once(
        [
            lambda p=p: [events.publish(event(p * 1000 + n, note="x" * 50)) for n in range(100)]  # type: ignore[misc]
            for p in range(1, 9)
        ]
    )
    numbers = sorted(each.time_ns for each in events.read())
    assert numbers == sorted(p * 1000 + n for p in range(1, 9) for n in range(100))
