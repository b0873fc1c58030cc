"""The foreman's workers: one waits, its imports done, for the next job; and who tidies up after the killed.

A worker's imports take ten times as long as most jobs, so after the first job one waits for the next.  It
does one job and ends; one that ends without saying that it is done was killed, and may have left something.
"""

from __future__ import annotations

import os
import socket

from . import wire, worker
from .loop import READ, Loop, Timer
from .zygote import TIDY

_FAILURES = 3


class Helpers:
    """Workers, and at most one tidier at a time."""

    def __init__(self, loop: Loop, zygote: socket.socket) -> None:
        self._loop = loop
        self._zygote = zygote
        self._ready: list[socket.socket] = []
        self._getting_ready: set[int] = set()
        self._jobs: list[tuple[bytes, tuple[int, ...]]] = []
        self._is_wanted = False
        self._failures = 0
        self._tidy_timer: Timer | None = None
        self._is_tidying = False

    def hand_over(self, data: bytes, descriptors: tuple[int, ...]) -> None:
        """Give a job to the worker that waits, else to one that is forked for it."""
        self._is_wanted, self._failures = True, 0
        while self._ready:
            if self._give(self._ready.pop(), data, descriptors):
                return
        self._jobs.append((data, tuple([os.dup(descriptor) for descriptor in descriptors])))
        if len(self._getting_ready) < len(self._jobs):
            self._fork()

    def fill(self) -> None:
        """Have a worker wait for the next job, once there was one."""
        is_there = self._ready or self._getting_ready
        if self._is_wanted and not is_there and self._failures < _FAILURES:
            self._fork()

    def tidy_after(self, pause_s: float) -> None:
        """Look after a quiet moment for what killed processes left."""
        if self._tidy_timer is None:
            self._tidy_timer = self._loop.after(pause_s, self._tidy)

    def _tidy(self) -> None:
        self._tidy_timer = None
        if self._is_tidying:
            self.tidy_after(0.2)
            return
        ours, theirs = wire.pair()
        with theirs:
            if self._ask(TIDY, theirs):
                self._is_tidying = True
                self._loop.watch(ours.fileno(), READ, lambda events: self._tidied(ours))
            else:
                ours.close()

    def _tidied(self, sock: socket.socket) -> None:
        self._is_tidying = False
        self._loop.forget(sock.fileno())
        sock.close()

    def _fork(self) -> None:
        ours, theirs = wire.pair()
        with theirs:
            if not self._ask(worker.FORK, theirs):
                ours.close()
                self._drop_jobs()
                return
        self._getting_ready.add(ours.fileno())
        self._loop.watch(ours.fileno(), READ, lambda events: self._heard(ours))

    def _ask(self, what: bytes, theirs: socket.socket) -> bool:
        try:
            wire.send_bytes(self._zygote, what, (theirs.fileno(),))
            return True
        except OSError:
            return False

    def _heard(self, sock: socket.socket) -> None:
        """A worker is ready, or done, or has ended."""
        try:
            word = sock.recv(64)
        except OSError:
            word = b""
        number = sock.fileno()
        if word == worker.READY:
            self._getting_ready.discard(number)
            self._failures = 0
            if self._jobs:
                data, descriptors = self._jobs.pop(0)
                self._give(sock, data, descriptors)
                _close(descriptors)
            else:
                self._ready.append(sock)
            return
        self._loop.forget(number)
        sock.close()
        if number in self._getting_ready:
            self._getting_ready.discard(number)
            self._failures += 1
            self._drop_jobs()
        elif sock in self._ready:
            self._ready.remove(sock)
        if word != worker.DONE:
            # killed: what it had made is nobody's now
            self.tidy_after(0.2)

    def _give(self, sock: socket.socket, data: bytes, descriptors: tuple[int, ...]) -> bool:
        try:
            wire.send_bytes(sock, data, descriptors)
            return True
        except OSError:
            return False

    def _drop_jobs(self) -> None:
        """No worker comes: who asked hears of it by end of file, unless others get ready."""
        while len(self._jobs) > len(self._getting_ready):
            _close(self._jobs.pop()[1])


def _close(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
