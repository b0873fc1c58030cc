from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.errors import InvalidArgument, StateUnreadable, StillInUse, VolumeNotFound
from nbcontainer.store import gc
from nbcontainer.store.layout import Layout
from nbcontainer.store.volumes import Volumes

Killed = Callable[[int, Callable[[], object]], bool]
AtOnce = Callable[[list[Callable[[], object]]], None]


@pytest.fixture
def volumes(layout: Layout) -> Volumes:
    return Volumes(layout)


def test_a_volume_keeps_its_labels_and_content(volumes: Volumes, layout: Layout) -> None:
    made = volumes.create("data", labels={"a": "b"}, options={"o": "p"}, now_ns=5)
    Path(volumes.path("data"), "file").write_text("kept")
    assert volumes.create("data", labels={"other": "ignored"}) == made
    assert Volumes(layout).get("data") == made == volumes.list()[0]
    assert Path(volumes.path("data"), "file").read_text() == "kept"
    assert not made.is_anonymous


def test_all_in_a_container_may_enter_a_volume_whatever_the_umask(volumes: Volumes) -> None:
    before = os.umask(0o077)
    try:
        volumes.create("data")
    finally:
        os.umask(before)
    assert os.stat(volumes.path("data")).st_mode & 0o777 == 0o755


def test_a_volume_without_a_name_gets_64_digits(volumes: Volumes) -> None:
    made = volumes.create()
    assert len(made.name) == 64
    assert made.is_anonymous
    assert volumes.get(made.name) == made


@pytest.mark.parametrize(
    "name", ["-a", "a/b", "../x", "a b", "\u00e9\u00e9", "x" * 256, "a\0b", ".."]
)
def test_a_bad_name_is_refused_in_dockers_words(volumes: Volumes, name: str) -> None:
    with pytest.raises(
        InvalidArgument, match="includes invalid characters for a local volume name"
    ):
        volumes.create(name)
    with pytest.raises(VolumeNotFound, match="no such volume"):
        volumes.get(name)
    with pytest.raises(VolumeNotFound, match="no such volume"):
        volumes.remove(name)


def test_a_name_of_one_letter_is_too_short(volumes: Volumes) -> None:
    with pytest.raises(InvalidArgument, match="volume name is too short"):
        volumes.create("x")


def test_a_missing_volume_is_said_in_dockers_words(volumes: Volumes) -> None:
    for ask in (volumes.get, volumes.remove):
        with pytest.raises(VolumeNotFound, match="^get nope: no such volume$"):
            ask("nope")


def test_a_volume_in_use_stays(volumes: Volumes) -> None:
    volumes.create("data")
    with pytest.raises(StillInUse, match=r"remove data: volume is in use - \[a, b\]"):
        volumes.remove("data", ["b", "a"])
    assert volumes.get("data")


def test_a_removed_volume_is_gone_at_once(volumes: Volumes, layout: Layout) -> None:
    volumes.create("data")
    doomed = volumes.remove("data")
    assert os.path.dirname(doomed) == layout.tmp
    assert volumes.list() == []
    volumes.create("data")


def test_a_damaged_volume_is_said_hides_no_other_and_can_go(
    volumes: Volumes, layout: Layout
) -> None:
    volumes.create("good")
    volumes.create("bad")
    Path(layout.volume("bad", "volume.json")).write_bytes(b"{")
    assert [each.name for each in volumes.list()] == ["good"]
    with pytest.raises(StateUnreadable):
        volumes.get("bad")
    volumes.remove("bad")


def test_a_create_killed_anywhere_leaves_a_volume_or_none(
    volumes: Volumes, layout: Layout, killed_at: Killed
) -> None:
    step = 1
    while killed_at(step, lambda: volumes.create("data")):
        if volumes.list():
            assert os.listdir(volumes.path("data")) == []
            shutil.rmtree(volumes.remove("data"))
        for doomed in gc.leftovers(layout):
            shutil.rmtree(doomed)
        assert os.listdir(layout.tmp) == os.listdir(layout.volumes) == []
        step += 1
    assert step > 4


def test_eight_processes_create_one_volume(
    volumes: Volumes, layout: Layout, all_at_once: AtOnce
) -> None:
    all_at_once([lambda: volumes.create("data")] * 8)
    assert [each.name for each in volumes.list()] == ["data"]
    assert os.listdir(layout.tmp) == []
