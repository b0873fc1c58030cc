"""Walk and remove directory trees whose content is hostile, on directory descriptors.

A path here is bytes, relative, joined by "/" and without leading slash; b"" is the root.  Nothing in
this module hands a path of more than one component to Linux, so no link can lead a walk astray: a
`Root` resolves links itself, as chroot would, or refuses them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from ..errors import Corrupt
from ..linux import inode_flags

MAXIMUM_LINKS = 40
# ".." restarts a walk, so links full of ".." would cost the square of their length.
_STEPS = 4096
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CACHED = 96
# A removal keeps this many descriptors; what lies deeper is moved up first.
_HELD = 64

# (descriptor of the parent, name, path, whether a whiteout stood there)
Made = Callable[[int, bytes, bytes, bool], None]


def shown(name: bytes) -> str:
    """Return a name as text that is safe in a message: control characters are escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def clean(name: bytes) -> bytes:
    """Return `name` without empty and "." components; ".." stays inside the root."""
    if b"//" not in name and b"/." not in name and not name.startswith((b"/", b".")):
        return name[:-1] if name.endswith(b"/") else name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def inside(name: bytes) -> bytes | None:
    """Return `name` as `clean` does, or None if it climbs out of the root on its way."""
    depth = 0
    for part in name.split(b"/"):
        if part == b"..":
            depth -= 1
        elif part not in (b"", b"."):
            depth += 1
        if depth < 0:
            return None
    return clean(name)


def open_directory(name: bytes | str, dir_fd: int | None = None) -> int:
    """Open a directory, never through a link in the last component."""
    return os.open(name, _DIRECTORY, dir_fd=dir_fd)


def make_apart(name: str, dir_fd: int) -> int:
    """Make a directory for many files, placed where no others were removed just now; return it open."""
    inode_flags.spread(dir_fd)
    # the filesystem places it by its name: under its own it would come to the same place each time
    by_chance = os.urandom(16).hex()
    os.mkdir(by_chance, 0o755, dir_fd=dir_fd)
    os.rename(by_chance, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    return open_directory(name, dir_fd)


class Root:
    """One tree, reached through descriptors of its directories; keeps up to 96 of them open.

    With `follow`, links in a path are resolved inside the root; without, a link is no directory.
    `fd` stays the caller's.
    """

    __slots__ = ("_cache", "_follow", "fd")

    def __init__(self, fd: int, *, follow: bool = False) -> None:
        self.fd = fd
        self._follow = follow
        self._cache: dict[bytes, tuple[int, bytes]] = {}

    def forget(self) -> None:
        """Close the kept descriptors; needed after a directory or a link was replaced."""
        for fd, _ in self._cache.values():
            os.close(fd)
        self._cache.clear()

    def directory(self, path: bytes, made: Made | None = None) -> tuple[int, bytes]:
        """Return (descriptor, path without links) of the directory at `path`.

        The descriptor stays the Root's; it is closed by `forget`, or after 90 other directories.
        With `made`, missing directories are created (0755), in place of a whiteout too, and
        reported to it.  Raises OSError (ENOENT, ENOTDIR, ELOOP) as openat would.
        """
        if not path:
            return self.fd, b""
        found = self._cache.pop(path, None)
        if found is None:
            return self._walk(path, made)
        self._cache[path] = found  # the last used is closed last
        return found

    def _walk(self, path: bytes, made: Made | None) -> tuple[int, bytes]:
        while len(self._cache) > _CACHED:
            old = next(iter(self._cache))
            os.close(self._cache.pop(old)[0])
        current, real, rest = self._nearest(path)
        pending = rest.split(b"/")[::-1]
        owned = links = steps = 0
        target: bytes | None
        straight = real + b"/" + rest in (path, b"/" + path)
        try:
            while pending:
                name = pending.pop()
                if name in (b"", b"."):
                    continue
                steps += 1
                if steps > _STEPS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                if name == b"..":
                    pending += real.split(b"/")[-2::-1]
                    target = None
                else:
                    step = self._step(current, name, real, made)
                    if isinstance(step, int):
                        if owned:
                            os.close(current)
                        current, owned = step, 1
                        real = real + b"/" + name if real else name
                        if straight and pending and len(self._cache) < _CACHED:
                            self._cache[real] = current, real
                            owned = 0
                        continue
                    target = step
                straight = False
                if target is not None:
                    links += 1
                    if links > MAXIMUM_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                    pending += target.split(b"/")[::-1]
                if target is None or target.startswith(b"/"):
                    if owned:
                        os.close(current)
                    current, real, owned = self.fd, b"", 0
            if not owned:
                current = os.dup(current)
            self._cache[path] = current, real
            owned = 0
        finally:
            if owned:
                os.close(current)
        return current, real

    def _nearest(self, path: bytes) -> tuple[int, bytes, bytes]:
        parent = path
        while parent:
            parent = parent.rpartition(b"/")[0]
            found = self._cache.get(parent)
            if found is not None:
                return found[0], found[1], path[len(parent) + 1 :]
        return self.fd, b"", path

    def _step(self, fd: int, name: bytes, real: bytes, made: Made | None) -> int | bytes:
        """Return the descriptor of the directory `name`, or the target where it is a link."""
        try:
            return os.open(name, _DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            if made is None:
                raise
            hidden = False
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if self._follow and stat.S_ISLNK(status.st_mode):
                return os.readlink(name, dir_fd=fd)
            if made is None or not is_whiteout(status):
                raise
            os.unlink(name, dir_fd=fd)
            hidden = True
        os.mkdir(name, 0o755, dir_fd=fd)
        made(fd, name, real + b"/" + name if real else name, hidden)
        return os.open(name, _DIRECTORY, dir_fd=fd)

    def parent(self, path: bytes) -> tuple[int, bytes]:
        """Return (descriptor of the directory that holds `path`, last component)."""
        head, _, name = path.rpartition(b"/")
        return self.directory(head)[0], name


def remove_tree(dirfd: int, name: bytes | str) -> None:
    """Remove a file or a whole tree; what is not there is fine.

    Neither recursion nor descriptors grow with the depth: a directory more than 64 levels down is
    moved to the top and removed there.  A directory whose mode forbids it is opened up first.
    """
    name = os.fsencode(name)
    try:
        os.unlink(name, dir_fd=dirfd)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        pass
    top = _open_up(dirfd, name)
    stack: list[tuple[int, bytes, list[bytes]]] = [(top, name, _empty(top))]
    moved = 0
    try:
        while stack:
            fd, own, directories = stack[-1]
            if directories:
                child = directories.pop()
                if len(stack) < _HELD:
                    inner = _open_up(fd, child)
                    stack.append((inner, child, _empty(inner)))
                else:
                    moved = _move_up(fd, child, top, moved)
                    stack[0][2].append(b".nbcontainer-%d" % moved)
                continue
            parent = stack[-2][0] if len(stack) > 1 else dirfd
            try:
                os.rmdir(own, dir_fd=parent)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                # Something was added meanwhile: a process that is just being killed.
                directories += _empty(fd)
                continue
            os.close(fd)
            stack.pop()
    finally:
        for fd, _, _ in stack:
            os.close(fd)


def _open_up(dirfd: int, name: bytes) -> int:
    try:
        fd = open_directory(name, dirfd)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=dirfd)
        fd = open_directory(name, dirfd)
    if os.fstat(fd).st_mode & 0o700 != 0o700:
        os.fchmod(fd, 0o700)
    return fd


def _empty(fd: int) -> list[bytes]:
    """Unlink all that is no directory; return the directories' names."""
    directories = []
    with os.scandir(fd) as entries:
        listed = [
            (os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries
        ]
    for name, is_directory in listed:
        if is_directory:
            directories.append(name)
            continue
        try:
            os.unlink(name, dir_fd=fd)
        except FileNotFoundError:
            pass
    return directories


def _move_up(fd: int, name: bytes, top: int, number: int) -> int:
    """Move a directory into `top` under a name that is free; return the number in that name."""
    while True:
        number += 1
        try:
            os.rename(name, b".nbcontainer-%d" % number, src_dir_fd=fd, dst_dir_fd=top)
            return number
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise


def is_whiteout(status: os.stat_result) -> bool:
    """Tell whether this is how an overlay says that a name was deleted: a 0:0 character device."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def limit_depth(path: bytes, depth: int) -> None:
    """Refuse a path that Linux could not name or that is deeper than `depth`.

    Raises: Corrupt.
    """
    if len(path) > 4095:
        raise Corrupt(f"the path {shown(path[:60])}… is longer than 4095 bytes")
    parts = path.split(b"/")
    if len(parts) > depth:
        raise Corrupt(f"the path {shown(path[:60])}… is deeper than {depth} directories")
    if len(path) > 255 and max(map(len, parts)) > 255:
        raise Corrupt(f"a name in {shown(path[:60])}… is longer than 255 bytes")
