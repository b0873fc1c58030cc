from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbcontainer.store.changes import copy_changes, overlay_changes
from nbcontainer.store.tree import open_directory

pytestmark = pytest.mark.needs("root")


class Trees:
    """An overlay's directories made by hand, so that each case is exactly what it says."""

    def __init__(self, base: Path) -> None:
        self.upper, self.middle, self.bottom = base / "upper", base / "middle", base / "bottom"
        for folder in (self.upper, self.middle, self.bottom):
            folder.mkdir()

    def changes(self, shift: int = 0) -> list[tuple[str, str]]:
        fds = [open_directory(str(path)) for path in (self.upper, self.middle, self.bottom)]
        try:
            found = overlay_changes(fds[0], fds[1:], shift=shift)
        finally:
            for fd in fds:
                os.close(fd)
        return [(kind, path.decode()) for kind, path in found]


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def whiteout(path: Path) -> None:
    os.mknod(path, 0o020000, 0)


def opaque(path: Path) -> None:
    os.setxattr(path, "trusted.overlay.opaque", b"y")


def test_a_directory_that_was_only_copied_up_is_no_change(trees: Trees) -> None:
    (trees.bottom / "etc" / "inner").mkdir(parents=True)
    (trees.upper / "etc" / "inner").mkdir(parents=True)
    assert trees.changes() == []


def test_a_change_inside_marks_every_directory_above(trees: Trees) -> None:
    for tree in (trees.bottom, trees.upper):
        (tree / "a" / "b").mkdir(parents=True)
    (trees.bottom / "a/b/f").write_text("1")
    (trees.upper / "a/b/f").write_text("2")
    assert trees.changes() == [("C", "a"), ("C", "a/b"), ("C", "a/b/f")]


@pytest.mark.parametrize("how", ["mode", "owner", "attribute"])
def test_a_directory_whose_attributes_differ_is_changed(trees: Trees, how: str) -> None:
    for tree in (trees.bottom, trees.upper):
        (tree / "a").mkdir()
    if how == "mode":
        (trees.upper / "a").chmod(0o700)
    elif how == "owner":
        os.chown(trees.upper / "a", 5, 6)
    else:
        os.setxattr(trees.upper / "a", "user.x", b"1")
    assert trees.changes() == [("C", "a")]


def test_owners_are_compared_without_the_containers_shift(trees: Trees) -> None:
    for tree, shift in ((trees.bottom, 0), (trees.upper, 200_000)):
        (tree / "a").mkdir()
        os.chown(tree / "a", shift + 33, shift + 33)
    assert trees.changes(shift=200_000) == []
    assert trees.changes() == [("C", "a")]


def test_a_whiteout_of_what_no_layer_has_is_no_change(trees: Trees) -> None:
    whiteout(trees.upper / "never")
    (trees.bottom / "gone").write_text("x")
    whiteout(trees.middle / "gone")
    whiteout(trees.upper / "gone")
    assert trees.changes() == []


def test_an_opaque_directory_deletes_what_it_hides(trees: Trees) -> None:
    for name in ("one", "two", "three"):
        (trees.bottom / "d").mkdir(exist_ok=True)
        (trees.bottom / "d" / name).write_text(name)
    (trees.middle / "d").mkdir()
    (trees.middle / "d" / "four").write_text("4")
    whiteout(trees.middle / "d" / "three")
    (trees.upper / "d").mkdir()
    opaque(trees.upper / "d")
    (trees.upper / "d" / "one").write_text("again")
    assert trees.changes() == [("C", "d"), ("D", "d/four"), ("C", "d/one"), ("D", "d/two")]


def test_an_opaque_directory_in_the_middle_hides_what_lies_below(trees: Trees) -> None:
    (trees.bottom / "d").mkdir()
    (trees.bottom / "d" / "old").write_text("x")
    (trees.middle / "d").mkdir()
    opaque(trees.middle / "d")
    (trees.upper / "d").mkdir()
    (trees.upper / "d" / "old").write_text("new")
    assert trees.changes() == [("C", "d"), ("A", "d/old")]


def test_a_file_in_place_of_a_directory_and_the_reverse(trees: Trees) -> None:
    (trees.bottom / "d").mkdir()
    (trees.bottom / "d" / "x").write_text("x")
    (trees.bottom / "f").write_text("x")
    (trees.upper / "d").write_text("now a file")
    (trees.upper / "f").mkdir()
    (trees.upper / "f" / "y").write_text("y")
    assert trees.changes() == [("C", "d"), ("C", "f"), ("A", "f/y")]


def test_mount_points_that_a_start_makes_are_not_the_containers(trees: Trees) -> None:
    for name in ("proc", "sys", "dev", "dev/pts", "etc"):
        (trees.upper / name).mkdir()
    for name in ("etc/hosts", "etc/resolv.conf", "etc/hostname"):
        (trees.upper / name).touch()
    assert trees.changes() == []
    (trees.upper / "etc/hosts.allow").touch()
    assert trees.changes() == [("A", "etc"), ("A", "etc/hosts.allow")]


def test_what_a_container_puts_at_a_mount_point_of_the_image_is_named(trees: Trees) -> None:
    (trees.bottom / "etc").mkdir()
    (trees.bottom / "etc/hosts").write_text("old")
    (trees.upper / "etc").mkdir()
    (trees.upper / "etc/hosts").write_text("new")
    assert trees.changes() == [("C", "etc"), ("C", "etc/hosts")]


def test_names_that_are_no_text_are_kept(trees: Trees) -> None:
    (Path(os.fsdecode(os.fsencode(trees.upper) + b"/\xff\n"))).touch()
    fd, lower = open_directory(str(trees.upper)), open_directory(str(trees.bottom))
    assert overlay_changes(fd, [lower]) == [("A", b"\xff\n")]
    assert copy_changes(fd, lower) == [("A", b"\xff\n")]
    os.close(fd)
    os.close(lower)


def test_a_copy_is_compared_by_attributes_size_and_time(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        for file in ("same", "longer", "later", "moded"):
            (tmp_path / name / file).write_text("x")
            os.utime(tmp_path / name / file, ns=(0, 5))
    (tmp_path / "new" / "longer").write_text("xx")
    os.utime(tmp_path / "new" / "longer", ns=(0, 5))
    os.utime(tmp_path / "new" / "later", ns=(0, 6))
    (tmp_path / "new" / "moded").chmod(0o600)
    fds = [open_directory(str(tmp_path / name)) for name in ("new", "old")]
    assert copy_changes(*fds) == [("C", b"later"), ("C", b"longer"), ("C", b"moded")]
    for fd in fds:
        os.close(fd)
