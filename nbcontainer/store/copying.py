"""Copy directory trees on directory descriptors: by hard link, by reflink, or byte by byte.

Links are copied, never followed; holes stay holes; hard links inside a tree stay hard links.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from .attributes import copy_attributes
from .layers import OPAQUE, WHITEOUT
from .merged import Merged, Node
from .tree import Root, remove_tree

_FICLONE = 0x40049409
_CHUNK = 1 << 20
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NOT_HERE = (errno.EXDEV, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM)


def copy_tree(source: int, target: int, *, shift: int = 0, link: bool = False) -> None:
    """Copy what is in the directory `source` into the directory `target`, which may hold none of it.

    Owners are shifted by `shift`.  With `link`, files are hard links where the filesystem allows it.
    The two directories' own attributes stay as they are.
    """
    _Copying(Root(source), Root(target), shift, link).run()


def lay_over(source: int, target: int, *, shift: int = 0) -> None:
    """Lay the small tree `source` over `target`, as the topmost layer of an overlay would lie there.

    Directories join; anything else of the same name makes way, so that no link is left in its place.
    A file that is a file already stays, unless `source` has content for it.
    """
    above, below = Root(source), Root(target)
    pending = [b""]
    try:
        while pending:
            path = pending.pop()
            upper, lower = above.directory(path)[0], below.directory(path)[0]
            with os.scandir(upper) as entries:
                found = [(os.fsencode(e.name), e.stat(follow_symlinks=False)) for e in entries]
            for name, status in found:
                is_directory = stat.S_ISDIR(status.st_mode)
                if _stands(lower, name, is_directory) and (is_directory or not status.st_size):
                    pass
                else:
                    remove_tree(lower, name)
                    _place(upper, lower, name, is_directory, shift)
                if is_directory:
                    pending.append(path + b"/" + name if path else name)
    finally:
        above.forget()
        below.forget()


def _stands(fd: int, name: bytes, is_directory: bool) -> bool:
    try:
        mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(mode) if is_directory else stat.S_ISREG(mode)


def _place(upper: int, lower: int, name: bytes, is_directory: bool, shift: int) -> None:
    if is_directory:
        os.mkdir(name, 0o755, dir_fd=lower)
        fd = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=lower
        )
    else:
        fd = os.open(name, _CREATE, 0o644, dir_fd=lower)
    try:
        if not is_directory:
            source = os.open(name, _READ, dir_fd=upper)
            try:
                while data := os.read(source, _CHUNK):
                    os.write(fd, data)
            finally:
                os.close(source)
        if shift:
            os.fchown(fd, shift, shift)
    finally:
        os.close(fd)


class _Copying:
    def __init__(self, source: Root, target: Root, shift: int, link: bool) -> None:
        self._source = source
        self._target = target
        self._shift = shift
        self._link = link
        self._clone = True
        self._linked: dict[tuple[int, int], bytes] = {}

    def run(self) -> None:
        pending = [b""]
        times: list[tuple[bytes, int]] = []
        try:
            while pending:
                path = pending.pop()
                source, target = self._source.directory(path)[0], self._target.directory(path)[0]
                with os.scandir(source) as entries:
                    names = [
                        (os.fsencode(e.name), e.is_dir(follow_symlinks=False)) for e in entries
                    ]
                for name, is_directory in names:
                    full = path + b"/" + name if path else name
                    if is_directory:
                        os.mkdir(name, 0o700, dir_fd=target)
                        pending.append(full)
                    else:
                        self._node(source, target, name, full)
                if path:
                    copy_attributes(source, target, self._shift)
                    times.append((path, os.fstat(source).st_mtime_ns))
            for path, time in times:
                os.utime(self._target.directory(path)[0], ns=(time, time))
        finally:
            self._source.forget()
            self._target.forget()

    def _node(self, source: int, target: int, name: bytes, full: bytes) -> None:
        if self._link:
            try:
                os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
                return
            except OSError as error:
                if error.errno not in (errno.EMLINK, *_NOT_HERE):
                    raise
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        if status.st_nlink > 1:
            first = self._linked.setdefault((status.st_dev, status.st_ino), full)
            if first is not full:
                directory, last = self._target.parent(first)
                os.link(last, name, src_dir_fd=directory, dst_dir_fd=target, follow_symlinks=False)
                return
        self._clone = copy_node(source, target, name, name, status, self._shift, self._clone)


def copy_node(
    source: int,
    target: int,
    name: bytes,
    new_name: bytes,
    status: os.stat_result,
    shift: int = 0,
    clone: bool = True,
) -> bool:
    """Copy one thing that is no directory; return whether reflinks are still worth a try."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        return _copy_file(source, target, name, new_name, shift, clone)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), new_name, dir_fd=target)
    elif kind == stat.S_IFSOCK:
        return clone
    else:
        os.mknod(new_name, kind | 0o600, status.st_rdev, dir_fd=target)
    try:
        os.chown(
            new_name,
            status.st_uid + shift,
            status.st_gid + shift,
            dir_fd=target,
            follow_symlinks=False,
        )
    except PermissionError:
        pass  # one id only, and all is its own
    if kind != stat.S_IFLNK:
        os.chmod(new_name, stat.S_IMODE(status.st_mode), dir_fd=target)
    os.utime(new_name, ns=(status.st_mtime_ns,) * 2, dir_fd=target, follow_symlinks=False)
    return clone


def _copy_file(
    source: int, target: int, name: bytes, new_name: bytes, shift: int, clone: bool
) -> bool:
    old = os.open(name, _READ, dir_fd=source)
    try:
        new = os.open(new_name, _CREATE, 0o600, dir_fd=target)
        try:
            clone = copy_data(old, new, clone)
            copy_attributes(old, new, shift)
            time = os.fstat(old).st_mtime_ns
            os.utime(new, ns=(time, time))
        finally:
            os.close(new)
    finally:
        os.close(old)
    return clone


def copy_data(old: int, new: int, clone: bool = True) -> bool:
    """Copy an open file's content into an empty one; return whether reflinks are worth a try."""
    status = os.fstat(old)
    if not status.st_size:
        return clone
    if clone:
        try:
            fcntl.ioctl(new, _FICLONE, old)
            return True
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    end = status.st_size
    at = 0
    while at < end:
        try:
            start = os.lseek(old, at, os.SEEK_DATA)
            stop = os.lseek(old, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # the rest is a hole
        at = _copy_range(old, new, start, min(stop, end))
    os.ftruncate(new, end)
    return False


def _copy_range(old: int, new: int, at: int, stop: int) -> int:
    fast = True
    while at < stop:
        if fast:
            try:
                count = os.copy_file_range(old, new, stop - at, at, at)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                fast = False
                continue
        else:
            count = os.pwrite(new, os.pread(old, min(stop - at, _CHUNK), at), at)
        if not count:
            return stop  # it was cut meanwhile
        at += count
    return at


def merge(staged: int, into: int, *, whiteouts: bool) -> None:
    """Lay an unpacked layer over the tree `into`, as an overlay would, and empty `staged`.

    `whiteouts` says whether files named `.wh.…` may be among the layer's; those are acted on and go.
    """
    above, below = Root(staged), Root(into)
    pending = [b""]
    times: list[tuple[bytes, int]] = []
    try:
        while pending:
            path = pending.pop()
            source, target = above.directory(path)[0], below.directory(path)[0]
            times.append((path, os.fstat(source).st_mtime_ns))
            with os.scandir(source) as entries:
                found = {os.fsencode(e.name): e.is_dir(follow_symlinks=False) for e in entries}
            if whiteouts:
                _hide(source, target, found)
            for name, is_directory in found.items():
                if is_directory and (_is_directory(target, name) or whiteouts):
                    if not _is_directory(target, name):
                        remove_tree(target, name)
                        os.mkdir(name, 0o700, dir_fd=target)
                    pending.append(path + b"/" + name if path else name)
                    continue
                remove_tree(target, name)
                os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            copy_attributes(source, target)
        for path, time in times:
            os.utime(below.directory(path)[0], ns=(time, time))
    finally:
        above.forget()
        below.forget()


def _hide(source: int, target: int, found: dict[bytes, bool]) -> None:
    marks = [name for name in found if name.startswith(WHITEOUT)]
    if OPAQUE in found:
        for name in os.listdir(target):
            remove_tree(target, name)
    for mark in marks:
        if mark != OPAQUE:
            remove_tree(target, mark[4:])
        os.unlink(mark, dir_fd=source)
        del found[mark]


def _is_directory(fd: int, name: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def copy_merged(merged: Merged, top: Node, target: int, shift: int = 0) -> None:
    """Copy the directory `top` of a joined tree, with its attributes, into the directory `target`."""
    into = Root(target)
    times: list[tuple[bytes, int]] = []
    cut = len(top.path) + 1 if top.path else 0
    clone = True
    try:
        for node in merged.walk(top):
            path = b"" if node is top else node.path[cut:]
            source = merged.roots[node.levels[0]]
            if not node.is_directory:
                fd, name = source.parent(node.path)
                clone = copy_node(
                    fd, into.parent(path)[0], name, name, merged.status(node), shift, clone
                )
                continue
            if path:
                parent, name = into.parent(path)
                os.mkdir(name, 0o700, dir_fd=parent)
            fd = source.directory(node.path)[0]
            copy_attributes(fd, into.directory(path)[0], shift)
            times.append((path, os.fstat(fd).st_mtime_ns))
        for path, time in times:
            os.utime(into.directory(path)[0], ns=(time, time))
    finally:
        into.forget()
