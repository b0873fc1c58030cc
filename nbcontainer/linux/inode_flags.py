"""Flags of a directory's inode that tell a filesystem how to place what comes into it."""

from __future__ import annotations

import fcntl
import struct

# linux/fs.h: FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, of a long by their numbers, of an int by their use
_GET, _SET = 0x80086601, 0x40086602
_TOPDIR = 0x00020000


def spread(directory: int) -> None:
    """Have new subdirectories of the open `directory` placed apart from it and from each other.

    ext4 keeps a tree together, and passes each inode that was freed in the last minutes one by one, for
    every new file (`recently_deleted` in its ialloc.c): where a tree of 10,000 files was removed, the next
    takes ten times as long.  Elsewhere it means nothing, and is refused or ignored.
    """
    try:
        flags = struct.unpack("i", fcntl.ioctl(directory, _GET, struct.pack("i", 0)))[0]
        fcntl.ioctl(directory, _SET, struct.pack("i", flags | _TOPDIR))
    except OSError:
        pass  # no flags, or none like this: the filesystem places as it can
