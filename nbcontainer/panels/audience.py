"""Who looks at a board: each page by itself, with the view that it has on its screen and the log it follows.

A page says when it comes and when it goes.  One that went without a word (its tab was closed, the browser
was killed) is found by asking: whenever one comes or goes the others are asked whether they are there.
A page answers once the notebook kernel is free, so time counts only while it is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from .logs import LogTail

ANSWER_S = 15.0
_LATE_S = 2.0
Tail = Callable[[str, str], LogTail]


class _Page:
    def __init__(self) -> None:
        self.view = ""
        self.log: LogTail | None = None
        self.log_of = ""
        self.is_awaited = False


class Audience:
    """The pages of one board.  `tail` follows a log for a page; `changed` is called where someone came,
    went, or turned to another view."""

    def __init__(
        self, tail: Tail, ask: Callable[[], None], changed: Callable[[Audience], None]
    ) -> None:
        self._tail = tail
        self._ask = ask
        self._changed = changed
        self._pages: dict[str, _Page] = {}
        self._lock = threading.RLock()

    def __bool__(self) -> bool:
        return bool(self._pages)

    @property
    def views(self) -> frozenset[str]:
        """The views that somebody has on the screen."""
        with self._lock:
            return frozenset(page.view for page in self._pages.values())

    def hear(self, kind: str, content: dict[str, Any]) -> None:
        """Take in what a page says of itself: shown, hidden, looks, log, here."""
        name = str(content.get("page", ""))
        with self._lock:
            if kind == "hidden":
                self._drop(name)
            else:
                page = self._pages.setdefault(name, _Page())
                page.is_awaited = False
                if kind in ("looks", "here"):
                    page.view = str(content.get("view", ""))
                if kind in ("log", "here"):
                    self._follow(page, name, str(content.get("name", "")), kind == "log")
            if kind in ("shown", "hidden"):
                self._call_the_roll(name)
        self._changed(self)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            for name in list(self._pages):
                self._drop(name)

    def _follow(self, page: _Page, name: str, container: str, anew: bool) -> None:
        if page.log_of == container and not anew:
            return
        if page.log is not None:
            page.log.stop()
        page.log_of = container
        page.log = self._tail(name, container) if container else None

    def _drop(self, name: str) -> None:
        page = self._pages.pop(name, None)
        if page is not None and page.log is not None:
            page.log.stop()

    def _call_the_roll(self, but: str) -> None:
        others = [page for name, page in self._pages.items() if name != but]
        if others:
            for page in others:
                page.is_awaited = True
            self._ask()
            self._wait()

    def _wait(self) -> None:
        due = time.monotonic() + ANSWER_S
        _later(ANSWER_S, lambda: self._count(due))

    def _count(self, due: float) -> None:
        if time.monotonic() - due > _LATE_S:
            self._wait()  # a cell ran meanwhile: answers may lie behind it
            return
        with self._lock:
            gone = [name for name, page in self._pages.items() if page.is_awaited]
            for name in gone:
                self._drop(name)
        if gone:
            self._changed(self)


def _later(delay_s: float, call: Callable[[], None]) -> None:
    """Call in a while: on the notebook kernel's own loop, which waits while a cell runs."""
    try:
        asyncio.get_running_loop().call_later(delay_s, call)
    except RuntimeError:
        timer = threading.Timer(delay_s, call)
        timer.daemon = True
        timer.start()
