"""What happened lately, and when last: a memory of the last things alone."""

from __future__ import annotations

import time
from _thread import allocate_lock
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
_MOST = 2000


class Lately(Generic[T]):
    """The last `most` different things that were noted; for several threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._noted_ns: dict[T, int] = {}
        # `threading` has work to do in each child that is forked, and the helper processes fork all the time
        self._lock = allocate_lock()

    def note(self, thing: T) -> None:
        """Note that it happens now."""
        with self._lock:
            # the last comes last
            self._noted_ns.pop(thing, None)
            self._noted_ns[thing] = time.time_ns()
            if len(self._noted_ns) > self._most:
                del self._noted_ns[next(iter(self._noted_ns))]

    def since(self, moment_ns: int) -> set[T]:
        """Return what happened at that moment or later."""
        with self._lock:
            return {thing for thing, at in self._noted_ns.items() if at >= moment_ns}
