"""Tell what a container changed, as `docker diff` does: A added, C changed, D deleted.

A directory counts as changed if its owner, mode or kept xattrs differ, or if anything in it changed; that an
overlay copied it up is no change.  A deleted directory is named without what it held.  Mount points
that the engine made for itself are none of the container's doing.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from .attributes import keeps_xattr
from .merged import Merged, Node
from .tree import Root, is_whiteout

# What a start makes for its mounts, where the image has none: added, empty, and not the container's.
MOUNT_POINTS = frozenset(
    b"proc sys dev dev/pts dev/shm dev/mqueue dev/console etc etc/hosts etc/hostname etc/resolv.conf"
    b" .dockerenv run run/.containerenv etc/apt etc/apt/apt.conf.d etc/apt/apt.conf.d/zz-single-id".split()
)


class Change(NamedTuple):
    """`kind` is "A", "C" or "D"; `path` is relative bytes."""

    kind: str
    path: bytes


class _Found:
    """Collects changes and the directories that stay unnamed unless something in them changed."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.same: set[bytes] = set()

    def result(self, mount_points: frozenset[bytes]) -> list[Change]:
        changes = self.changes
        if mount_points:
            changes = _without(changes, mount_points)
        needed: set[bytes] = set()
        for _, path in changes:
            parent = path.rpartition(b"/")[0]
            while parent and parent not in needed:
                needed.add(parent)
                parent = parent.rpartition(b"/")[0]
        changes = changes + [Change("C", path) for path in self.same & needed]
        return sorted(changes, key=_path)


def _path(change: Change) -> bytes:
    return change.path


def _without(changes: list[Change], mount_points: frozenset[bytes]) -> list[Change]:
    """Drop added mount points in which nothing else was added."""
    kept: set[bytes] = set()
    for kind, path in changes:
        if kind != "A" or path not in mount_points:
            kept.add(path.rpartition(b"/")[0])
    return [
        change
        for change in changes
        if change.kind != "A" or change.path not in mount_points or _holds(change.path, kept)
    ]


def _holds(path: bytes, kept: set[bytes]) -> bool:
    inside = path + b"/"
    return any(parent == path or parent.startswith(inside) for parent in kept)


def overlay_changes(
    upper: int,
    lowers: list[int],
    *,
    opaque_xattr: str = "trusted.overlay.opaque",
    shift: int = 0,
    mount_points: frozenset[bytes] = MOUNT_POINTS,
) -> list[Change]:
    """Compare an overlay's upper directory with the layers below it (topmost first).

    Owners in `upper` are `shift` higher.  The container may be running: the answer then is some moment's.
    """
    found = _Found()
    top, below = Merged([upper], opaque_xattr), Merged(lowers, opaque_xattr)
    pending: list[tuple[bytes, Node | None]] = [(b"", below.root() if lowers else None)]
    try:
        while pending:
            path, lower = pending.pop()
            try:
                pending += _compare_directory(top, below, path, lower, shift, found)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone while we looked
        return found.result(mount_points)
    finally:
        top.close()
        below.close()


def _compare_directory(
    top: Merged, below: Merged, path: bytes, lower: Node | None, shift: int, found: _Found
) -> list[tuple[bytes, Node | None]]:
    """Note the changes in one directory of the upper tree; return the directories in it."""
    fd = top.roots[0].directory(path)[0]
    with os.scandir(fd) as entries:
        listed = [(os.fsencode(e.name), e.is_dir(follow_symlinks=False), e) for e in entries]
    inner: list[tuple[bytes, Node | None]] = []
    note = found.changes.append
    for name, is_directory, entry in listed:
        full = path + b"/" + name if path else name
        old = below.child(lower, name) if lower is not None else None
        if is_directory:
            if old is None or not old.is_directory:
                note(Change("A" if old is None else "C", full))
                inner.append((full, None))
                continue
            if _same_directory(top, below, full, old, shift):
                found.same.add(full)
            else:
                note(Change("C", full))
            inner.append((full, old))
        elif not _hides(entry):
            note(Change("A" if old is None else "C", full))
        elif old is not None:
            note(Change("D", full))
    if lower is not None and path and top.is_opaque(0, path):
        here = {name for name, _, _ in listed}
        for old in below.children(lower):
            if old.path.rpartition(b"/")[2] not in here:
                note(Change("D", old.path))
    return inner


def _hides(entry: os.DirEntry[str]) -> bool:
    if entry.is_file(follow_symlinks=False) or entry.is_symlink():
        return False
    try:
        return is_whiteout(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False  # gone while we looked


def _same_directory(top: Merged, below: Merged, path: bytes, old: Node, shift: int) -> bool:
    new_fd = top.roots[0].directory(path)[0]
    old_fd = below.roots[old.levels[0]].directory(old.path)[0]
    return _same_attributes(os.fstat(new_fd), os.fstat(old_fd), shift) and _xattrs(
        new_fd
    ) == _xattrs(old_fd)


def _same_attributes(new: os.stat_result, old: os.stat_result, shift: int) -> bool:
    return (
        new.st_mode == old.st_mode
        and new.st_uid - shift == old.st_uid
        and new.st_gid - shift == old.st_gid
    )


def _xattrs(fd: int) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(fd, name) for name in os.listxattr(fd) if keeps_xattr(name)}
    except OSError:
        return {}


def copy_changes(
    root: int, lower: int | None, *, shift: int = 0, mount_points: frozenset[bytes] = MOUNT_POINTS
) -> list[Change]:
    """Compare a container's own copy with the tree it was copied from (None: an empty one)."""
    found = _Found()
    new, old = Root(root), Root(lower) if lower is not None else None
    pending: list[tuple[bytes, bool]] = [(b"", old is not None)]
    try:
        while pending:
            path, known = pending.pop()
            try:
                pending += _compare_copies(new, old if known else None, path, shift, found)
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone while we looked
        return found.result(mount_points)
    finally:
        new.forget()
        if old is not None:
            old.forget()


def _compare_copies(
    new: Root, old: Root | None, path: bytes, shift: int, found: _Found
) -> list[tuple[bytes, bool]]:
    here = _statuses(new.directory(path)[0])
    there = _statuses(old.directory(path)[0]) if old is not None else {}
    inner: list[tuple[bytes, bool]] = []
    for name, status in here.items():
        full = path + b"/" + name if path else name
        before = there.pop(name, None)
        if stat.S_ISDIR(status.st_mode):
            both = before is not None and stat.S_ISDIR(before.st_mode)
            inner.append((full, both))
            if both and before is not None and _same_attributes(status, before, shift):
                found.same.add(full)
                continue
        elif before is not None and _same_file(status, before, shift):
            continue
        found.changes.append(Change("A" if before is None else "C", full))
    for name in there:
        found.changes.append(Change("D", path + b"/" + name if path else name))
    return inner


def _statuses(fd: int) -> dict[bytes, os.stat_result]:
    with os.scandir(fd) as entries:
        return {os.fsencode(e.name): e.stat(follow_symlinks=False) for e in entries}


def _same_file(new: os.stat_result, old: os.stat_result, shift: int) -> bool:
    return (
        _same_attributes(new, old, shift)
        and new.st_size == old.st_size
        and new.st_mtime_ns == old.st_mtime_ns
        and new.st_rdev == old.st_rdev
    )
