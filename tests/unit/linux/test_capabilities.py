"""Capability names, bits and the flags' grammar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.linux import capabilities
from nbcontainer.linux.capabilities import ALL, DEFAULT, mask, names, resolve

HEADER = Path("/usr/include/linux/capability.h")


def test_the_default_is_dockers_fourteen_less_three() -> None:
    assert len(DEFAULT) == 11
    assert not {"CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE", "CAP_SYS_ADMIN"} & set(DEFAULT)
    assert resolve() == tuple(name for name in ALL if name in DEFAULT)


def test_bits_are_those_of_the_header_of_linux() -> None:
    if not HEADER.exists():
        pytest.skip("no /usr/include/linux/capability.h on this host")
    told = dict(re.findall(r"^#define\s+(CAP_[A-Z_]+)\s+(\d+)$", HEADER.read_text(), re.MULTILINE))
    assert {name: int(bit) for name, bit in told.items()} == capabilities.BITS


def test_names_and_mask_are_each_others_inverse() -> None:
    for bit, name in enumerate(ALL):
        assert mask([name]) == 1 << bit
        assert names(1 << bit) == (name,)
    assert names(mask(ALL)) == ALL
    assert names(1 << 63) == ()


def test_an_older_linux_is_not_asked_for_bits_it_does_not_know() -> None:
    assert mask(["CAP_CHOWN", "CAP_BPF"], last_capability=37) == 1


@pytest.mark.parametrize("text", ["net_raw", "NET_RAW", "CAP_NET_RAW", "cap_net_raw", " Net_Raw "])
def test_names_count_in_any_case_with_or_without_prefix(text: str) -> None:
    assert "CAP_NET_RAW" in resolve(cap_add=[text])
    assert "CAP_NET_RAW" not in resolve(cap_add=["ALL"], cap_drop=[text])


@pytest.mark.parametrize(
    ("add", "drop", "privileged", "expected"),
    [
        ([], ["all"], False, ()),
        (["chown"], ["ALL"], False, ("CAP_CHOWN",)),
        (["ALL"], [], False, ALL),
        (["CAP_ALL"], [], False, ALL),
        (["ALL"], ["sys_admin"], False, tuple(n for n in ALL if n != "CAP_SYS_ADMIN")),
        # Docker goes through the names one by one, and none of them is called ALL
        (["ALL"], ["ALL"], False, ALL),
        ([], ["ALL"], True, ALL),
        (["kill"], ["kill"], False, resolve()),
    ],
)
def test_flags_combine_as_in_docker(
    add: list[str], drop: list[str], privileged: bool, expected: tuple[str, ...]
) -> None:
    assert resolve(add, drop, privileged) == expected


@pytest.mark.parametrize(
    "text", ["", "CAP_", "SYS_ADMIN,NET_RAW", "sysadmin", "CAP_CAP_KILL", "\x00"]
)
def test_an_unknown_name_is_refused_in_dockers_words(text: str) -> None:
    with pytest.raises(InvalidArgument, match='invalid CapAdd: unknown capability: "CAP_'):
        resolve(cap_add=[text])
    with pytest.raises(InvalidArgument, match="invalid CapDrop: unknown capability"):
        resolve(cap_drop=[text])
    with pytest.raises(InvalidArgument, match="invalid CapAdd"):
        resolve(cap_add=[text], privileged=True)


def test_mask_refuses_a_short_name() -> None:
    with pytest.raises(InvalidArgument, match='unknown capability: "CHOWN"'):
        mask(["CHOWN"])
