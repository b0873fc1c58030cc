import os
import re
import struct
import subprocess
import sys

import pytest

from nbcontainer.builtin import libraries
from tests.needs import needs


@needs("ldd")
def test_the_closure_is_what_the_hosts_own_loader_says():
    program = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    said = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=30).stdout
    expected = {os.path.realpath(path) for path in re.findall(r"(?:=> )?(/\S+) \(0x", said)}
    assert set(libraries.Loader().closure([program]).values()) == expected


def test_each_library_is_put_under_the_name_that_is_asked_for():
    closure = libraries.Loader().closure([os.path.realpath(sys.executable)])
    loader = libraries.read(os.path.realpath(sys.executable))
    assert loader is not None
    assert loader.interpreter in closure
    for name in loader.needed:
        assert any(os.path.basename(path) == name for path in closure)


NO_ELF = {
    "empty": b"",
    "script": b"#!/bin/sh\n",
    "32 bit": b"\x7fELF\x01\x01" + bytes(100),
    "header cut": b"\x7fELF\x02\x01",
    "nonsense": b"\x7fELF\x02\x01" + b"\xff" * 58,
}


@pytest.mark.parametrize("content", NO_ELF.values(), ids=NO_ELF)
def test_what_is_no_elf_of_this_kind_reads_as_none(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert libraries.read(str(path)) is None
    assert libraries.Loader().closure([str(path)]) == {}


def test_a_missing_file_reads_as_none(tmp_path):
    assert libraries.read(str(tmp_path / "absent")) is None


def _cache(entries):
    strings, rows = b"", []
    base = 48 + 24 * len(entries)
    for name, path, hwcap in entries:
        key = base + len(strings)
        strings += name.encode() + b"\0"
        rows.append(struct.pack("<iIIIQ", 3, key, base + len(strings), 0, hwcap))
        strings += path.encode() + b"\0"
        # both offsets count from the header
    header = b"glibc-ld.so.cache1.1" + struct.pack("<II", len(entries), len(strings)) + bytes(20)
    return header + b"".join(rows) + strings


def test_the_cache_gives_plain_builds_before_those_for_newer_processors(tmp_path):
    path = tmp_path / "cache"
    entries = [("libx.so.1", "/v3/libx.so.1", 1 << 62), ("libx.so.1", "/lib/libx.so.1", 0)]
    path.write_bytes(_cache(entries))
    assert libraries.read_cache(str(path)) == {"libx.so.1": ["/lib/libx.so.1", "/v3/libx.so.1"]}


@pytest.mark.parametrize("cut", [0, 10, 30, 60, 90])
def test_a_damaged_cache_is_empty(tmp_path, cut):
    path = tmp_path / "cache"
    path.write_bytes(_cache([("libx.so.1", "/lib/libx.so.1", 0)])[:cut])
    assert libraries.read_cache(str(path)) == {}


def test_an_absent_cache_is_empty(tmp_path):
    assert libraries.read_cache(str(tmp_path / "absent")) == {}
