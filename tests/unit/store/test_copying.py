from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcontainer.store.copying import copy_tree, lay_over, merge
from nbcontainer.store.tree import open_directory
from tests.tars import fingerprint, listing


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Path, Path, int, int]]:
    source, target = tmp_path / "source", tmp_path / "target"
    fds = []
    for path in (source, target):
        path.mkdir()
        fds.append(open_directory(str(path)))
    yield source, target, fds[0], fds[1]
    for fd in fds:
        os.close(fd)


Pair = tuple[Path, Path, int, int]


def test_a_copy_is_equal_in_all_that_can_be_seen(pair: Pair) -> None:
    source, target, source_fd, target_fd = pair
    (source / "d" / "inner").mkdir(parents=True, mode=0o750)
    (source / "d" / "f").write_text("x" * 100_000)
    (source / "d" / "f").chmod(0o640)
    os.setxattr(source / "d" / "f", "user.x", b"1")
    (source / "l").symlink_to("/nowhere")
    os.mkfifo(source / "pipe")
    for path in ("d/f", "d/inner", "d"):
        os.utime(source / path, ns=(0, 1_000_000_007))
    os.utime(source / "l", ns=(0, 9), follow_symlinks=False)
    copy_tree(source_fd, target_fd)
    first, second = listing(str(source)), listing(str(target))
    del first["."], second["."]
    assert first == second


def test_holes_stay_holes_and_hard_links_hard_links(pair: Pair) -> None:
    source, target, source_fd, target_fd = pair
    with open(source / "sparse", "wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle")
    (source / "a").write_text("1")
    (source / "d").mkdir()
    os.link(source / "a", source / "d" / "b")
    copy_tree(source_fd, target_fd)
    assert (target / "sparse").stat().st_size == 1 << 30
    assert (target / "sparse").stat().st_blocks * 512 < 1 << 20
    with open(target / "sparse", "rb") as file:
        file.seek(1 << 29)
        assert file.read(6) == b"middle"
    assert (target / "a").stat().st_ino == (target / "d" / "b").stat().st_ino
    assert (target / "a").stat().st_ino != (source / "a").stat().st_ino


@pytest.mark.needs("root")
def test_owners_are_shifted(pair: Pair) -> None:
    source, target, source_fd, target_fd = pair
    (source / "d").mkdir()
    (source / "d" / "f").touch()
    (source / "l").symlink_to("d")
    os.chown(source / "d" / "f", 33, 44)
    (source / "d" / "f").chmod(0o4755)
    copy_tree(source_fd, target_fd, shift=200_000)
    status = (target / "d" / "f").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (200_033, 200_044, 0o4755)
    assert (target / "d").stat().st_uid == (target / "l").lstat().st_uid == 200_000


def test_a_linked_copy_is_not_touched_when_a_layer_comes_over_it(
    pair: Pair, tmp_path: Path
) -> None:
    source, target, source_fd, target_fd = pair
    (source / "d").mkdir()
    for name in ("kept", "replaced", "gone"):
        (source / "d" / name).write_text("old")
    (source / "l").symlink_to("d")
    copy_tree(source_fd, target_fd, link=True)
    assert (target / "d" / "kept").stat().st_ino == (source / "d" / "kept").stat().st_ino
    before = fingerprint(str(source))
    own = tmp_path / "own"
    (own / "d").mkdir(parents=True)
    (own / "d" / "replaced").write_text("new")
    (own / "d" / ".wh.gone").touch()
    (own / "l").mkdir()
    (own / "l" / "inside").write_text("not through the link")
    (own / "l" / ".wh.never").touch()
    own_fd = open_directory(str(own))
    merge(own_fd, target_fd, whiteouts=True)
    os.close(own_fd)
    assert sorted(os.listdir(target / "d")) == ["kept", "replaced"]
    assert (target / "d" / "replaced").read_text() == "new"
    assert os.listdir(target / "l") == ["inside"]
    assert not (target / "l").is_symlink()

    def lasting(tree: dict[str, tuple[object, ...]]) -> dict[str, object]:
        # link counts and change times of shared inodes move; nothing else may
        return {path: entry[:6] for path, entry in tree.items()}

    assert lasting(fingerprint(str(source))) == lasting(before)


def test_an_opaque_directory_empties_what_lies_below_first(pair: Pair) -> None:
    source, target, source_fd, target_fd = pair
    (target / "d" / "old").mkdir(parents=True)
    (source / "d").mkdir()
    (source / "d" / ".wh..wh..opq").touch()
    (source / "d" / "new").touch()
    merge(source_fd, target_fd, whiteouts=True)
    assert os.listdir(target / "d") == ["new"]


def test_mount_points_are_laid_over_whatever_an_image_put_there(pair: Pair) -> None:
    source, target, source_fd, target_fd = pair
    (source / "proc").mkdir()
    (source / "etc").mkdir()
    (source / "etc" / "hosts").touch()
    (source / "etc" / "own").touch()
    (source / "etc" / "conf").write_text("ours")
    (source / "dev").mkdir()
    outside = target.parent / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (target / "proc").symlink_to(outside)
    (target / "dev").write_text("no directory")
    (target / "etc").mkdir(mode=0o750)
    (target / "etc" / "hosts").symlink_to(outside / "new")
    (target / "etc" / "own").write_text("the image's")
    (target / "etc" / "conf").write_text("the image's")
    lay_over(source_fd, target_fd)
    for name in ("proc", "dev", "etc"):
        assert (target / name).is_dir()
        assert not (target / name).is_symlink()
    assert (target / "etc").stat().st_mode & 0o777 == 0o750
    assert not (target / "etc" / "hosts").is_symlink()
    assert (target / "etc" / "hosts").read_text() == ""
    assert (target / "etc" / "own").read_text() == "the image's"
    assert (target / "etc" / "conf").read_text() == "ours"
    assert os.listdir(outside) == ["kept"]
    lay_over(source_fd, target_fd)
    assert (target / "etc" / "conf").read_text() == "ours"
