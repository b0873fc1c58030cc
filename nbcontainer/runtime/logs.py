"""A container's log: written by its shim, read by anybody.

One line of log.jsonl is {"t": ns since the epoch, "s": "o" or "e", "l": text}; a line of the program
that is longer than 16 KiB is cut into several, all but the last with "p": true, as Docker cuts them.
Bytes that are no UTF-8 travel as lone surrogates, so nothing is lost and nothing can forge a line.
At `max_size_bytes` the file becomes log.jsonl.1, that one .2, and the oldest of `max_file` goes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import BinaryIO

from ..values import value

LINE_LIMIT = 16 * 1024
_CODE = {"stdout": "o", "stderr": "e"}
_STREAM = {"o": "stdout", "e": "stderr"}


@value
class LogLine:
    """A piece of a program's output; `data` ends in a newline unless it was cut or is the last."""

    time_ns: int
    stream: str
    data: bytes


class LogWriter:
    """The one writer of a container's log."""

    __slots__ = ("_fd", "_max_file", "_max_size", "_path", "_rest", "_size")

    def __init__(self, path: str, max_size_bytes: int, max_file: int) -> None:
        self._path = path
        self._max_size = max_size_bytes
        self._max_file = max_file
        self._rest = {"stdout": b"", "stderr": b""}
        self._fd = -1
        self._size = 0

    def write(self, stream: str, data: bytes) -> None:
        """Append what the program wrote; an unfinished line waits for its end.

        A full disk loses output, never the container: what could not be written is dropped.
        """
        data = self._rest[stream] + data
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if len(rest) >= LINE_LIMIT:
            cut = len(rest) - len(rest) % LINE_LIMIT
            end, rest = end + cut, rest[cut:]
        self._rest[stream] = rest
        if end:
            self._append(stream, data[:end])

    def close(self) -> None:
        """Write the unfinished lines and let go of the file."""
        for stream, rest in self._rest.items():
            if rest:
                self._append(stream, rest)
                self._rest[stream] = b""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _append(self, stream: str, data: bytes) -> None:
        lines = data.split(b"\n")
        is_whole = not lines.pop() and max(map(len, lines)) < LINE_LIMIT
        text = (_whole if is_whole else _cut)(data, time.time_ns(), _CODE[stream])
        try:
            self._put(text.encode())
        except OSError:
            return

    def _put(self, text: bytes) -> None:
        """Write lines, as many at once as fit into the file."""
        if self._fd < 0:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o600)
            self._size = os.fstat(self._fd).st_size
        if self._size + len(text) <= self._max_size:
            self._write(text)
            return
        batch = bytearray()
        for line in text.splitlines(keepends=True):
            if batch and self._size + len(batch) + len(line) > self._max_size:
                self._write(batch)
                batch = bytearray()
            batch += line
        self._write(batch)

    def _write(self, data: bytes | bytearray) -> None:
        if self._size and self._size + len(data) > self._max_size:
            self._rotate()
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._size += written
            view = view[written:]

    def _rotate(self) -> None:
        os.close(self._fd)
        self._fd = -1
        for number in range(self._max_file - 1, 0, -1):
            older = self._path if number == 1 else f"{self._path}.{number - 1}"
            try:
                os.rename(older, f"{self._path}.{number}")
            except FileNotFoundError:
                continue
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        self._size = 0


def _whole(data: bytes, now: int, code: str) -> str:
    """Return the entries of whole lines.

    A program that says little a line says many of them, so all are encoded at once: no JSON text holds
    a newline, so what parts two of them is in none.
    """
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    del lines[-1]
    first, last = f'{{"t":{now},"s":"{code}","l":"', '\\n"}\n'
    between = json.dumps(lines, separators=("\n", ":"))[2:-2].replace('"\n"', last + first)
    return first + between + last


def _cut(data: bytes, now: int, code: str) -> str:
    """Return the entries of lines of which some are too long, or have no end."""
    out = []
    for line in _lines(data):
        for start in range(0, len(line), LINE_LIMIT):
            part = line[start : start + LINE_LIMIT]
            text = part.decode("utf-8", "surrogateescape")
            entry: dict[str, object] = {"t": now, "s": code, "l": text}
            if not part.endswith(b"\n"):
                entry["p"] = True
            out.append(json.dumps(entry, separators=(",", ":")) + "\n")
    return "".join(out)


def _lines(data: bytes) -> list[bytes]:
    """Split at newlines alone: a carriage return belongs to its line."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def parse(line: bytes) -> LogLine | None:
    """Return the log line in one line of the file, None for what is not one."""
    try:
        entry = json.loads(line)
        data = entry["l"].encode("utf-8", "surrogateescape")
        return LogLine(int(entry["t"]), _STREAM[entry["s"]], data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def files(path: str) -> list[str]:
    """Return the log's files, oldest first; only those that exist."""
    found = [path] if os.path.exists(path) else []
    number = 1
    while os.path.exists(f"{path}.{number}"):
        found.insert(0, f"{path}.{number}")
        number += 1
    return found


def read(path: str, *, tail: int = -1, follower: Follower | None = None) -> Iterator[LogLine]:
    """Yield what is in the log now, oldest first; `tail` -1 = all, else the last so many lines.

    With a `follower` the reading ends where that follower begins, so nothing is lost or told twice.
    """
    extents = _extents(path, follower)
    if tail > 0:
        yield from _tail(extents, tail)
    if tail >= 0:
        return
    for name, size in extents:
        try:
            with open(name, "rb") as file:
                while file.tell() < size and (raw := file.readline()):
                    if (line := parse(raw)) is not None:
                        yield line
        except FileNotFoundError:
            continue


def _extents(path: str, follower: Follower | None) -> list[tuple[str, int]]:
    """Return (file, bytes to read) oldest first."""
    found = []
    for name in files(path):
        try:
            there = os.stat(name)
        except FileNotFoundError:
            continue
        if follower is not None and follower.begins_in(there):
            found.append((name, follower.start))
            break
        found.append((name, there.st_size))
    return found


def _tail(extents: list[tuple[str, int]], count: int) -> list[LogLine]:
    """Collect the last `count` lines reading backwards, so that a long log costs no more."""
    raw: list[bytes] = []
    for name, end in reversed(extents):
        try:
            with open(name, "rb") as file:
                data = b""
                while end > 0 and data.count(b"\n") <= count - len(raw):
                    start = max(0, end - 65536)
                    file.seek(start)
                    data = file.read(end - start) + data
                    end = start
        except FileNotFoundError:
            continue
        raw = data.splitlines()[-(count - len(raw)) :] + raw
        if len(raw) >= count:
            break
    return [line for line in map(parse, raw[-count:]) if line is not None]


class Follower:
    """Collects lines as they are written, across rotations, from the end of the log at its making."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()
        self._rest = b""
        self.start = 0
        self._first: os.stat_result | None = None
        if self._file is not None:
            self.start = self._file.seek(0, os.SEEK_END)
            self._first = os.fstat(self._file.fileno())

    def begins_in(self, file: os.stat_result) -> bool:
        """Tell whether this follower began in that file."""
        return self._first is not None and os.path.samestat(file, self._first)

    def _open(self) -> BinaryIO | None:
        try:
            return open(self._path, "rb")
        except FileNotFoundError:
            return None

    def collect(self) -> list[LogLine]:
        """Return what was written since the last call."""
        found: list[LogLine] = []
        while True:
            if self._file is None:
                self._file = self._open()
                if self._file is None:
                    return found
            # whether it was rotated is asked before it is drained: then nothing can follow in it
            rotated = self._is_rotated()
            data = self._rest + self._file.read()
            raw = data.split(b"\n")
            self._rest = raw.pop()
            found += [line for line in map(parse, raw) if line is not None]
            if not rotated:
                return found
            self._file.close()
            self._file, self._rest = None, b""

    def _is_rotated(self) -> bool:
        assert self._file is not None
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
