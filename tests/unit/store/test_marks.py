"""Marks of files: a change is seen, and what changed just now is not trusted."""

import os
import time

from nbcontainer.store.marks import NEVER, is_settled, mark_of


def test_what_is_not_there_has_no_version(tmp_path):
    assert mark_of(str(tmp_path / "gone")) == NEVER
    assert not is_settled(NEVER)


def test_another_file_in_its_place_has_another_mark(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    old = mark_of(str(path))
    (tmp_path / "next").write_text("two")
    os.utime(tmp_path / "next", ns=(old[1], old[1]))
    os.replace(tmp_path / "next", path)
    assert mark_of(str(path)) != old


def test_only_what_rests_is_settled(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    assert not is_settled(mark_of(str(path)))
    before = time.time_ns() - 10**9
    os.utime(path, ns=(before, before))
    assert is_settled(mark_of(str(path)))
