"""A root directory described in memory and written as one reproducible, uncompressed tar.

Entries are sorted, owned by root unless said otherwise and dated `EPOCH_S` unless a time matters (a
`.pyc` names its source's).  The tree is usr-merged: /bin, /sbin, /lib and /lib64 are links into /usr,
and a path below them is stored there, whichever way the host has it.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ..values import value

if TYPE_CHECKING:
    import tarfile

EPOCH_S = 1767225600
"""The date of the built-in images and of their files: 2026-01-01, the same on every machine."""

_MERGED = {
    "bin": "usr/bin",
    "sbin": "usr/bin",
    "lib": "usr/lib",
    "lib32": "usr/lib32",
    "lib64": "usr/lib64",
    "libx32": "usr/libx32",
}


class Sink(Protocol):
    """Where the tar goes: a file, or a blob being written."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


@value
class Entry:
    """One path: a directory, a link (`target`), or a file with `data` or read from `source`."""

    mode: int
    target: str = ""
    data: bytes = b""
    source: str = ""
    mtime_s: int = EPOCH_S
    uid: int = 0
    gid: int = 0


def canonical(path: str) -> str:
    """Return `path` without the leading slash, with /bin and its kin led into /usr."""
    path = os.path.normpath("/" + path).lstrip("/")
    head, slash, rest = path.partition("/")
    if slash and head in _MERGED:
        return f"{_MERGED[head]}/{rest}"
    return f"usr/bin/{path.removeprefix('usr/sbin/')}" if path.startswith("usr/sbin/") else path


class Tree:
    """The entries of one layer by path, parents included."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._implied: set[str] = set()

    def __contains__(self, path: str) -> bool:
        return canonical(path) in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __getitem__(self, path: str) -> Entry:
        return self._entries[canonical(path)]

    def directory(self, path: str, mode: int = 0o755, *, uid: int = 0, gid: int = 0) -> None:
        """Add a directory; a second call changes its mode and owner."""
        self._add(path, Entry(stat.S_IFDIR | mode, uid=uid, gid=gid))

    def file(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Add a file with this content."""
        content = data.encode() if isinstance(data, str) else data
        self._add(path, Entry(stat.S_IFREG | mode, data=content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, Entry(stat.S_IFLNK | 0o777, target=target))

    def copy(self, path: str, source: str, *, keep_time: bool = False) -> bool:
        """Add this host's file `source` (links followed); False if it cannot be read.

        Set-id bits stay behind: nothing in a built-in image raises a program's rights.
        """
        if not os.access(source, os.R_OK):
            return False
        status = os.stat(source)
        if not stat.S_ISREG(status.st_mode):
            return False
        mode = 0o755 if status.st_mode & 0o111 else 0o644
        mtime_s = int(status.st_mtime) if keep_time else EPOCH_S
        self._add(path, Entry(stat.S_IFREG | mode, source=source, mtime_s=mtime_s))
        return True

    def without(self, below: Tree) -> Tree:
        """Return the layer that holds only what differs from `below`."""
        upper = Tree()
        upper._entries = {
            path: entry
            for path, entry in self._entries.items()
            if below._entries.get(path) != entry
            # a folder that nobody asked for says nothing about one that is there already
            and not (path in self._implied and path in below._entries)
        }
        for path in list(upper._entries):
            upper._parents(path, below)
        return upper

    def _add(self, path: str, entry: Entry) -> None:
        path = canonical(path)
        self._parents(path)
        self._implied.discard(path)
        self._entries[path] = entry

    def _parents(self, path: str, below: Tree | None = None) -> None:
        while path := os.path.dirname(path):
            if path in self._entries:
                return
            known = below._entries.get(path) if below else None
            self._entries[path] = known or Entry(stat.S_IFDIR | 0o755)
            self._implied.add(path)

    def write(self, sink: Sink) -> None:
        """Write the tar: the same entries and file contents give the same bytes.

        Raises: OSError if a file of the host cannot be read or changes its size meanwhile.
        """
        import tarfile

        with tarfile.open(
            fileobj=_Writable(sink), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        ) as tar:
            for path in self:
                _write_entry(tar, path, self._entries[path])


class _Writable(io.RawIOBase):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._sink.write(bytes(data))
        return len(data)


def _write_entry(tar: tarfile.TarFile, path: str, entry: Entry) -> None:
    import tarfile

    info = tarfile.TarInfo(path)
    info.mode = stat.S_IMODE(entry.mode)
    info.mtime = entry.mtime_s
    info.uid, info.gid = entry.uid, entry.gid
    if stat.S_ISDIR(entry.mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif stat.S_ISLNK(entry.mode):
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
        tar.addfile(info)
    elif entry.source:
        with open(entry.source, "rb") as file:
            info.size = os.fstat(file.fileno()).st_size
            tar.addfile(info, file)
    else:
        info.size = len(entry.data)
        tar.addfile(info, io.BytesIO(entry.data))
