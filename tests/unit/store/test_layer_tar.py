from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from nbcontainer.errors import Corrupt
from nbcontainer.store.layer_tar import TarReader
from nbcontainer.store.tar_entry import Entry
from tests.tars import block, member, padded, tar


def entries(data: bytes, step: int = 1 << 20) -> list[tuple[Entry, bytes]]:
    stream = io.BytesIO(data)
    source = TarReader(lambda count: stream.read(min(count, step)))
    return [(entry, b"".join(map(bytes, source.chunks()))) for entry in source]


LONG = "long/" * 30 + "name-é"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("step", [1, 700, 1 << 20])
def test_each_format_of_pythons_tarfile_is_read(form: int, step: int) -> None:
    long = "p/" * 60 + "name" if form == tarfile.USTAR_FORMAT else LONG
    data = tar(
        [
            member("d/", "dir", mtime=5),
            member(long, data=b"x" * 1000, uid=1000, gid=70000, mode=0o4711),
            member("l", "link", linkname="target"),
            member("h", "hard", linkname="l"),
            member("c", "char", devmajor=5, devminor=1),
        ],
        form,
    )
    got = entries(data, step)
    assert [(e.name, e.type) for e, _ in got] == [
        (b"d/", b"5"),
        (long.encode(), b"0"),
        (b"l", b"2"),
        (b"h", b"1"),
        (b"c", b"3"),
    ]
    assert got[1][1] == b"x" * 1000
    assert (got[1][0].uid, got[1][0].gid, got[1][0].mode) == (1000, 70000, 0o4711)
    assert (got[2][0].linkname, got[3][0].linkname) == (b"target", b"l")
    assert (got[4][0].major, got[4][0].minor) == (5, 1)


@pytest.fixture
def holes(tmp_path: Path) -> tuple[Path, bytes]:
    """A file with data at the beginning, in the middle, and a hole at the end."""
    with open(tmp_path / "f", "wb") as file:
        file.write(b"a" * 4096)
        file.seek(1 << 20)
        file.write(b"b" * 8192)
        file.truncate(3 << 20)
    return tmp_path, (tmp_path / "f").read_bytes()


@pytest.mark.needs("tar")
@pytest.mark.parametrize(
    "options",
    [["--format=gnu"], ["--format=pax", "--sparse-version=0.0"],
     ["--format=pax", "--sparse-version=0.1"], ["--format=pax", "--sparse-version=1.0"]],
    ids=lambda options: options[-1].strip("-"),
)  # fmt: skip
def test_every_kind_of_sparse_file_of_gnu_tar_is_read(
    holes: tuple[Path, bytes], options: list[str]
) -> None:
    folder, content = holes
    data = subprocess.run(
        ["tar", "--sparse", *options, "-cf", "-", "f"], cwd=folder, check=True, capture_output=True
    ).stdout
    assert len(data) < 1 << 19, "tar wrote no sparse file"
    ((entry, stored),) = entries(data)
    assert (entry.name, entry.size) == (b"f", len(content))
    built = bytearray(entry.size)
    for offset, length in entry.sparse or ():
        built[offset : offset + length], stored = stored[:length], stored[length:]
    assert bytes(built) == content


@pytest.mark.needs("tar")
def test_gnu_tars_owners_times_and_attributes_are_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    os.utime(tmp_path / "f", ns=(0, 1_700_000_000_123_456_789))
    os.setxattr(tmp_path / "f", "user.note", b"a\0=\nb")
    command = ["tar", "--xattrs", "--format=pax", "-cf", "-", "f"]
    data = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    ((entry, content),) = entries(data)
    assert entry.mtime_ns == 1_700_000_000_123_456_789
    assert entry.xattrs["user.note"] == b"a\0=\nb"
    assert content == b"x"


def test_base_256_numbers_are_read() -> None:
    big = (1 << 40).to_bytes(12, "big")
    ((entry, _),) = entries(block(b"f", uid=b"\x80" + (3_000_000).to_bytes(7, "big"),
                                  mtime=b"\x80" + big[1:]))  # fmt: skip
    assert entry.uid == 3_000_000
    assert entry.mtime_ns == (1 << 40) * 10**9
    ((entry, _),) = entries(block(b"f", mtime=b"\xff" * 12))
    assert entry.mtime_ns == -(10**9)


def test_an_archive_may_end_without_zero_blocks() -> None:
    assert len(entries(block(b"f"))) == 1
    assert entries(b"") == []


DAMAGED = {
    "no tar": b"this is a text and no archive\n" * 100,
    "cut header": block(b"f")[:300],
    "cut data": block(b"f", size=1000) + b"x" * 512,
    "cut padding": block(b"f", size=1000) + b"x" * 1000,
    "wrong checksum": block(b"f", check=b"0000001\0"),
    "negative size": block(b"f").replace(b"00000000000\0", b"\xff" * 12, 1),
    "number that is none": block(b"f", uid=b"9999999\0"),
    "unknown type": block(b"f", b"Q"),
    "multi-volume": block(b"f", b"M"),
    "ends after a long name": padded(block(b"././@LongLink", b"L", 5) + b"name\0"),
    "ends after PAX": padded(block(b"x", b"x", 12) + b"12 path=abc\n"),
    "PAX length too long": padded(block(b"x", b"x", 12) + b"99 path=abc\n") + block(b"f"),
    "PAX without =": padded(block(b"x", b"x", 12) + b"12 path abc\n") + block(b"f"),
    "PAX without newline": padded(block(b"x", b"x", 12) + b"12 path=abcd") + block(b"f"),
    "PAX length 0": padded(block(b"x", b"x", 12) + b"00 path=abc\n") + block(b"f"),
    "PAX size negative": padded(block(b"x", b"x", 11) + b"11 size=-1\n") + block(b"f"),
    "huge PAX": block(b"x", b"x", 2 << 20) + bytes(2 << 20) + block(b"f"),
    "huge long name": block(b"x", b"L", 2 << 20) + bytes(2 << 20) + block(b"f"),
    "sparse parts overlap": tar([member("f", data=b"x" * 6, pax={
        "GNU.sparse.map": "0,4,2,2", "GNU.sparse.size": "10"})]),
    "sparse beyond its size": tar([member("f", data=b"x" * 4, pax={
        "GNU.sparse.map": "8,4", "GNU.sparse.size": "10"})]),
    "sparse map of odd length": tar([member("f", data=b"x" * 4, pax={
        "GNU.sparse.map": "0,4,5", "GNU.sparse.size": "10"})]),
    "sparse data too short": tar([member("f", data=b"x" * 3, pax={
        "GNU.sparse.map": "0,4", "GNU.sparse.size": "10"})]),
    "sparse 1.0 map of millions": tar([member("f", data=padded(b"99999999\n"), pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"})]),
    "sparse 1.0 map without end": tar([member("f", data=b"1" * 1024, pax={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"})]),
    "sparse 2.0": tar([member("f", pax={"GNU.sparse.major": "2", "GNU.sparse.minor": "0"})]),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_a_clean_error(name: str) -> None:
    with pytest.raises(Corrupt):
        entries(DAMAGED[name])


def test_global_headers_do_not_pile_up() -> None:
    one = b"".join(
        padded(block(b"g", b"g", len(record)) + record)
        for record in (b"%d k%04d=%s\n" % (1012, number, b"v" * 1000) for number in range(1100))
    )
    with pytest.raises(Corrupt, match="global"):
        entries(one + block(b"f"))


def test_random_bytes_never_raise_anything_but_corrupt() -> None:
    rng = random.Random(5)
    good = tar(
        [member(LONG, data=b"x" * 900, pax={"mtime": "1.5"}), member("l", "link", linkname="x")]
    )
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            data[at] = rng.randrange(256)
            if rng.random() < 0.5:
                # a header whose checksum is right again reaches the parts behind it
                start = at - at % 512
                data[start + 148 : start + 156] = b" " * 8
                data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
        try:
            entries(bytes(data))
        except Corrupt:
            pass
