from __future__ import annotations

import os
import threading

import pytest

from nbcontainer.errors import DigestMismatch, SizeMismatch
from nbcontainer.spec.digest import Digest, sha256
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.incoming import Claim, GivenUp, Growing, Incoming, remove_abandoned
from nbcontainer.store.layout import Layout

DATA = os.urandom(300_000)
DIGEST = sha256(DATA)


def incoming(layout: Layout, digest: Digest = DIGEST, size: int = len(DATA)) -> Incoming:
    return Incoming(layout, digest, size)


def test_a_blob_that_arrives_is_a_blob_once_it_is_whole(layout: Layout) -> None:
    one = incoming(layout)
    assert one.claim()
    one.write(DATA[:100])
    assert not Blobs(layout).has(DIGEST)
    one.write(DATA[100:])
    one.commit()
    one.release()
    assert Blobs(layout).read(DIGEST) == DATA
    assert not incoming(layout).claim()
    assert os.listdir(f"{layout.home}/incoming") == []


def test_what_a_killed_fetcher_left_is_gone_on_with(layout: Layout) -> None:
    first = incoming(layout)
    assert first.claim()
    first.write(DATA[:1000])
    os.close(first._claim.fd)  # as a kill leaves it
    second = incoming(layout)
    assert second.claim()
    assert second.size == 1000
    second.write(DATA[1000:])
    second.commit()
    second.release()
    assert Blobs(layout).read(DIGEST) == DATA


@pytest.mark.parametrize(
    ("data", "error"), [(DATA[:-1] + b"x", DigestMismatch), (DATA[:-1], SizeMismatch)]
)
def test_what_is_wrong_is_dropped_and_no_blob(
    layout: Layout, data: bytes, error: type[Exception]
) -> None:
    one = incoming(layout)
    one.claim()
    one.write(data)
    with pytest.raises(error):
        one.commit()
    assert one.size == 0
    one.release()
    assert not Blobs(layout).has(DIGEST)
    assert os.listdir(f"{layout.home}/incoming") == []


def test_one_fetches_and_the_others_find_it(layout: Layout) -> None:
    first = incoming(layout)
    assert first.claim()
    answers = []
    waiting = [
        threading.Thread(target=lambda: answers.append(incoming(layout).claim())) for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    first.write(DATA)
    first.commit()
    first.release()
    for thread in waiting:
        thread.join(20)
    assert answers == [False] * 3


def test_who_waits_for_one_that_gives_up_takes_over(layout: Layout) -> None:
    first = incoming(layout)
    assert first.claim()
    first.write(DATA[:10])
    taken = []

    def take() -> None:
        second = incoming(layout)
        taken.append((second.claim(), second.size))
        second.release()

    thread = threading.Thread(target=take)
    thread.start()
    first.release()
    thread.join(20)
    assert taken == [(True, 10)]


def test_a_reader_sees_all_of_it_while_it_arrives(layout: Layout) -> None:
    one = incoming(layout)
    one.claim()
    growing = Growing(layout, one)
    seen: list[bytes] = []

    def read() -> None:
        while data := growing.read(4096):
            seen.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    for at in range(0, len(DATA), 50_000):
        one.write(DATA[at : at + 50_000])
    one.commit()
    thread.join(20)
    growing.close()
    one.release()
    assert b"".join(seen) == DATA


@pytest.mark.parametrize("ends", ["release", "restart"])
def test_a_reader_hears_that_it_will_not_be_whole(layout: Layout, ends: str) -> None:
    one = incoming(layout)
    one.claim()
    one.write(DATA[:10])
    growing = Growing(layout, one)
    assert growing.read(100) == DATA[:10]
    getattr(one, ends)()
    with pytest.raises(GivenUp):
        growing.read(100)
    growing.close()
    one.release()


def test_parts_that_nobody_fetches_are_removed_and_others_are_not(layout: Layout) -> None:
    assert remove_abandoned(layout) == 0
    left, active = incoming(layout), incoming(layout, sha256(b"other"))
    for one in (left, active):
        one.claim()
        one.write(DATA[:10])
    left.release()
    assert remove_abandoned(layout) == 10
    assert active.size == 10
    assert len(os.listdir(f"{layout.home}/incoming")) == 1
    active.release()


def test_a_claim_whose_file_was_removed_is_claimed_anew(layout: Layout) -> None:
    path = layout.unpacking("sha256:" + "a" * 64)
    first, second = Claim(path), Claim(path)
    first.acquire()
    thread = threading.Thread(target=second.acquire)
    thread.start()
    first.release(remove=True)
    thread.join(20)
    assert os.path.exists(path)
    second.release(remove=True)
    assert not os.path.exists(path)
