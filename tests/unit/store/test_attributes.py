from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbcontainer.store.attributes import (
    copy_attributes,
    keeps_xattr,
    parse_owner,
    shift_capability,
)

CAPABILITY = bytes.fromhex("01000002ff") + bytes(15)


def test_a_file_capability_follows_the_shift_and_back() -> None:
    shifted = shift_capability("security.capability", CAPABILITY, 200_000)
    assert shifted == b"\1\0\0\3" + CAPABILITY[4:] + (200_000).to_bytes(4, "little")
    assert shift_capability("security.capability", shifted, -200_000) == CAPABILITY
    for name, value in (("user.x", CAPABILITY), ("security.capability", b"odd")):
        assert shift_capability(name, value, 5) == value
    assert shift_capability("security.capability", CAPABILITY, -5) == CAPABILITY


def test_only_attributes_that_belong_to_a_file_are_kept() -> None:
    assert keeps_xattr("user.note")
    assert keeps_xattr("security.capability")
    for name in ("user.overlay.opaque", "trusted.overlay.opaque", "security.selinux", "trusted.x"):
        assert not keeps_xattr(name)


@pytest.mark.parametrize("value", [b"", b"1", b"a:b", b"-1:2", b"1:2:3", b"9" * 30 + b":1"])
def test_a_damaged_owner_counts_as_root(value: bytes) -> None:
    assert parse_owner(value) == (0, 0)
    assert parse_owner(b"33:44") == (33, 44)


def test_attributes_are_carried_over_but_not_those_of_an_overlay(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    os.setxattr(tmp_path / "a", "user.note", b"1")
    os.setxattr(tmp_path / "a", "user.overlay.opaque", b"y")
    os.setxattr(tmp_path / "a", "user.nbcontainer.owner", b"5:6")
    (tmp_path / "a").chmod(0o4711)
    fds = [os.open(tmp_path / name, os.O_RDWR) for name in ("a", "b")]
    copy_attributes(*fds)
    for fd in fds:
        os.close(fd)
    assert sorted(os.listxattr(tmp_path / "b")) == ["user.nbcontainer.owner", "user.note"]
    assert (tmp_path / "b").stat().st_mode & 0o7777 == 0o4711
