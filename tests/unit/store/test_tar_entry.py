from __future__ import annotations

import io
import tarfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.store import tar_entry
from nbcontainer.store.layer_tar import TarReader
from nbcontainer.store.tar_entry import Entry, end, header
from tests.tars import reader


def texts(forbidden: str, longest: int) -> st.SearchStrategy[str]:
    letters = st.characters(blacklist_characters=forbidden, blacklist_categories=["Cs"])
    return st.text(letters, min_size=1, max_size=longest)


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(texts("\0/", 60), min_size=1, max_size=6),
    link=texts("\0", 200),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    mtime_ns=st.integers(-(2**40), 2**62),
    note=st.binary(max_size=50),
)  # fmt: skip
def test_what_is_written_is_read_back_by_us_and_by_tarfile(
    parts: list[str], link: str, mode: int, uid: int, mtime_ns: int, note: bytes
) -> None:
    name = "/".join(parts)
    entry = Entry(name.encode(), tar_entry.SYMLINK)
    entry.linkname, entry.mode, entry.uid, entry.gid = link.encode(), mode, uid, 7
    entry.mtime_ns = mtime_ns
    entry.xattrs = {"user.note": note}
    head = header(entry)
    data = head + end(len(head))
    (got,) = TarReader(reader(data))
    for field in ("name", "linkname", "mode", "uid", "gid", "mtime_ns", "xattrs", "type"):
        assert getattr(got, field) == getattr(entry, field), field
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (info,) = archive.getmembers()
    assert (info.name, info.linkname, info.mode, info.uid) == (name.rstrip("/"), link, mode, uid)


def test_plain_entries_need_no_extended_header() -> None:
    entry = Entry(b"etc/passwd", tar_entry.REGULAR)
    entry.mtime_ns, entry.size = 10**18, 5
    assert len(header(entry)) == 512
    entry.mtime_ns += 1
    assert len(header(entry)) == 1536


def test_a_file_of_eight_gibibytes_gets_its_size(tmp_path: Path) -> None:
    entry = Entry(b"f", tar_entry.REGULAR)
    entry.size = 9 << 30
    first = next(iter(TarReader(reader(header(entry)))))
    assert first.size == first.stored == 9 << 30


def test_an_archive_ends_in_two_zero_blocks_at_a_whole_record() -> None:
    assert end(512) == bytes(1024)
    assert len(end(512, 10240)) == 10240 - 512
    assert len(end(10240 - 1024, 10240)) == 1024
    assert len(end(10240 - 512, 10240)) == 512 + 10240
