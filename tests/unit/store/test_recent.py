from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.store import recent as module
from nbcontainer.store.changes import Change
from nbcontainer.store.recent import TEXT_BYTES, recent
from nbcontainer.store.tree import open_directory, remove_tree


class Trees:
    """An upper directory and one layer below it."""

    def __init__(self, folder: Path) -> None:
        self.upper, self.lower = folder / "upper", folder / "lower"
        for path in (self.upper / "etc", self.lower / "etc"):
            path.mkdir(parents=True)

    def recent(self, *changes: tuple[str, str], since_ns: int = 1) -> list[list[object]]:
        return self.whole(*changes, since_ns=since_ns)["rows"]  # type: ignore[no-any-return]

    def whole(self, *changes: tuple[str, str], since_ns: int = 1) -> dict[str, Any]:
        own, low = open_directory(str(self.upper)), open_directory(str(self.lower))
        try:
            found = [Change(kind, path.encode()) for kind, path in changes]
            return recent(own, [low], found, since_ns, "user.overlay.opaque")
        finally:
            os.close(own)
            os.close(low)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)


def test_a_change_has_its_sizes_and_the_text_of_both_sides(trees: Trees) -> None:
    (trees.lower / "etc/motd").write_text("old\n")
    (trees.upper / "etc/motd").write_text("newer\n")
    (trees.upper / "new").write_text("x")
    assert trees.recent(("C", "etc"), ("C", "etc/motd"), ("A", "new")) == [
        ["C", "/etc/motd", 4, 6, "old\n", "newer\n"],
        ["A", "/new", -1, 1, None, "x"],
    ]


def test_a_deletion_has_what_was_there(trees: Trees) -> None:
    (trees.lower / "etc/gone").write_text("bye")
    assert trees.recent(("D", "etc/gone")) == [["D", "/etc/gone", 3, -1, "bye", None]]


def test_what_changed_before_is_left_out(trees: Trees) -> None:
    (trees.upper / "old").write_text("x")
    # set back by the program: Linux stamps ctime itself
    os.utime(trees.upper / "old", (0, 0))
    now = time.time_ns()
    assert trees.recent(("A", "old"), since_ns=now + 10**9) == []
    assert len(trees.recent(("A", "old"), since_ns=now - 60 * 10**9)) == 1


def test_what_is_no_short_text_has_a_size_only(trees: Trees) -> None:
    (trees.upper / "long").write_text("x" * (TEXT_BYTES + 1))
    (trees.upper / "binary").write_bytes(b"\0\1\2")
    (trees.upper / "latin").write_bytes(b"\xff\xfe")
    rows = trees.recent(("A", "long"), ("A", "binary"), ("A", "latin"))
    assert [row[3] for row in rows] == [TEXT_BYTES + 1, 3, 2]
    assert {row[5] for row in rows} == {None}


def test_a_link_leads_nowhere_and_a_pipe_keeps_nobody_waiting(trees: Trees) -> None:
    (trees.upper / "link").symlink_to("/etc/passwd")
    os.mkfifo(trees.upper / "pipe")
    rows = trees.recent(("A", "link"), ("A", "pipe"), ("A", "link/passwd"))
    assert [row[1:] for row in rows[:2]] == [
        ["/link", -1, -1, None, None],
        ["/pipe", -1, -1, None, None],
    ]


def test_of_many_only_the_first_are_told(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    monkeypatch.setattr(module, "MOST_TEXTS", 1)
    for name in "abcd":
        (trees.upper / name).write_text(name)
    rows = trees.recent(*[("A", name) for name in "abcd"])
    assert [row[1] for row in rows] == ["/a", "/b", "/c"]
    assert [row[5] for row in rows] == ["a", None, None]


def test_all_are_counted_where_only_some_are_shown(
    trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    for number in range(7):
        (trees.upper / f"n{number}").write_text("x")
    found = trees.whole(*(("A", f"n{number}") for number in range(7)))
    assert (len(found["rows"]), found["total"]) == (3, 7)


def test_directories_nested_deeper_than_any_stack_are_walked(trees: Trees) -> None:
    here = os.open(trees.upper, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    assert len(trees.whole()["listings"]) > 0
    tree = os.open(trees.upper, os.O_RDONLY)
    remove_tree(tree, "d")
    os.close(tree)


def test_a_directory_that_lost_a_file_of_the_containers_own_is_told(trees: Trees) -> None:
    (trees.upper / "etc/mine").write_text("x")
    (trees.upper / "mine").write_text("x")
    past = time.time_ns() - 10**9
    # as they were before, were they left alone
    for path in (trees.upper, trees.upper / "etc"):
        os.utime(path, ns=(past, past))
    since = past + 10**8
    assert trees.whole(("C", "etc"), since_ns=since)["listings"] == []
    (trees.upper / "etc/mine").unlink()
    (trees.upper / "mine").unlink()
    assert trees.whole(("C", "etc"), since_ns=since)["listings"] == ["/", "/etc"]
    # what came or went there and is told by itself tells it
    (trees.upper / "etc/new").write_text("x")
    found = trees.whole(("C", "etc"), ("A", "etc/new"), since_ns=since)
    assert found["listings"] == ["/"]
