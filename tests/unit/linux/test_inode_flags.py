import fcntl
import os
import struct
from pathlib import Path

import pytest

from nbcontainer.linux import inode_flags

GETFLAGS, TOPDIR, NO_DUMP = 0x80086601, 0x00020000, 0x00000040


def flags_of(fd: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(fd, GETFLAGS, struct.pack("i", 0)))[0])


def test_a_directory_is_marked_and_keeps_its_other_flags(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        try:
            fcntl.ioctl(fd, 0x40086602, struct.pack("i", flags_of(fd) | NO_DUMP))
        except OSError as error:
            pytest.skip(f"this filesystem keeps no inode flags: {error}")
        inode_flags.spread(fd)
        assert flags_of(fd) & NO_DUMP
        if flags_of(fd) & TOPDIR == 0:
            pytest.skip("this filesystem places directories in its own way")
    finally:
        os.close(fd)


def test_where_there_are_no_flags_nothing_happens() -> None:
    fd = os.open("/proc/self", os.O_RDONLY)
    try:
        inode_flags.spread(fd)
    finally:
        os.close(fd)
    ours, theirs = os.pipe()
    try:
        inode_flags.spread(ours)
    finally:
        os.close(ours)
        os.close(theirs)
