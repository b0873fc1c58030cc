"""A small event loop on poll(2) for the shim: descriptors and timers, one thread, nothing else."""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable

READ, WRITE = select.POLLIN, select.POLLOUT
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Timer:
    """A call that is due at a moment of the monotonic clock; `cancel` takes it back."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do nothing when due; idempotent."""
        self.call = None

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due


class Loop:
    """Calls back when a descriptor is ready (at end of file and on errors too) or a timer is due."""

    __slots__ = ("_calls", "_poll", "_timers", "running")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._calls: dict[int, Callable[[int], None]] = {}
        self._timers: list[Timer] = []
        self.running = True

    def watch(self, descriptor: int, events: int, call: Callable[[int], None]) -> None:
        """Call `call(ready events)` whenever the descriptor is ready; replaces an earlier watch."""
        self._calls[descriptor] = call
        self._poll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Stop watching; must precede the close.  Idempotent."""
        if self._calls.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def after(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call once, `delay_s` seconds from now."""
        timer = Timer(time.monotonic() + delay_s, call)
        heapq.heappush(self._timers, timer)
        return timer

    def step(self, limit_s: float | None = None) -> bool:
        """Wait for something to happen, at most `limit_s` seconds, and make the calls that are due.

        Tell whether a descriptor was ready.
        """
        while self._timers and self._timers[0].call is None:
            heapq.heappop(self._timers)
        wait_s = limit_s
        if self._timers:
            until = max(0.0, self._timers[0].due - time.monotonic())
            wait_s = until if wait_s is None else min(wait_s, until)
        ready = self._poll.poll(None if wait_s is None else wait_s * 1000 + 0.5)
        for descriptor, events in ready:
            call = self._calls.get(descriptor)
            if call is not None:
                call(events)
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            due = heapq.heappop(self._timers).call
            if due is not None:
                due()
        return bool(ready)

    def run(self) -> None:
        """Step until `running` is false."""
        while self.running:
            self.step()


def is_gone(events: int) -> bool:
    """Tell whether the other side hung up or the descriptor failed."""
    return bool(events & _GONE)
