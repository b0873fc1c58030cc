from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.errors import Corrupt, DigestMismatch, NotFound, SizeMismatch
from nbcontainer.spec.digest import Digest, sha256
from nbcontainer.store import gc
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.layout import Layout

Killed = Callable[[int, Callable[[], object]], bool]
AtOnce = Callable[[list[Callable[[], object]]], None]


@pytest.fixture
def blobs(layout: Layout) -> Blobs:
    return Blobs(layout)


def test_what_was_put_can_be_read(blobs: Blobs) -> None:
    descriptor = blobs.put(b"hello", "text/plain")
    assert descriptor.digest == sha256(b"hello")
    assert descriptor.size == blobs.size(descriptor.digest) == 5
    assert blobs.read(descriptor.digest) == b"hello"
    assert blobs.all() == [descriptor.digest]


def test_put_is_idempotent(blobs: Blobs, layout: Layout) -> None:
    assert blobs.put(b"x") == blobs.put(b"x")
    assert os.listdir(layout.tmp) == []


@pytest.mark.parametrize(
    ("expected", "size", "error"),
    [(sha256(b"other"), None, DigestMismatch), (None, 4, SizeMismatch), (None, 6, SizeMismatch)],
)
def test_commit_refuses_other_content_and_leaves_nothing(
    blobs: Blobs, layout: Layout, expected: Digest | None, size: int | None, error: type[Corrupt]
) -> None:
    with pytest.raises(error), blobs.writer() as writer:
        writer.write(b"hello")
        writer.commit(expected, size)
    assert blobs.all() == []
    assert os.listdir(layout.tmp) == []


def test_an_abandoned_writer_leaves_nothing(blobs: Blobs, layout: Layout) -> None:
    with pytest.raises(KeyboardInterrupt), blobs.writer() as writer:
        writer.write(b"half")
        raise KeyboardInterrupt
    assert blobs.all() == []
    assert os.listdir(layout.tmp) == []


@pytest.mark.parametrize("change", ["flip", "cut", "append"])
def test_a_blob_that_changed_on_disk_is_refused_at_its_end(
    blobs: Blobs, layout: Layout, change: str
) -> None:
    digest = blobs.put(b"x" * 100_000).digest
    path = Path(layout.blob(digest))
    content = path.read_bytes()
    path.write_bytes(
        {"flip": b"y" + content[1:], "cut": content[:-1], "append": content + b"x"}[change]
    )
    with pytest.raises(DigestMismatch):
        blobs.read(digest)
    with blobs.open(digest) as stream:
        assert stream.read(10)
        with pytest.raises(DigestMismatch):
            stream.read()


def test_a_damaged_blob_is_healed_by_storing_it_again(blobs: Blobs, layout: Layout) -> None:
    digest = blobs.put(b"good").digest
    Path(layout.blob(digest)).write_bytes(b"evil")
    blobs.put(b"good")
    assert blobs.read(digest) == b"good"


def test_read_refuses_a_blob_over_the_limit(blobs: Blobs) -> None:
    digest = blobs.put(b"x" * 101).digest
    with pytest.raises(Corrupt, match="longer than 100 bytes"):
        blobs.read(digest, 100)


def test_a_missing_blob_is_said_by_its_digest(blobs: Blobs) -> None:
    digest = sha256(b"none")
    for ask in (blobs.read, blobs.open, blobs.size):
        with pytest.raises(NotFound, match=digest):
            ask(digest)
    assert not blobs.has(digest)
    assert blobs.delete(digest) == 0


def test_a_foreign_file_among_the_blobs_is_left_alone(blobs: Blobs, layout: Layout) -> None:
    Path(layout.blob("sha256:README")).write_text("mine")
    assert blobs.all() == []


def test_a_long_digest_has_its_own_folder(blobs: Blobs) -> None:
    with blobs.writer("sha512") as writer:
        writer.write(b"x")
        digest, _ = writer.commit()
    assert digest.algorithm == "sha512"
    assert blobs.read(digest) == b"x"
    assert blobs.all() == [digest]


def test_a_writer_killed_anywhere_leaves_a_whole_blob_or_none(
    blobs: Blobs, layout: Layout, killed_at: Killed
) -> None:
    step = 1
    while killed_at(step, lambda: blobs.put(b"content")):
        assert [blobs.read(digest) for digest in blobs.all()] in ([], [b"content"])
        assert gc.leftovers(layout) == ()
        assert os.listdir(layout.tmp) == []
        step += 1
    assert step > 2
    assert blobs.read(sha256(b"content")) == b"content"


def test_eight_processes_store_the_same_blobs_at_once(
    blobs: Blobs, layout: Layout, all_at_once: AtOnce
) -> None:
    contents = [os.urandom(50_000) for _ in range(10)]
    all_at_once([lambda: [blobs.put(content) for content in contents]] * 8)
    assert sorted(map(blobs.read, blobs.all())) == sorted(contents)
    assert os.listdir(layout.tmp) == []
