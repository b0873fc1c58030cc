"""The one thread of a notebook kernel that waits for events and brings views up to date.

It sleeps until something happens: an event, a view that joins, the end.  A view that changed is sent at
once, twice if need be (a container is created, and started a moment later), and at most ten times in any
second: what comes in between is merged.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from ..errors import EngineError
from ..spec.event import Event
from .model import Entry, Patch, View, fold, patch, take

# two at once and one every 125 ms after that: ten in the fullest second
INTERVAL_S = 0.125
AT_ONCE = 2
# a view that joins was read a moment ago: it is read again when the page has drawn it
SETTLE_S = 0.5
_LOOK_S = 0.5
_MOST_KEYS = 50  # more stale lines than that: reading the whole table is cheaper


class EventSource(Protocol):
    """Events to come, as `Engine.follow` returns them."""

    def next_within(self, timeout_s: float | None) -> Event | None:
        """Return the next one, None at the end.  Raises: TimeoutError."""

    def fileno(self) -> int:
        """Return what becomes readable when there may be one; -1 = nothing does."""

    def close(self) -> None:
        """Let go of it."""


Read = Callable[[Iterable[str] | None], list[Entry]]
Send = Callable[[Patch], None]


class Feed:
    """A view that is kept up to date: what it shows, how it is read, where changes go."""

    def __init__(
        self,
        kind: str,
        entries: Iterable[Entry],
        read: Read | None,
        send: Send,
        admits: Callable[[Event], bool] | None = None,
    ) -> None:
        self.view = take(View(kind), entries)
        self._admits = admits
        self.lock = threading.Lock()
        self._read = read
        self._send = send
        self._sent = self.view
        self._allowed_at = float("-inf")
        self._settles_at = float("-inf")

    def reset(self, *, settle_s: float = 0.0) -> None:
        """Have all of it read again, in a while or with the next event: some may have passed by unseen."""
        if self._read is not None:
            with self.lock:
                self.view = View(self.view.kind, self.view.entries, is_stale=True)
                self._settles_at = time.monotonic() + settle_s

    def take_event(self, event: Event) -> None:
        """Fold an event in, if it is one of those that the view is about."""
        if self._admits is None or self._admits(event):
            with self.lock:
                before, self.view = self.view, fold(self.view, event)
                if self.view is not before:
                    self._settles_at = float("-inf")

    def due_in(self, now: float) -> float | None:
        """Return in how many seconds there is something to send; None = nothing."""
        if self.view.needs_reading or self.view.entries is not self._sent.entries:
            return max(0.0, self._allowed_at - now, self._settles_at - now)
        return None

    def refresh(self, now: float) -> None:
        """Read what is stale, and send what changed."""
        with self.lock:
            view = self.view
            if view.needs_reading and self._read is not None:
                keys = None if view.is_stale or len(view.stale) > _MOST_KEYS else sorted(view.stale)
                try:
                    view = take(view, self._read(keys), keys)
                except (EngineError, OSError):
                    # the store cannot be read now; the next event tries again
                    view = View(view.kind, view.entries)
            difference = patch(self._sent, view)
            self.view = self._sent = view
            if difference:
                # as a bucket with AT_ONCE drops in it that fills by one each INTERVAL_S
                full = now - (AT_ONCE - 1) * INTERVAL_S
                self._allowed_at = max(self._allowed_at, full) + INTERVAL_S
        if difference:
            self._send(difference)


class Follower:
    """Views of one store.  Threads may add and remove; the thread lives while there is one."""

    def __init__(self, follow: Callable[[], EventSource]) -> None:
        self._follow = follow
        self._lock = threading.Lock()
        self._feeds: list[Feed] = []
        self._wake = -1

    def add(self, feed: Feed, *, settle_s: float = 0.0) -> None:
        """Keep a view up to date from now on; it is read again once, in `settle_s` at the latest."""
        feed.reset(settle_s=settle_s)
        with self._lock:
            if not any(other is feed for other in self._feeds):
                self._feeds = [*self._feeds, feed]
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)
                return
            # the source is opened here: what happens from this moment on is not missed
            source = self._follow()
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        threading.Thread(
            target=self._run, args=(source,), name="nbcontainer-follow", daemon=True
        ).start()

    def remove(self, feed: Feed) -> None:
        """Let go of a view; one that was not there is no error."""
        with self._lock:
            self._feeds = [other for other in self._feeds if other is not feed]
            self._nudge()

    def close(self) -> None:
        """Let go of all views; the thread ends."""
        with self._lock:
            self._feeds = []
            self._nudge()

    @property
    def is_running(self) -> bool:
        """Tell whether there is a thread."""
        return self._wake >= 0

    def _nudge(self) -> None:
        if self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def _run(self, source: EventSource) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if source.fileno() >= 0:
            poll.register(source.fileno(), select.POLLIN)
        try:
            while feeds := self._still_there():
                wait_s = _refresh(feeds)
                if source.fileno() < 0:
                    # where Linux gives no inotify there is nothing to wake us
                    wait_s = _LOOK_S if wait_s is None else min(wait_s, _LOOK_S)
                poll.poll(None if wait_s is None else wait_s * 1000)
                for event in arrived(source):
                    for feed in feeds:
                        feed.take_event(event)
        finally:
            source.close()

    def _still_there(self) -> list[Feed]:
        """Return the views; with the last of them the thread has ended for whoever adds the next."""
        with self._lock:
            if self._feeds:
                try:
                    os.eventfd_read(self._wake)
                except BlockingIOError:
                    pass
            else:
                os.close(self._wake)
                self._wake = -1
            return self._feeds


def _refresh(feeds: list[Feed]) -> float | None:
    """Bring up to date what is due; return how long the others may still wait."""
    waits = []
    for feed in feeds:
        now = time.monotonic()
        due = feed.due_in(now)
        if due == 0.0:
            feed.refresh(now)
        elif due is not None:
            waits.append(due)
    return min(waits, default=None)


def arrived(source: EventSource) -> Iterator[Event]:
    """Yield what happened and was not asked for yet; it waits for nothing."""
    try:
        while (event := source.next_within(0)) is not None:
            yield event
    except TimeoutError:
        return
