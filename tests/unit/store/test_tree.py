from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcontainer.errors import Corrupt
from nbcontainer.store.tree import (
    Root,
    clean,
    limit_depth,
    make_apart,
    open_directory,
    remove_tree,
    shown,
)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    for name in os.listdir(fd):
        remove_tree(fd, name)
    os.close(fd)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a/b", b"a/b"), (b"/a//b/", b"a/b"), (b"./a/./b/.", b"a/b"), (b"../../a", b"a"),
        (b"a/../../b", b"b"), (b"..", b""), (b"/", b""), (b".", b""), (b"a/..b/.c", b"a/..b/.c"),
        (b"a/", b"a"), (b"...", b"..."),
    ],
)  # fmt: skip
def test_clean_keeps_a_name_inside(name: bytes, expected: bytes) -> None:
    assert clean(name) == expected


def test_names_in_messages_hold_no_control_characters() -> None:
    assert shown(b"a\x1b[2J\r\n\xff\xe2\x80\xae") == "a\\x1b[2J\\r\\n\\xff\\u202e"


@pytest.mark.parametrize("path", [b"n" * 256, b"a/" + b"n" * 256, b"d/" * 11 + b"f", b"d" * 5000])
def test_paths_that_linux_cannot_hold_are_refused(path: bytes) -> None:
    with pytest.raises(Corrupt):
        limit_depth(path, 11)


def test_links_are_resolved_inside_the_root(tmp_path: Path, base: int) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "up").symlink_to("../../../..")
    (tmp_path / "a" / "abs").symlink_to("/a/b")
    (tmp_path / "x").symlink_to("a/up/a/abs/../b")
    root = Root(base, follow=True)
    assert root.directory(b"x")[1] == b"a/b"
    assert root.directory(b"a/up/a/b")[1] == b"a/b"
    assert os.path.samestat(os.fstat(root.directory(b"a/up")[0]), tmp_path.stat())
    root.forget()


def test_without_follow_a_link_is_no_directory(tmp_path: Path, base: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "l").symlink_to("a")
    root = Root(base)
    for path in (b"l", b"l/x"):
        with pytest.raises(OSError):
            root.directory(path)
    root.forget()


def test_a_loop_of_links_ends(tmp_path: Path, base: int) -> None:
    (tmp_path / "l").symlink_to("l/l")
    root = Root(base, follow=True)
    with pytest.raises(OSError, match="links"):
        root.directory(b"l")
    root.forget()


def test_missing_directories_are_made_only_on_request(tmp_path: Path, base: int) -> None:
    root = Root(base, follow=True)
    (tmp_path / "l").symlink_to("new/place")
    with pytest.raises(FileNotFoundError):
        root.directory(b"l/x")
    made: list[bytes] = []
    root.directory(b"l/x", lambda fd, name, path, hidden: made.append(path))
    assert made == [b"new", b"new/place", b"new/place/x"]
    root.forget()


def test_few_descriptors_are_held_however_many_directories(tmp_path: Path, base: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    root = Root(base, follow=True)
    for number in range(300):
        root.directory(b"d%d" % number + b"/d" * 30, lambda *_: None)
    assert len(os.listdir("/proc/self/fd")) - before < 220
    root.forget()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_descriptor_just_returned_survives_the_next_walk(tmp_path: Path, base: int) -> None:
    root = Root(base)
    for number in range(200):
        (tmp_path / f"d{number}").mkdir()
    first = root.directory(b"d0")[0]
    for number in range(1, 200):
        held = root.directory(b"d0")[0]
        root.directory(b"d%d" % number)
        assert os.path.samestat(os.fstat(held), (tmp_path / "d0").stat())
    assert held == first
    root.forget()


def test_removing_what_is_not_there_is_fine(base: int) -> None:
    remove_tree(base, "nothing")


def test_a_link_is_removed_and_its_target_stays(tmp_path: Path, base: int) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "f").touch()
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "l").symlink_to("../keep")
    (tmp_path / "l").symlink_to("keep")
    remove_tree(base, "t")
    remove_tree(base, "l")
    assert os.listdir(tmp_path) == ["keep"]
    assert os.listdir(tmp_path / "keep") == ["f"]


def test_a_tree_five_thousand_deep_is_removed_without_recursion(tmp_path: Path, base: int) -> None:
    fd = os.dup(base)
    for _ in range(5000):
        os.mkdir("d", dir_fd=fd)
        inner = open_directory("d", fd)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(fd)
        fd = inner
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        remove_tree(base, "d")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_directories_without_permissions_are_removed(tmp_path: Path, base: int) -> None:
    (tmp_path / "t" / "closed" / "inner").mkdir(parents=True)
    (tmp_path / "t" / "closed" / "inner" / "f").touch()
    for path in ("t/closed/inner", "t/closed", "t"):
        os.chmod(tmp_path / path, 0)
    remove_tree(base, "t")
    assert os.listdir(tmp_path) == []


def test_names_that_are_no_text_are_removed(tmp_path: Path, base: int) -> None:
    os.makedirs(os.fsencode(tmp_path) + b"/t/\xff\xfe/\n")
    remove_tree(base, b"t")
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_made_apart_has_its_name_and_is_open(base: int) -> None:
    fd = make_apart("files", base)
    assert os.path.samestat(os.fstat(fd), os.stat("files", dir_fd=base))
    os.close(fd)
    assert os.listdir(base) == ["files"]


@pytest.mark.needs("ext4")
def test_what_is_made_apart_comes_to_another_place_each_time(base: int) -> None:
    places = set()
    for _ in range(16):
        fd = make_apart("files", base)
        places.add(os.fstat(fd).st_ino)
        os.close(fd)
        remove_tree(base, "files")
    # ext4 gives a removed directory's place to the next at once, unless it is sent elsewhere
    assert max(places) - min(places) > 10_000
