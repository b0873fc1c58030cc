from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nbcontainer.errors import StateUnreadable
from nbcontainer.store.layout import STORE_VERSION, Layout
from nbcontainer.store.version import open_store


@pytest.fixture
def fresh(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "a" / "home"), str(tmp_path / "a" / "run"))


def test_a_new_store_is_made_for_its_owner_alone(fresh: Layout) -> None:
    open_store(fresh)
    assert Path(fresh.version).read_text() == f"{STORE_VERSION}\n"
    assert Path(fresh.oci_layout).read_text() == '{"imageLayoutVersion":"1.0.0"}\n'
    assert os.stat(fresh.home).st_mode & 0o777 == 0o700
    open_store(fresh)


def test_an_older_store_opens(fresh: Layout) -> None:
    open_store(fresh)
    Path(fresh.version).write_text("0\n")
    open_store(fresh)


def test_a_newer_store_is_refused_in_words_and_left_as_it_is(fresh: Layout) -> None:
    open_store(fresh)
    Path(fresh.version).write_text(f"{STORE_VERSION + 1}\n")
    before = sorted(os.listdir(fresh.home))
    with pytest.raises(StateUnreadable) as caught:
        open_store(fresh)
    assert caught.value.message == (
        f"the store {fresh.home} has format {STORE_VERSION + 1}, and this nbcontainer reads up to "
        f"{STORE_VERSION}"
    )
    assert caught.value.hint
    assert sorted(os.listdir(fresh.home)) == before


@pytest.mark.parametrize("text", ["", "one", "-1", "9" * 5000, "\u0661"])
def test_a_version_that_is_none_is_refused(fresh: Layout, text: str) -> None:
    open_store(fresh)
    Path(fresh.version).write_text(text)
    with pytest.raises(StateUnreadable):
        open_store(fresh)


def test_a_file_in_the_stores_place_is_refused_in_words(fresh: Layout) -> None:
    os.makedirs(os.path.dirname(fresh.home))
    Path(fresh.home).touch()
    with pytest.raises(StateUnreadable, match="not a folder"):
        open_store(fresh)


def test_a_runtime_directory_that_went_with_a_reboot_is_made_again(fresh: Layout) -> None:
    open_store(fresh)
    shutil.rmtree(fresh.run)
    open_store(fresh)
    assert os.path.isdir(f"{fresh.run}/c")


def test_what_a_maker_that_was_killed_left_is_completed(fresh: Layout) -> None:
    os.makedirs(f"{fresh.home}/blobs")
    open_store(fresh)
    assert os.path.isdir(fresh.tmp)
