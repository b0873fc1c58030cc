"""How to unpack a layer, how much of it, and what came of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ..errors import Corrupt, EngineError, NoSpace
from ..values import value
from .tree import shown

_SPACE_CHECK = 64 << 20
_OF_THE_HOST = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM)


@value
class UnpackOptions:
    """How to store what an archive holds, and how much of it.

    `whiteouts` is "overlay" or "files"; `userxattr` says which xattrs the overlay reads.  `id_mode` "single"
    writes owners to an xattr, the others to the files; ids from `id_count` on become nobody's.
    `ratio` bounds unpacked to packed bytes beyond `ratio_floor_bytes`; `keep_free_percent` of the disk,
    but no more than `keep_free_bytes`, stay free.  `below` gives descriptors of the layers underneath,
    topmost first: a directory that the archive uses without describing it is made as it is there.
    """

    whiteouts: str = "overlay"
    userxattr: bool = False
    id_mode: str = "root"
    id_count: int = 65536
    devices: bool = False
    layer_bytes: int = 20 << 30
    ratio: int = 200
    ratio_floor_bytes: int = 64 << 20
    entries: int = 1_000_000
    depth: int = 1024
    pax_bytes: int = 1 << 20
    keep_free_percent: int = 5
    keep_free_bytes: int = 10 << 30
    below: Callable[[], tuple[int, ...]] = tuple

    def opaque_xattr(self) -> str:
        """Return the attribute that makes a directory opaque."""
        return "user.overlay.opaque" if self.userxattr else "trusted.overlay.opaque"


class Unpacked:
    """What an unpacking did: bytes of file data, entries, and what had to be left out."""

    __slots__ = ("entries", "size_bytes", "skipped_devices", "skipped_xattrs", "whiteouts")

    def __init__(self) -> None:
        self.entries = self.size_bytes = self.whiteouts = 0
        self.skipped_devices = self.skipped_xattrs = 0

    def counts(self) -> dict[str, int]:
        """Return what a job tells of it."""
        return {
            "entries": self.entries,
            "size_bytes": self.size_bytes,
            "skipped_devices": self.skipped_devices,
            "skipped_xattrs": self.skipped_xattrs,
        }


class Budget:
    """Counts what an unpacking takes, against its bounds; `fd` is on the disk that fills."""

    __slots__ = ("_fd", "_next_check", "_options", "done")

    def __init__(self, options: UnpackOptions, fd: int) -> None:
        self._options = options
        self._fd = fd
        self._next_check = 0
        self.done = Unpacked()

    def entry(self) -> None:
        """Count one entry.

        Raises: Corrupt.
        """
        self.done.entries += 1
        if self.done.entries > self._options.entries:
            raise Corrupt(
                f"the layer has more than {self._options.entries} entries",
                "The bound is the setting `entries`.",
            )

    def file(self, size: int, stored: int) -> None:
        """Count one file of `size` bytes, of which `stored` are about to be written.

        Raises: Corrupt, NoSpace.
        """
        done, options = self.done, self._options
        done.size_bytes += size
        if done.size_bytes > options.layer_bytes:
            raise Corrupt(
                f"the layer unpacks to more than {options.layer_bytes} bytes",
                "The bound is the setting `layer_bytes`.",
            )
        if done.size_bytes < self._next_check:
            return
        self._next_check = done.size_bytes + _SPACE_CHECK
        disk = os.fstatvfs(self._fd)
        keep = disk.f_blocks * disk.f_frsize * options.keep_free_percent // 100
        keep = min(keep, options.keep_free_bytes)
        if disk.f_bavail * disk.f_frsize - stored < keep:
            raise NoSpace(
                f"unpacking the layer would leave less than {keep} bytes of the disk free",
                "Free disk space (image prune).",
            )


def explained(error: OSError) -> EngineError:
    """Return what Linux's refusal means for an unpacking."""
    name = error.filename
    where = shown(os.fsencode(name)) if isinstance(name, (str, bytes)) else "an entry"
    what = f"the layer cannot be unpacked: {where[:200]}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return NoSpace(what, "Free disk space (image prune).")
    # what no archive can bring about is the host's failure, not the archive's
    return EngineError(what) if error.errno in _OF_THE_HOST else Corrupt(what)
