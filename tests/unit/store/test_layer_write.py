from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from nbcontainer.store.changes import Change
from nbcontainer.store.layer_write import write_layer
from nbcontainer.store.tree import open_directory


def written(folder: Path, *paths: str, **options: int) -> bytes:
    out = io.BytesIO()
    fd = open_directory(str(folder))
    try:
        changes = [Change(path[0], path[1:].encode()) for path in paths]
        file_bytes = write_layer(changes, fd, lambda data: out.write(bytes(data)), **options)
    finally:
        os.close(fd)
    assert len(out.getvalue()) % 512 == 0
    files = [info for info in members(out.getvalue()).values() if info.isreg()]
    assert file_bytes == sum(info.size for info in files)
    return out.getvalue()


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: info for info in archive.getmembers()}


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4 << 20, (4 << 20) + 1, (9 << 20) + 77])
def test_files_of_every_size_arrive_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "before").write_bytes(b"x" * 700)
    (tmp_path / "f").write_bytes(content)
    (tmp_path / "zlast").write_bytes(b"y")
    data = written(tmp_path, "Abefore", "Af", "Azlast")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = archive.extractfile("f")
        assert found is not None
        assert hashlib.sha256(found.read()).digest() == hashlib.sha256(content).digest()
        last = archive.extractfile("zlast")
        assert last is not None
        assert last.read() == b"y"


def test_deleted_names_become_empty_whiteouts(tmp_path: Path) -> None:
    found = members(written(tmp_path, "Da", "Dd/b"))
    assert list(found) == [".wh.a", "d/.wh.b"]
    assert {info.size for info in found.values()} == {0}


def test_the_second_name_of_an_inode_is_a_hard_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    os.link(tmp_path / "a", tmp_path / "b")
    found = members(written(tmp_path, "Aa", "Ab"))
    assert found["b"].islnk()
    assert found["b"].linkname == "a"


def test_sockets_and_what_vanished_are_left_out(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        fd = os.open(tmp_path, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{fd}/sock")
        os.close(fd)
        (tmp_path / "f").touch()
        assert list(members(written(tmp_path, "Asock", "Af", "Agone", "Af/under"))) == ["f"]


def test_a_fifo_is_written_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert members(written(tmp_path, "Apipe"))["pipe"].isfifo()


def test_overlay_attributes_do_not_leave_the_store(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.setxattr(tmp_path / "d", "user.overlay.opaque", b"y")
    os.setxattr(tmp_path / "d", "user.mine", b"1")
    info = members(written(tmp_path, "Ad"))["d"]
    assert info.pax_headers.keys() & {"SCHILY.xattr.user.mine"}
    assert not any("overlay" in key for key in info.pax_headers)


def test_true_owners_come_from_the_attribute_that_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.setxattr(tmp_path / "f", "user.nbcontainer.owner", b"33:44")
    info = members(written(tmp_path, "Af", owners=True))["f"]
    assert (info.uid, info.gid, info.uname) == (33, 44, "")
    info = members(written(tmp_path, "Af"))["f"]
    assert info.uid == os.geteuid()


def test_a_path_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "secret").write_text("secret")
    (tmp_path / "l").symlink_to("real")
    assert b"secret" not in written(tmp_path, "Al/secret", "Al").replace(b"secret", b"", 0)[512:]
    assert list(members(written(tmp_path, "Al/secret", "Al"))) == ["l"]
