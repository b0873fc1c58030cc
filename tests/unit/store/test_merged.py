from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbcontainer.store.merged import Merged
from nbcontainer.store.tree import open_directory

Build = Callable[..., Merged]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Make levels (topmost first) from lists of paths: "d/" a directory, "a>b" a link, "!x" a whiteout,
    "d/=" opaque."""
    held: list[int] = []
    made: list[Merged] = []

    def make(*levels: list[str]) -> Merged:
        fds = []
        for number, paths in enumerate(levels):
            top = tmp_path / str(number)
            top.mkdir()
            for path in paths:
                _make(top, path, number)
            fds.append(open_directory(str(top)))
        held.extend(fds)
        made.append(Merged(fds, "user.overlay.opaque"))
        return made[-1]

    yield make
    for merged in made:
        merged.close()
    for fd in held:
        os.close(fd)


def _make(top: Path, path: str, number: int) -> None:
    if path.endswith("/="):
        (top / path[:-2]).mkdir(parents=True, exist_ok=True)
        os.setxattr(top / path[:-2], "user.overlay.opaque", b"y")
    elif path.endswith("/"):
        (top / path).mkdir(parents=True, exist_ok=True)
    elif "!" in path:
        target = top / path.replace("!", "")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(target, 0o020000, 0)
    else:
        name, _, link = path.partition(">")
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        if link:
            (top / name).symlink_to(link)
        else:
            (top / name).write_text(str(number))


def paths(merged: Merged) -> list[str]:
    return [node.path.decode() for node in merged.walk(merged.root())][1:]


def level(merged: Merged, path: bytes) -> int | None:
    node = merged.find(path)
    return None if node is None else node.levels[0]


def test_directories_are_joined_and_upper_files_win(build: Build) -> None:
    merged = build(["d/a"], ["d/a", "d/b"], ["d/c", "e"])
    assert paths(merged) == ["d", "d/a", "d/b", "d/c", "e"]
    assert [level(merged, p) for p in (b"d/a", b"d/b", b"d/c", b"e")] == [0, 1, 2, 2]


def test_a_whiteout_hides_what_lies_below_it_only(build: Build) -> None:
    merged = build(["x"], ["!d", "!x"], ["d/a", "x"])
    assert paths(merged) == ["x"]
    assert level(merged, b"x") == 0
    assert merged.find(b"d/a") is None


def test_an_opaque_directory_ends_the_search(build: Build) -> None:
    merged = build(["d/new"], ["d/=", "d/mid"], ["d/old"])
    assert paths(merged) == ["d", "d/mid", "d/new"]
    assert merged.find(b"d/old") is None


def test_a_file_between_directories_cuts_them(build: Build) -> None:
    merged = build(["d/top"], ["d"], ["d/bottom"])
    assert paths(merged) == ["d", "d/top"]
    assert merged.find(b"d/bottom") is None


def test_links_are_followed_across_levels_and_stay_inside(build: Build) -> None:
    merged = build(
        ["l>d/m", "up>../../../e"], ["d/m>/e/f", "loop>loop"], ["e/f/deep", "abs>/d/../e/./f"]
    )
    found = merged.find(b"l/deep")
    assert found is not None
    assert found.path == b"e/f/deep"
    assert merged.find(b"up/f/deep") is not None
    assert merged.find(b"/abs/deep") is not None
    assert merged.find(b"loop") is None
    assert merged.find(b"e/f/deep/x") is None
    assert merged.find(b"../..") is not None


def test_walking_and_finding_agree(build: Build) -> None:
    merged = build(
        ["a/b/", "!c", "f/=", "f/x"], ["a/b/c", "c/d", "f/y"], ["a/z", "c/e", "f/w", "g"]
    )
    for node in merged.walk(merged.root()):
        found = merged.find(node.path)
        assert found is not None
        assert (found.levels, found.is_directory) == (node.levels, node.is_directory)
    assert paths(merged) == ["a", "a/b", "a/b/c", "a/z", "f", "f/x", "g"]
