"""Events: the file that every process appends to and every follower reads.

One event is one line, written by one O_APPEND write of at most 4 KiB, so lines of several writers never
mix.  A writer holds a shared lock on the file it writes to; who rotates holds it alone.  So nothing is
written to a file after it was rotated away, and a follower that drained it has missed nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import time
from collections.abc import Iterator

from ..spec.event import Event
from .files import no_space
from .layout import Layout

LINE_LIMIT_BYTES = 4096
ROTATE_BYTES = 4 * 1024 * 1024
_SAFE_TEXT = 256
_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100  # inotify(7)


class Events:
    """The events of one store; what is older than the last rotation but one is gone."""

    __slots__ = ("_layout", "_rotate_bytes")

    def __init__(self, layout: Layout, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._layout = layout
        self._rotate_bytes = rotate_bytes

    def publish(self, *events: Event) -> None:
        """Append events that happened together; attributes too long for one line are cut.

        Raises: NoSpace.
        """
        line = b"".join(map(_line, events))
        with no_space("publish an event"):
            while True:
                fd = os.open(
                    self._layout.events,
                    os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC,
                    0o600,
                )
                try:
                    fcntl.flock(fd, fcntl.LOCK_SH)
                    here = os.fstat(fd)
                    if here.st_nlink == 0 or not _is_same(self._layout.events, here):
                        continue  # rotated away between open and lock
                    if here.st_size and os.pread(fd, 1, here.st_size - 1) != b"\n":
                        line = (
                            b"\n" + line
                        )  # a line cut by a full disk or a power loss costs itself
                    if os.write(fd, line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    if here.st_size + len(line) >= self._rotate_bytes:
                        self._rotate(fd)
                    return
                finally:
                    os.close(fd)

    def read(self, since_ns: int = 0, until_ns: int = 0) -> Iterator[Event]:
        """Yield what was published from `since_ns` to `until_ns` (0 = to the end), in file order."""
        for path in (self._older, self._layout.events):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                yield from _within(_drain(fd, bytearray()), since_ns, until_ns)
            finally:
                os.close(fd)

    def follow(self, since_ns: int | None = None, until_ns: int = 0, stop: int = -1) -> Follower:
        """Return an iterator over events since `since_ns` (None = no past ones) and to come.

        Nothing published after this call is missed.  It ends at `until_ns` (0 = never), or when the
        descriptor `stop` becomes readable, and waits without polling.
        """
        return Follower(self._layout, since_ns, until_ns, stop)

    @property
    def _older(self) -> str:
        return f"{self._layout.events}.1"

    def _rotate(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX)  # gives the shared lock up first, so look again
        here = os.fstat(fd)
        if here.st_size >= self._rotate_bytes and _is_same(self._layout.events, here):
            os.rename(self._layout.events, self._older)


class Follower:
    """An iterator over events that are still to come; close it, or let it end."""

    def __init__(self, layout: Layout, since_ns: int | None, until_ns: int, stop: int) -> None:
        self._path = layout.events
        self._since_ns = since_ns or 0
        self._until_ns = until_ns
        self._stop = stop
        self._pending: list[Event] = []
        self._buffer = bytearray()
        self._watch = _Watch(os.path.dirname(self._path))
        self._fd = -1
        try:
            self._start(since_ns)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Follower:
        return self

    def __next__(self) -> Event:
        event = self.next_within(None)
        if event is None:
            raise StopIteration
        return event

    def next_within(self, timeout_s: float | None) -> Event | None:
        """Return the next event, or None at the end of the following.

        Raises: TimeoutError if none comes in `timeout_s`.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._pending:
            if self._watch.is_closed:
                return None
            self._collect()
            if self._pending:
                break
            if self._until_ns and time.time_ns() >= self._until_ns:
                self.close()
                return None
            if not self._wait(deadline):
                self.close()
                return None
        event = self._pending.pop(0)
        if self._until_ns and event.time_ns > self._until_ns:
            self._pending.clear()
            self.close()
            return None
        return event

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when `next_within(0)` is worth calling."""
        return self._watch.fileno()

    def close(self) -> None:
        """End the following; idempotent."""
        self._watch.close()
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _start(self, since_ns: int | None) -> None:
        self._open()
        if since_ns is None:
            if self._fd >= 0:
                os.lseek(self._fd, 0, os.SEEK_END)
            return
        try:
            older = os.open(f"{self._path}.1", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            if self._fd < 0 or not os.path.samestat(os.fstat(older), os.fstat(self._fd)):
                self._take(older, bytearray())
        finally:
            os.close(older)

    def _open(self) -> None:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1

    def _take(self, fd: int, buffer: bytearray) -> None:
        self._pending.extend(_within(_drain(fd, buffer), self._since_ns, 0))

    def _collect(self) -> None:
        while True:
            if self._fd < 0:
                self._open()
                if self._fd < 0:
                    return
            # whether it was rotated is asked before it is drained: then nothing can follow in it
            is_last = _is_same(self._path, os.fstat(self._fd))
            self._take(self._fd, self._buffer)
            if is_last:
                return
            os.close(self._fd)
            self._buffer.clear()
            self._open()

    def _wait(self, deadline: float | None) -> bool:
        waits = []
        if deadline is not None:
            waits.append(deadline - time.monotonic())
        if self._until_ns:
            waits.append((self._until_ns - time.time_ns()) / 1e9 + 0.001)
        timeout_s = max(0.0, min(waits)) if waits else None
        ready = self._watch.wait(timeout_s, self._stop)
        if ready == "stop":
            return False
        if not ready and deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError("no event yet")
        return True


class _Watch:
    """Wakes when the folder's files change; where Linux gives no inotify, twice a second."""

    def __init__(self, folder: str) -> None:
        self.is_closed = False
        self._fd = -1
        try:
            from ..linux import syscalls

            self._fd = syscalls.inotify_init()
            syscalls.inotify_add_watch(self._fd, folder, _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE)
        except (OSError, ImportError, AttributeError):
            self._close_fd()

    def wait(self, timeout_s: float | None, stop: int) -> str:
        """Return "stop", "change", or "" after `timeout_s`."""
        watched = [fd for fd in (self._fd, stop) if fd >= 0]
        if self._fd < 0:
            timeout_s = 0.5 if timeout_s is None else min(timeout_s, 0.5)
        poll = select.poll()
        for fd in watched:
            poll.register(fd, select.POLLIN)
        ready = [fd for fd, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)]
        if stop in ready:
            return "stop"
        if self._fd in ready:
            try:
                os.read(self._fd, 65536)
            except BlockingIOError:
                pass
            return "change"
        return ""

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self.is_closed = True
        self._close_fd()

    def _close_fd(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _line(event: Event) -> bytes:
    data = {
        "t": event.time_ns,
        "type": event.type,
        "action": event.action,
        "id": event.id,
        "attr": event.attributes,
    }
    line = (json.dumps(data, separators=(",", ":")) + "\n").encode()
    if len(line) <= LINE_LIMIT_BYTES:
        return line
    kept: dict[str, str] = {}
    for key, value in event.attributes.items():
        kept[key[:_SAFE_TEXT]] = value if len(value) <= _SAFE_TEXT else value[:_SAFE_TEXT] + "…"
        data["attr"] = kept
        longer = (json.dumps(data, separators=(",", ":")) + "\n").encode()
        if len(longer) > LINE_LIMIT_BYTES:
            break
        line = longer
    if len(line) <= LINE_LIMIT_BYTES:
        return line
    data.update(id=event.id[:_SAFE_TEXT], action=event.action[:_SAFE_TEXT], attr={})
    return (json.dumps(data, separators=(",", ":")) + "\n").encode()


def _drain(fd: int, buffer: bytearray) -> Iterator[Event]:
    while chunk := os.read(fd, 1 << 16):
        buffer += chunk
        lines = buffer.split(b"\n")
        buffer[:] = lines.pop()
        for line in lines:
            event = _parse(bytes(line))
            if event is not None:
                yield event


def _parse(line: bytes) -> Event | None:
    try:
        data = json.loads(line)
        return Event(int(data["t"]), data["type"], data["action"], data["id"], dict(data["attr"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # not a line of ours, or cut by a power loss


def _within(events: Iterator[Event], since_ns: int, until_ns: int) -> Iterator[Event]:
    for event in events:
        if event.time_ns >= since_ns and not (until_ns and event.time_ns > until_ns):
            yield event


def _is_same(path: str, here: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), here)
    except FileNotFoundError:
        return False
