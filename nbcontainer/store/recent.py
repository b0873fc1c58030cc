"""Of what a container changed, what it changed lately, with sizes and the text of small files.

Linux stamps ctime itself, so no program can hide a change by setting its times back.  Directories that
changed only in what they hold are left out where their files say it.  A file that the container itself
had made, and that is gone, leaves no trace but its directory's mtime: such a directory is told.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from typing import Any

from .changes import Change
from .merged import Merged, Node
from .tree import Root

# files are stamped with the time of Linux's last tick, which is this much behind at most
_TICK_NS = int(time.clock_getres(5) * 1e9)  # CLOCK_REALTIME_COARSE
MOST_FILES = 200
MOST_TEXTS = 12
TEXT_BYTES = 8192


def recent(
    own: int, lowers: list[int], changes: Iterable[Change], since_ns: int, opaque_xattr: str
) -> dict[str, Any]:
    """Return what changed since then, as

        rows      [kind, "/path", bytes before, bytes after, text before, text after], MOST_FILES at most
        total     how many there are in all
        listings  "/path" of directories that something left, or came to and left

    A size is -1 and a text None where there is none: no such file, no text, or a long one.
    """
    since_ns -= _TICK_NS
    top, below = Root(own), Merged(lowers, opaque_xattr)
    rows: list[list[Any]] = []
    total = texts = 0
    told: set[bytes] = set()
    try:
        for kind, path in changes:
            status = _status(top, path)
            if status is None or status.st_ctime_ns < since_ns:
                continue
            if _is_dull(kind, status):
                continue
            total += 1
            told.add(path)
            if kind != "C":
                told.add(_split(path)[0])
            if len(rows) == MOST_FILES:
                continue
            row = _row(top, below, kind, path)
            shows = texts < MOST_TEXTS and (row[4] is not None or row[5] is not None)
            texts += shows
            rows.append(row if shows else [*row[:4], None, None])
    finally:
        top.forget()
        below.close()
    left = sorted(_listings(own, since_ns) - told)
    return {"rows": rows, "total": total, "listings": [_text(each) for each in left[:MOST_FILES]]}


def _listings(own: int, since_ns: int) -> set[bytes]:
    """Return the directories to which something came, or that something left, since then."""
    # walked as everything hostile is: a container may have nested them deeper than any stack
    tree = Merged([own])
    try:
        return {
            node.path
            for node in tree.walk(tree.root())
            if node.is_directory and tree.status(node).st_mtime_ns >= since_ns
        }
    finally:
        tree.close()


def _row(top: Root, below: Merged, kind: str, path: bytes) -> list[Any]:
    old = _node(below, path)
    before = _read(below.roots[old.levels[0]], path) if old is not None else (-1, None)
    after = _read(top, path) if kind != "D" else (-1, None)
    return [kind, _text(path), before[0], after[0], before[1], after[1]]


def _text(path: bytes) -> str:
    return "/" + path.decode("utf-8", "backslashreplace")


def _is_dull(kind: str, status: os.stat_result) -> bool:
    return kind == "C" and stat.S_ISDIR(status.st_mode)


def _split(path: bytes) -> tuple[bytes, bytes]:
    parent, _, name = path.rpartition(b"/")
    return parent, name


def _status(root: Root, path: bytes) -> os.stat_result | None:
    """Return what stands there, or in its place: a deletion is stamped on the directory that held it."""
    parent, name = _split(path)
    try:
        folder = root.directory(parent)[0]
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return os.fstat(folder)
    except OSError:
        return None  # gone while we looked


def _node(merged: Merged, path: bytes) -> Node | None:
    """Return what the layers below show at a path."""
    if not merged.roots:
        return None
    node: Node | None = merged.root()
    for name in path.split(b"/"):
        if node is None or not node.is_directory:
            return None
        node = merged.child(node, name)
    return node


def _read(root: Root, path: bytes) -> tuple[int, str | None]:
    """Return the size of a file, and its text where it is short and one."""
    parent, name = _split(path)
    try:
        # a pipe must not keep us waiting, nor a link lead us elsewhere
        fd = os.open(
            name,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            dir_fd=root.directory(parent)[0],
        )
    except OSError:
        return -1, None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return -1, None
        if status.st_size > TEXT_BYTES:
            return status.st_size, None
        data = os.read(fd, TEXT_BYTES)
        return status.st_size, None if b"\0" in data else data.decode()
    except (OSError, UnicodeDecodeError):
        return status.st_size, None
    finally:
        os.close(fd)
