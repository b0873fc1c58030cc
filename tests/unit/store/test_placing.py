from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import Corrupt, EngineError, InvalidArgument
from nbcontainer.store.placing import Owners, place
from nbcontainer.store.tree import open_directory
from tests.tars import listing, member, reader, tar


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "outside").write_text("untouched")
    (tmp_path / "into").mkdir()
    yield tmp_path / "into"
    assert (tmp_path / "outside").read_text() == "untouched"
    assert sorted(os.listdir(tmp_path)) == ["into", "outside"]


def put(into: Path, members: list[Any], name: bytes = b"*", owners: str = Owners.OWN) -> int:
    fd = open_directory(str(into))
    try:
        return place(reader(tar(members)), fd, name=name, owners=owners)[1]
    finally:
        os.close(fd)


def test_a_tree_gets_the_name_that_was_asked_for(into: Path) -> None:
    members = [
        member("src", "dir", mode=0o750),
        member("src/f", data=b"hello", mode=0o640, mtime=1000),
        member("src/l", "link", linkname="f"),
        member("src/h", "hard", linkname="src/f"),
    ]
    assert put(into, members, b"dst") == 5
    assert (into / "dst/f").read_text() == "hello"
    assert (into / "dst/f").stat().st_mode & 0o7777 == 0o640
    assert (into / "dst/f").stat().st_mtime == 1000
    assert os.readlink(into / "dst/l") == "f"
    assert (into / "dst/h").samefile(into / "dst/f")
    put(into, members, b"")
    assert (into / "f").read_text() == "hello"
    put(into, members)
    assert (into / "src/f").read_text() == "hello"


def test_what_is_there_stays_and_files_are_replaced_whole(into: Path) -> None:
    (into / "d").mkdir()
    (into / "d/kept").write_text("kept")
    (into / "d/f").write_text("old")
    old = (into / "d/f").open()
    put(into, [member("d", "dir"), member("d/f", data=b"new")])
    assert (into / "d/f").read_text() == "new"
    # who had the old one open still reads the old one
    assert old.read() == "old"
    old.close()
    assert (into / "d/kept").read_text() == "kept"
    assert sorted(os.listdir(into / "d")) == ["f", "kept"]


def test_a_file_never_replaces_a_directory_nor_the_other_way(into: Path) -> None:
    (into / "d").mkdir()
    (into / "f").write_text("x")
    with pytest.raises(InvalidArgument, match='cannot overwrite directory "d" with non-directory'):
        put(into, [member("d", data=b"x")])
    with pytest.raises(InvalidArgument, match='cannot overwrite non-directory "f" with directory'):
        put(into, [member("f", "dir")])
    (into / "l").symlink_to("d")
    with pytest.raises(InvalidArgument, match="cannot overwrite non-directory"):
        put(into, [member("l", "dir")])


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside", data=b"x")],
        [member("a/../../outside", data=b"x")],
        [member("h", "hard", linkname="../outside")],
        [member("l", "link", linkname=".."), member("l/outside", data=b"x")],
        [member("l", "link", linkname="/"), member("l/tmp/x", data=b"x")],
    ],
)
def test_nothing_leads_outside(into: Path, members: list[Any]) -> None:
    with pytest.raises(EngineError):
        put(into, members)


def test_absolute_names_stay_inside(into: Path) -> None:
    put(into, [member("/outside", data=b"x")])
    assert (into / "outside").read_text() == "x"


def test_a_link_is_replaced_and_never_written_through(into: Path) -> None:
    (into / "f").symlink_to("../outside")
    put(into, [member("f", data=b"x")])
    assert not (into / "f").is_symlink()


def test_nothing_is_a_whiteout_here(into: Path) -> None:
    (into / "f").write_text("x")
    put(into, [member(".wh.f"), member(".wh..wh..opq")])
    assert sorted(os.listdir(into)) == [".wh..wh..opq", ".wh.f", "f"]


def test_devices_are_left_out_and_named_once_all_else_is_there(into: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot copy devices: null$"):
        put(into, [member("null", "char", devmajor=1, devminor=3), member("f", data=b"x")])
    assert os.listdir(into) == ["f"]


def test_a_cut_tar_is_refused_and_leaves_no_half_file(into: Path) -> None:
    whole = tar([member("f", data=bytes(100_000))])
    fd = open_directory(str(into))
    try:
        with pytest.raises(Corrupt):
            place(reader(whole[:5000]), fd, name=b"*", owners=Owners.OWN)
    finally:
        os.close(fd)
    assert os.listdir(into) == []


@pytest.mark.needs("root")
def test_owners_are_kept_or_roots_or_the_callers(into: Path) -> None:
    members = [member("f", data=b"x", uid=33, gid=44)]
    for owners, wanted in ((Owners.KEPT, (33, 44)), (Owners.ROOT, (0, 0)), (Owners.OWN, (0, 0))):
        put(into, members, owners=owners)
        status = (into / "f").stat()
        assert (status.st_uid, status.st_gid) == wanted


_PARTS = st.sampled_from(["a", "b", "..", ".", "", "l"])
_PATHS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_MEMBERS = st.one_of(
    st.builds(lambda n: member(n or "x", data=b"x"), _PATHS),
    st.builds(lambda n: member(n or "x", "dir"), _PATHS),
    st.builds(lambda n, t: member(n or "x", "link", linkname=t or "/"), _PATHS, _PATHS),
    st.builds(lambda n, t: member(n or "x", "hard", linkname=t or "/"), _PATHS, _PATHS),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_MEMBERS, max_size=6))
def test_whatever_an_archive_says_nothing_outside_changes(tmp_path_factory, members) -> None:
    base = tmp_path_factory.mktemp("p")
    (base / "outside").mkdir()
    (base / "outside/f").write_text("untouched")
    (base / "into").mkdir()
    (base / "into/l").symlink_to("../outside")
    before = listing(str(base / "outside"))
    try:
        put(base / "into", members)
    except EngineError:
        pass
    assert listing(str(base / "outside")) == before
    assert sorted(os.listdir(base)) == ["into", "outside"]
