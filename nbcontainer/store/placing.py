"""Put what a tar holds into a tree that is there already, as `cp` does.

Unlike a layer's, a name here never stands for something else: nothing is a whiteout, and a directory is
not replaced by a file, nor a file by a directory.  All goes through directory descriptors, so neither a
link in the tree nor a program that changes it meanwhile leads outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from ..errors import Corrupt, InvalidArgument
from . import tar_entry
from .attributes import OWNER_XATTR, REFUSALS, keeps_xattr
from .files import raise_no_space, write_all
from .layer_tar import TarReader
from .sparse import write_sparse
from .tar_entry import Entry
from .tree import Root, inside, limit_depth, shown

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TIMES = (-(1 << 31) * 10**9, (1 << 33) * 10**9)
_DEPTH = 1024
_TEMPORARY = b".nbcontainer-cp"


class Owners:
    """Whose the files become: "kept" as the tar says, "root", "own" (whoever copies), "noted" in an xattr."""

    KEPT, ROOT, OWN, NOTED = "kept", "root", "own", "noted"


def place(read: Callable[[int], bytes], into: int, *, name: bytes, owners: str) -> tuple[int, int]:
    """Unpack a plain tar into the directory `into`; return how many entries and bytes of files.

    Every entry lies under its first part, which becomes `name`; with the name b"" it is left out.  On
    failure what was placed stays.

    Raises: InvalidArgument (a file over a directory or the other way; devices, once all else is there),
    Corrupt, NoSpace.
    """
    work = _Placing(into, name, owners)
    before = os.umask(0)
    try:
        reader = TarReader(read)
        for entry in reader:
            work.add(entry, reader)
        reader.drain()
        work.finish()
    except OSError as error:
        raise_no_space(error, "copy the files")
        where = error.filename if isinstance(error.filename, bytes) else b""
        raise Corrupt(f"cannot copy {shown(where[:200])}: {error.strerror}") from error
    finally:
        work.root.forget()
        os.umask(before)
    if work.devices:
        more = len(work.devices) - 1
        which = shown(work.devices[0][:200]) + (f" and {more} more" if more else "")
        raise InvalidArgument(f"cannot copy devices: {which}", "All else was copied.")
    return work.entries, work.size_bytes


class _Placing:
    def __init__(self, fd: int, name: bytes, owners: str) -> None:
        # below `into` no link is followed: what the tar holds lies where it says
        self.root = Root(fd)
        self._name = name
        self._owners = owners
        self._times: dict[bytes, int] = {}
        self.entries = self.size_bytes = 0
        # a device is the host's or the container's own, and is not copied
        self.devices: list[bytes] = []

    def _target(self, name: bytes) -> bytes:
        path = inside(name)
        if path is None:
            raise Corrupt(f"the archive's entry {shown(name[:200])} leads outside")
        if self._name == b"*":
            return path
        rest = path.partition(b"/")[2]
        return b"/".join(part for part in (self._name, rest) if part)

    def add(self, entry: Entry, reader: TarReader) -> None:
        path = self._target(entry.name)
        limit_depth(path, _DEPTH)
        self.entries += 1
        if not path:
            return  # the directory itself, which is there and stays as it is
        head, _, name = path.rpartition(b"/")
        try:
            parent = self.root.directory(head, lambda *_: None)[0]
            if entry.type == tar_entry.DIRECTORY:
                self._directory(parent, name, path, entry)
            else:
                self._other(parent, name, path, entry, reader)
        except OSError as error:
            error.filename = path
            raise

    def _directory(self, parent: int, name: bytes, path: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not _is_directory(parent, name):
                raise InvalidArgument(
                    f'cannot overwrite non-directory "{shown(path)}" with directory'
                ) from None
        fd = self.root.directory(path)[0]
        self._own(fd, entry)
        os.fchmod(fd, entry.mode & 0o7777)
        self._xattrs(fd, entry)
        self._times[path] = _time(entry)

    def _other(
        self, parent: int, name: bytes, path: bytes, entry: Entry, reader: TarReader
    ) -> None:
        if _is_directory(parent, name):
            raise InvalidArgument(
                f'cannot overwrite directory "{shown(path)}" with non-directory "{shown(name)}"'
            )
        if entry.type == tar_entry.REGULAR:
            self._file(parent, name, entry, reader)
        elif entry.type == tar_entry.SYMLINK:
            _unlink(parent, name)
            os.symlink(entry.linkname, name, dir_fd=parent)
            self._dress(parent, name, entry)
        elif entry.type == tar_entry.HARDLINK:
            self._link(parent, name, entry)
        elif entry.type == tar_entry.FIFO:
            _unlink(parent, name)
            os.mkfifo(name, 0o600, dir_fd=parent)
            self._dress(parent, name, entry)
        else:
            self.devices.append(path)

    def _file(self, parent: int, name: bytes, entry: Entry, reader: TarReader) -> None:
        """Write a file beside, then let it take its name: nobody sees half of it."""
        _unlink(parent, _TEMPORARY)
        fd = os.open(_TEMPORARY, _CREATE, 0o600, dir_fd=parent)
        try:
            if entry.sparse is not None:
                write_sparse(fd, entry, reader)
            else:
                for chunk in reader.chunks():
                    write_all(fd, chunk)
            self._own(fd, entry)
            self._xattrs(fd, entry)
            os.fchmod(fd, entry.mode & 0o7777)
            os.utime(fd, ns=(_time(entry),) * 2)
            os.rename(_TEMPORARY, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            _unlink(parent, _TEMPORARY)
            raise
        finally:
            os.close(fd)
        self.size_bytes += entry.size

    def _link(self, parent: int, name: bytes, entry: Entry) -> None:
        held = os.dup(parent)
        try:
            directory, last = self.root.parent(self._target(entry.linkname))
            _unlink(held, _TEMPORARY)
            os.link(last, _TEMPORARY, src_dir_fd=directory, dst_dir_fd=held, follow_symlinks=False)
            os.rename(_TEMPORARY, name, src_dir_fd=held, dst_dir_fd=held)
            # two names of one file: rename then does nothing
            _unlink(held, _TEMPORARY)
        finally:
            os.close(held)

    def _dress(self, parent: int, name: bytes, entry: Entry) -> None:
        if self._owners in (Owners.KEPT, Owners.ROOT):
            uid, gid = self._ids(entry)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        if entry.type != tar_entry.SYMLINK:
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                os.chmod(f"/proc/self/fd/{fd}", entry.mode & 0o7777)
            finally:
                os.close(fd)
        os.utime(name, ns=(_time(entry),) * 2, dir_fd=parent, follow_symlinks=False)

    def _ids(self, entry: Entry) -> tuple[int, int]:
        return (entry.uid, entry.gid) if self._owners == Owners.KEPT else (0, 0)

    def _own(self, fd: int, entry: Entry) -> None:
        if self._owners in (Owners.KEPT, Owners.ROOT):
            os.fchown(fd, *self._ids(entry))
        elif self._owners == Owners.NOTED and (entry.uid or entry.gid):
            os.setxattr(fd, OWNER_XATTR, b"%d:%d" % (entry.uid, entry.gid))

    def _xattrs(self, fd: int, entry: Entry) -> None:
        for name, data in entry.xattrs.items():
            if not keeps_xattr(name):
                continue
            try:
                os.setxattr(fd, name, data)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in REFUSALS:
                    raise

    def finish(self) -> None:
        """Set directories' times, which every entry inside them changed."""
        for path in sorted(self._times):
            try:
                fd = self.root.directory(path)[0]
            except OSError:
                continue  # gone meanwhile
            os.utime(fd, ns=(self._times[path],) * 2)


def _is_directory(parent: int, name: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _unlink(parent: int, name: bytes) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.EISDIR:
            raise


def _time(entry: Entry) -> int:
    return min(max(entry.mtime_ns, _TIMES[0]), _TIMES[1])
