"""Chance and age: what a container is called, its id, and how old things look.

In lab mode a seed stands for chance and the clock of images, and everything shown looks new, so that a
tutorial's outputs are the same on every machine and on every day.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

_LAB_EPOCH_NS = 1767225600 * 1_000_000_000
_LAB_MINUTE_NS = 60 * 1_000_000_000


class Chance:
    """Random without a seed; with one, the same answers in the same order."""

    def __init__(self, seed: str | None = None) -> None:
        self._seed = seed
        self._drawn = 0
        self._stamped = 0

    def new_id(self, taken: Callable[[str], bool]) -> str:
        """Return 64 hexadecimal digits that are not taken."""
        while True:
            found = secrets.token_hex(32) if self._seed is None else self._draw("id")
            if not taken(found):
                return found

    def below(self, limit: int) -> int:
        """Return a number of 0 … limit - 1."""
        if self._seed is None:
            return secrets.randbelow(limit)
        return int(self._draw("number"), 16) % limit

    def stamp_ns(self) -> int:
        """Return the moment that a new image carries: now, or one minute of the lab's clock after another."""
        if self._seed is None:
            return time.time_ns()
        self._stamped += 1
        return _LAB_EPOCH_NS + self._stamped * _LAB_MINUTE_NS

    def seen_ns(self, *moments: int) -> int:
        """Return the moment that ages are counted to: now, or the latest of `moments`."""
        return time.time_ns() if self._seed is None else max(moments, default=0)

    def _draw(self, what: str) -> str:
        self._drawn += 1
        return hashlib.sha256(f"{self._seed}:{what}:{self._drawn}".encode()).hexdigest()
