import errno
import fcntl
import os
import struct
from pathlib import Path

import pytest

from nbcontainer.linux import inode_flags

GET, SET, TOPDIR, NO_DUMP = 0x80086601, 0x40086602, 0x00020000, 0x00000040


def test_the_mark_is_added_to_what_the_directory_has(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []

    def linux(fd: int, request: int, argument: bytes) -> bytes:
        asked.append((fd, request, struct.unpack("i", argument)[0]))
        return struct.pack("i", NO_DUMP)

    monkeypatch.setattr(fcntl, "ioctl", linux)
    inode_flags.spread(7)
    assert asked == [(7, GET, 0), (7, SET, NO_DUMP | TOPDIR)]


@pytest.mark.parametrize("refuses", [GET, SET])
def test_a_filesystem_that_refuses_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, refuses: int
) -> None:
    def linux(fd: int, request: int, argument: bytes) -> bytes:
        if request == refuses:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return argument

    monkeypatch.setattr(fcntl, "ioctl", linux)
    inode_flags.spread(7)


@pytest.mark.needs("ext4")
def test_ext4_keeps_the_mark(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        inode_flags.spread(fd)
        assert struct.unpack("i", fcntl.ioctl(fd, GET, bytes(4)))[0] & TOPDIR
    finally:
        os.close(fd)
