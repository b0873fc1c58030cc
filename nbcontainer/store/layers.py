"""Unpack a layer's tar, however hostile, into an empty directory.

Nothing outside that directory is read, written or linked to, and nothing of what the archive says is
believed: see `UnpackOptions` for the bounds.  Whiteouts become an overlay's marks or, for a store
that cannot hold those, stay files named `.wh.…` that `merge` acts on.

    ../ and absolute names            stay inside
    a link among the parents          is resolved inside
    anything at a taken name          replaces what is there, never follows it; the last one wins
    a hard link that leaves,          refused: Corrupt
    a file as parent, no name,
    a damaged or endless archive
    xattrs of overlays, of others     dropped: only user.*, security.capability and ACLs are kept
    device nodes                      made where `devices` allows, otherwise skipped and counted
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from ..errors import Corrupt
from . import tar_entry
from .attributes import OWNER_XATTR, REFUSALS, copy_attributes, keeps_xattr
from .layer_tar import TarReader
from .sparse import write_sparse
from .tar_entry import Entry
from .tree import Root, clean, inside, is_whiteout, limit_depth, open_directory, remove_tree, shown
from .unpack_options import Budget, Unpacked, UnpackOptions, explained

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
_MALFORMED = (b".wh.", b".wh..", b".wh...")
NOBODY = 65534
_ID_BOUND = 2**31
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TIMES = (-(1 << 31) * 10**9, (1 << 33) * 10**9)


def unpack(read: Callable[[int], bytes], into_fd: int, options: UnpackOptions) -> Unpacked:
    """Unpack the uncompressed tar that `read(n)` yields into the empty directory `into_fd`.

    The stream is read to its end.  On failure the directory holds a part; the caller removes it.
    Call it in a process of its own kind: it sets the umask while it runs.

    Raises: Corrupt (hostile, damaged or over a bound), NoSpace.
    """
    reader = TarReader(read, options.pax_bytes)
    work = _Unpacking(into_fd, options)
    before = os.umask(0)
    try:
        for entry in reader:
            work.add(entry, reader)
        reader.drain()
        work.finish()
    except OSError as error:
        raise explained(error) from error
    finally:
        work.close()
        os.umask(before)
    return work.done


class _Unpacking:
    """One layer on its way to disk."""

    def __init__(self, fd: int, options: UnpackOptions) -> None:
        self.root = Root(fd, follow=True)
        self._budget = Budget(options, fd)
        self.done = self._budget.done
        self._options = options
        self._times: dict[bytes, int] = {}
        self._overlay = options.whiteouts == "overlay"
        self._single = options.id_mode == "single"
        self._stale = False
        self._below: list[Root] | None = None
        self._make = {
            tar_entry.HARDLINK: self._hard_link,
            tar_entry.SYMLINK: self._symlink,
            tar_entry.CHARACTER: self._device,
            tar_entry.BLOCK_DEVICE: self._device,
            tar_entry.FIFO: self._fifo,
        }

    def add(self, entry: Entry, reader: TarReader) -> None:
        self._budget.entry()
        path = clean(entry.name)
        limit_depth(path, self._options.depth)
        if not path:
            if entry.type != tar_entry.DIRECTORY:
                raise Corrupt("the layer has an entry for its root that is no directory")
            self._dress_directory(self.root.fd, b"", entry)
            return
        head, _, name = path.rpartition(b"/")
        if WHITEOUT in path and not self._is_kept(path):
            return
        try:
            parent, real = self.root.directory(head, self._made)
            if name.startswith(WHITEOUT):
                self._whiteout(parent, real, name)
                return
            if entry.type == tar_entry.REGULAR:
                self._file(parent, name, entry, reader)
            elif entry.type == tar_entry.DIRECTORY:
                self._directory(parent, real, name, entry)
            else:
                self._make[entry.type](parent, name, entry)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
                why = (
                    "a parent of it is no directory"
                    if error.errno == errno.ENOTDIR
                    else error.strerror
                )
                raise Corrupt(f"the layer's entry {shown(path[:200])} is refused: {why}") from error
            error.filename = path
            raise

    def _is_kept(self, path: bytes) -> bool:
        """Refuse malformed whiteouts; tell whether the entry is to be kept at all."""
        *parents, name = path.split(b"/")
        # AUFS's own notes; only the opaque mark has a meaning, and only as a last name.
        if any(part.startswith(b".wh..wh.") for part in parents):
            return False
        if name.startswith(b".wh..wh."):
            return name == OPAQUE
        if any(part.startswith(WHITEOUT) for part in parents) or name in _MALFORMED:
            raise Corrupt(f"the layer has a malformed whiteout: {shown(path[:200])}")
        return True

    # Directories

    def _made(self, parent: int, name: bytes, path: bytes, hidden: bool) -> None:
        if hidden:
            self._set_opaque(parent, name)
        fd = open_directory(name, parent)
        try:
            self._dress_as_below(fd, path)
        finally:
            os.close(fd)

    def _dress_as_below(self, fd: int, path: bytes) -> None:
        """Give a directory that the archive does not describe what the layers below say of it."""
        for root in self._lower_roots():
            try:
                source = root.directory(path)[0]
            except OSError:
                continue
            copy_attributes(source, fd)
            self._times[path] = os.fstat(source).st_mtime_ns
            return
        if not self._single:
            os.fchown(fd, 0, 0)
        self._times[path] = 0

    def _directory(self, parent: int, real: bytes, name: bytes, entry: Entry) -> None:
        path = real + b"/" + name if real else name
        hidden = False
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                hidden = is_whiteout(status)
                self._clear(parent, name)
                os.mkdir(name, 0o700, dir_fd=parent)
                self._refresh()
        fd = self.root.directory(path)[0]
        self._dress_directory(fd, path, entry)
        if hidden:
            self._opaque(fd)

    def _dress_directory(self, fd: int, path: bytes, entry: Entry) -> None:
        self._own(fd, entry)
        os.fchmod(fd, entry.mode & 0o7777)
        if entry.xattrs:
            self._set_xattrs(fd, entry)
        self._times[path] = self._time(entry)

    def finish(self) -> None:
        """Set directories' times, which every entry inside them changed."""
        if b"" not in self._times:
            self._dress_as_below(self.root.fd, b"")
        strict = Root(self.root.fd)
        try:
            for path in sorted(self._times):
                try:
                    fd = strict.directory(path)[0]
                except OSError:
                    continue  # replaced by a later entry
                os.utime(fd, ns=(self._times[path],) * 2)
        finally:
            strict.forget()

    def close(self) -> None:
        for root in (self.root, *(self._below or ())):
            root.forget()

    def _lower_roots(self) -> list[Root]:
        # seldom needed, and then perhaps waited for
        if self._below is None:
            self._below = [Root(fd) for fd in self._options.below()]
        return self._below

    # Whiteouts

    def _whiteout(self, parent: int, real: bytes, name: bytes) -> None:
        self.done.whiteouts += 1
        if not self._overlay:
            try:
                os.close(os.open(name, _CREATE, 0o600, dir_fd=parent))
            except FileExistsError:
                pass
            return
        if name == OPAQUE:
            self._opaque(parent)
            return
        hidden = name[4:]
        # A whiteout speaks of the layers below: what this layer has itself stays.
        try:
            status = os.stat(hidden, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=parent)
            return
        if stat.S_ISDIR(status.st_mode):
            self._opaque(self.root.directory(real + b"/" + hidden if real else hidden)[0])

    def _opaque(self, fd: int) -> None:
        os.setxattr(fd, self._options.opaque_xattr(), b"y")

    def _set_opaque(self, parent: int, name: bytes) -> None:
        fd = open_directory(name, parent)
        try:
            self._opaque(fd)
        finally:
            os.close(fd)

    # Everything else

    def _clear(self, parent: int, name: bytes) -> None:
        """Remove what stands at a name that is wanted for something else.

        The caller calls `_refresh` once it no longer needs the parent's descriptor.
        """
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        remove_tree(parent, name)
        if kind in (stat.S_IFDIR, stat.S_IFLNK):
            self._stale = True

    def _file(self, parent: int, name: bytes, entry: Entry, reader: TarReader) -> None:
        self._budget.file(entry.size, entry.stored)
        mode = entry.mode & 0o7777
        first = mode & 0o777 | 0o600  # an attribute can be set only on what may be written
        try:
            fd = os.open(name, _CREATE, first, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name)
            fd = os.open(name, _CREATE, first, dir_fd=parent)
        try:
            if entry.sparse is not None:
                write_sparse(fd, entry, reader)
            else:
                for chunk in reader.chunks():
                    written = os.write(fd, chunk)
                    while written < len(chunk):
                        written += os.write(fd, chunk[written:])
            self._own(fd, entry)
            if entry.xattrs:
                self._set_xattrs(fd, entry)
            if mode != first:
                os.fchmod(fd, mode)
            os.utime(fd, ns=(self._time(entry),) * 2)
        finally:
            os.close(fd)
        self._refresh()

    def _refresh(self) -> None:
        if self._stale:
            self._stale = False
            self.root.forget()

    def _hard_link(self, parent: int, name: bytes, entry: Entry) -> None:
        target = inside(entry.linkname)
        if not target:
            why = "leaves the layer" if target is None else "has no target"
            raise Corrupt(f"the layer's hard link {shown(entry.name[:200])} {why}")
        limit_depth(target, self._options.depth)
        if target.rpartition(b"/")[2].startswith(WHITEOUT):
            raise Corrupt(f"the layer has a hard link to a whiteout: {shown(entry.name[:200])}")
        held = os.dup(parent)
        try:
            directory, last = self.root.parent(target)
            status = os.stat(last, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) or is_whiteout(status):
                raise FileNotFoundError
            try:
                os.link(last, name, src_dir_fd=directory, dst_dir_fd=held, follow_symlinks=False)
            except FileExistsError:
                there = os.stat(name, dir_fd=held, follow_symlinks=False)
                if (there.st_ino, there.st_dev) != (status.st_ino, status.st_dev):
                    self._link_over(directory, last, held, name)
        except FileNotFoundError:
            raise Corrupt(
                f"the layer's hard link {shown(entry.name[:200])} has no file as its target"
            ) from None
        finally:
            os.close(held)
        self._refresh()

    def _link_over(self, directory: int, last: bytes, held: int, name: bytes) -> None:
        """Replace `name` by a link; the target may lie inside the tree that goes."""
        temporary = b".wh..wh.link"
        os.link(last, temporary, src_dir_fd=directory, dst_dir_fd=held, follow_symlinks=False)
        self._clear(held, name)
        os.rename(temporary, name, src_dir_fd=held, dst_dir_fd=held)

    def _symlink(self, parent: int, name: bytes, entry: Entry) -> None:
        if not entry.linkname or len(entry.linkname) > 4095:
            raise Corrupt(f"the layer's link {shown(entry.name[:200])} has an impossible target")
        try:
            os.symlink(entry.linkname, name, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name)
            os.symlink(entry.linkname, name, dir_fd=parent)
        self._dress(parent, name, entry)

    def _device(self, parent: int, name: bytes, entry: Entry) -> None:
        whiteout = entry.major == entry.minor == 0 and entry.type == tar_entry.CHARACTER
        if whiteout or not self._options.devices:
            self.done.skipped_devices += 1
            return
        if not (0 <= entry.major < 1 << 12 and 0 <= entry.minor < 1 << 20):
            raise Corrupt(f"the layer's device {shown(entry.name[:200])} has an impossible number")
        kind = stat.S_IFCHR if entry.type == tar_entry.CHARACTER else stat.S_IFBLK
        self._node(parent, name, entry, kind, os.makedev(entry.major, entry.minor))

    def _fifo(self, parent: int, name: bytes, entry: Entry) -> None:
        self._node(parent, name, entry, stat.S_IFIFO, 0)

    def _node(self, parent: int, name: bytes, entry: Entry, kind: int, device: int) -> None:
        try:
            os.mknod(name, kind | 0o600, device, dir_fd=parent)
        except FileExistsError:
            self._clear(parent, name)
            os.mknod(name, kind | 0o600, device, dir_fd=parent)
        except PermissionError:
            if not device:
                raise
            self.done.skipped_devices += 1
            return
        self._dress(parent, name, entry)

    def _dress(self, parent: int, name: bytes, entry: Entry) -> None:
        """Set owner, mode and time of what cannot be opened."""
        if not self._single:
            os.chown(
                name, self._id(entry.uid), self._id(entry.gid), dir_fd=parent, follow_symlinks=False
            )
        if entry.type != tar_entry.SYMLINK:
            # made a moment ago in a directory that is ours alone: it is no link
            os.chmod(name, entry.mode & 0o7777, dir_fd=parent)
        time = self._time(entry)
        os.utime(name, ns=(time, time), dir_fd=parent, follow_symlinks=False)
        self._refresh()

    # Attributes and bounds

    def _id(self, number: int) -> int:
        # an owner that is only written down needs no id of ours
        bound = _ID_BOUND if self._single else self._options.id_count
        return number if 0 <= number < bound else NOBODY

    def _time(self, entry: Entry) -> int:
        return min(max(entry.mtime_ns, _TIMES[0]), _TIMES[1])

    def _own(self, fd: int, entry: Entry) -> None:
        uid, gid = self._id(entry.uid), self._id(entry.gid)
        if not self._single:
            os.fchown(fd, uid, gid)
        elif uid or gid:
            os.setxattr(fd, OWNER_XATTR, b"%d:%d" % (uid, gid))

    def _set_xattrs(self, fd: int, entry: Entry) -> None:
        for name, value in entry.xattrs.items():
            if not keeps_xattr(name):
                continue
            try:
                os.setxattr(fd, name, value)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno not in REFUSALS:
                    raise
                self.done.skipped_xattrs += 1
