"""Write files as a tar layer: the same files give the same bytes, wherever and whenever.

Owners lose the container's shift, names of users and access times are not recorded, modification
times keep their nanoseconds, and a deleted name becomes an empty `.wh.` file.  Files are read through
directory descriptors, so a container that still runs cannot lead the reader outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable

from . import tar_entry
from .attributes import OWNER_XATTR, keeps_xattr, parse_owner, shift_capability
from .changes import Change
from .layers import WHITEOUT
from .merged import Merged
from .tar_entry import Entry
from .tree import Root

Write = Callable[[memoryview], object]
_BUFFER = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# what a look gives if a container that still runs replaced the thing meanwhile
_REPLACED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EINVAL)
_TYPES = {
    stat.S_IFREG: tar_entry.REGULAR,
    stat.S_IFDIR: tar_entry.DIRECTORY,
    stat.S_IFLNK: tar_entry.SYMLINK,
    stat.S_IFCHR: tar_entry.CHARACTER,
    stat.S_IFBLK: tar_entry.BLOCK_DEVICE,
    stat.S_IFIFO: tar_entry.FIFO,
}


def write_layer(
    changes: Iterable[Change], root: int, write: Write, *, shift: int = 0, owners: bool = False
) -> int:
    """Write the layer that makes `changes`, whose files are in the directory `root`.

    Returns the bytes of the files in it, which are fewer than those of the layer.

    `owners` reads true owners from the xattr that a store with a single id keeps them in.
    What vanished since the changes were listed is left out.
    """
    writer = LayerWriter(write, shift, owners)
    tree = Root(root)
    try:
        for kind, path in changes:
            if kind == "D":
                writer.whiteout(path)
            else:
                writer.add(tree, path)
        writer.finish()
        return writer.file_bytes
    finally:
        tree.forget()


def write_tree(merged: Merged, write: Write, *, shifts: list[int], owners: bool = False) -> int:
    """Write a whole joined tree, without its root, as `export` does; return the bytes written.

    `shifts` are the levels' own.
    """
    writer = LayerWriter(write, 0, owners)
    for node in merged.walk(merged.root()):
        if node.path:
            level = node.levels[0]
            writer.shift = shifts[level]
            writer.add(merged.roots[level], node.path, level)
    return writer.finish()


class LayerWriter:
    """Collects entries in a buffer of 1 MiB, and hands it on when full.

    Two take turns, so what was handed on stays as it is until the next is: `write` may keep it that long.

    `rename` is (path, name): what lies at `path` is called `name` in the archive.  `root_owned`: whoever
    owns the files, in the archive it is root.
    """

    def __init__(
        self,
        write: Write,
        shift: int,
        owners: bool,
        *,
        rename: tuple[bytes, bytes] | None = None,
        root_owned: bool = False,
    ) -> None:
        self.shift = shift
        self._rename = rename
        self._root_owned = root_owned
        self.file_bytes = 0
        self._write = write
        self._owners = owners
        self._buffer = memoryview(bytearray(_BUFFER))
        self._other = memoryview(bytearray(_BUFFER))
        self._at = 0
        self._total = 0
        self._links: dict[tuple[int, int, int], bytes] = {}

    def _flush(self) -> None:
        if self._at:
            self._write(self._buffer[: self._at])
            self._total += self._at
            self._at = 0
            self._buffer, self._other = self._other, self._buffer

    def _put(self, data: bytes) -> None:
        for start in range(0, len(data), _BUFFER):
            part = data[start : start + _BUFFER]
            if self._at + len(part) > _BUFFER:
                self._flush()
            self._buffer[self._at : self._at + len(part)] = part
            self._at += len(part)

    def finish(self) -> int:
        """Write the end of the archive; return all bytes written."""
        self._put(tar_entry.end(self._total + self._at))
        self._flush()
        return self._total

    def whiteout(self, path: bytes) -> None:
        """Say that `path` was deleted."""
        head, slash, name = path.rpartition(b"/")
        entry = Entry(head + slash + WHITEOUT + name, tar_entry.REGULAR)
        entry.mode = 0o600
        self._put(tar_entry.header(entry))

    def add(self, tree: Root, path: bytes, level: int = 0) -> None:
        """Write one thing; a socket is left out, as tar has no word for it."""
        try:
            parent, name = tree.parent(path)
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            kind = _TYPES.get(stat.S_IFMT(status.st_mode))
            if kind is None:
                return
            entry = Entry(self._named(path), kind)
            self._describe(entry, status)
            if kind in (tar_entry.REGULAR, tar_entry.DIRECTORY):
                fd = os.open(name, _READ, dir_fd=parent)
                try:
                    self._add_open(fd, entry, level)
                finally:
                    os.close(fd)
                return
            if kind == tar_entry.SYMLINK:
                entry.mode = 0o777
                entry.linkname = os.readlink(name, dir_fd=parent)
        except OSError as error:
            if error.errno in _REPLACED:
                return
            raise
        if kind in (tar_entry.CHARACTER, tar_entry.BLOCK_DEVICE):
            entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        self._put(tar_entry.header(entry))

    def _named(self, path: bytes) -> bytes:
        if self._rename is None:
            return path
        old, new = self._rename
        return new + path[len(old) :] if old else new + b"/" + path

    def _describe(self, entry: Entry, status: os.stat_result) -> None:
        entry.mode = stat.S_IMODE(status.st_mode)
        if self._root_owned:
            entry.mtime_ns = status.st_mtime_ns
            return
        entry.uid = max(status.st_uid - self.shift, 0)
        entry.gid = max(status.st_gid - self.shift, 0)
        entry.mtime_ns = status.st_mtime_ns

    def _add_open(self, fd: int, entry: Entry, level: int) -> None:
        status = os.fstat(fd)
        if _TYPES.get(stat.S_IFMT(status.st_mode)) != entry.type:
            return  # replaced between the look and the opening
        self._describe(entry, status)
        if entry.type == tar_entry.DIRECTORY:
            entry.name += b"/"
        elif status.st_nlink > 1:
            key = (level, status.st_dev, status.st_ino)
            first = self._links.setdefault(key, entry.name)
            if first is not entry.name:
                entry.type, entry.linkname = tar_entry.HARDLINK, first
                self._put(tar_entry.header(entry))
                return
        self._read_xattrs(fd, entry)
        if entry.type == tar_entry.REGULAR:
            entry.size = status.st_size
            self.file_bytes += status.st_size
            self._put(tar_entry.header(entry))
            self._data(fd, status.st_size)
        else:
            self._put(tar_entry.header(entry))

    def _read_xattrs(self, fd: int, entry: Entry) -> None:
        for name in os.listxattr(fd):
            if keeps_xattr(name):
                value = os.getxattr(fd, name)
                entry.xattrs[name] = shift_capability(name, value, -self.shift)
            elif name == OWNER_XATTR and self._owners:
                entry.uid, entry.gid = parse_owner(os.getxattr(fd, name))

    def _data(self, fd: int, size: int) -> None:
        """Copy exactly `size` bytes and the padding; a file that shrank is filled up with zeros."""
        left = size
        while left:
            if self._at == _BUFFER or (left <= _BUFFER < self._at + left):
                self._flush()
            count = os.readv(
                fd, [self._buffer[self._at : self._at + min(left, _BUFFER - self._at)]]
            )
            if not count:
                self._zeros(left)
                break
            self._at += count
            left -= count
        self._zeros(-size % tar_entry.BLOCK)

    def _zeros(self, count: int) -> None:
        while count:
            part = min(count, 1 << 16)
            self._put(bytes(part))
            count -= part
