"""A layer that comes as a stream from another process; from its blob: see test_jobs."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nbcontainer.errors import Corrupt, DigestMismatch, Unavailable
from nbcontainer.spec.digest import sha256
from nbcontainer.store.layout import Layout
from nbcontainer.store.sending import LayerPipes
from nbcontainer.store.snapshots import is_unpacked, layer_files
from nbcontainer.store.unpacking import unpack_layer
from tests.tars import listing, member, reader, tar

ROOT = os.geteuid() == 0
OPTIONS: dict[str, Any] = {"userxattr": not ROOT, "id_mode": "root" if ROOT else "single"}
BASE = tar([member("etc", "dir", mode=0o700), member("etc/passwd", data=b"root")])
LAYER = tar([member("etc/group", data=b"x" * 3_000_000)])
CHAIN, BELOW = sha256(LAYER), sha256(BASE)


def receive(layout: Layout, send: Callable[[LayerPipes], object], **more: Any) -> Any:
    """Unpack what `send` sends from a thread; return what came of it, or raise it."""
    pipes = LayerPipes()
    outcome: list[Any] = []
    # a worker has descriptors of its own
    given = [os.dup(fd) for fd in pipes.given]
    pipes.close_given()

    def work() -> None:
        values = {"chain_id": CHAIN, "digest": "-", "diff_id": CHAIN, "below": [], **OPTIONS}
        try:
            outcome.append(unpack_layer(layout, given, **(values | more)))
        except Exception as error:
            outcome.append(error)
        finally:
            for fd in given:
                os.close(fd)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        send(pipes)
    finally:
        pipes.close()
        thread.join(30)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_layer_is_unpacked_while_it_is_sent(
    layout: Layout, pack: Callable[[bytes], bytes]
) -> None:
    done = receive(layout, lambda pipes: pipes.send(reader(pack(LAYER)), "sha256:x", CHAIN))
    assert (done["was_there"], done["entries"]) == (False, 1)
    assert is_unpacked(layout, CHAIN, "overlay")
    assert os.listdir(layout.tmp) == []


def test_a_layer_that_holds_something_else_is_not_kept(layout: Layout) -> None:
    def send(pipes: LayerPipes) -> None:
        with pytest.raises(DigestMismatch, match="but its image says"):
            pipes.send(reader(LAYER), "sha256:x", BELOW)

    with pytest.raises(Unavailable, match="not sent to its end"):
        receive(layout, send)
    assert not is_unpacked(layout, CHAIN, "overlay")
    assert os.listdir(layout.tmp) == []


def test_a_sender_that_leaves_leaves_nothing(layout: Layout) -> None:
    # whole, and yet nobody said that it was right
    with pytest.raises(Unavailable):
        receive(layout, lambda pipes: os.write(pipes._data, BASE), chain_id=BELOW)
    with pytest.raises(Corrupt, match="ends inside"):
        receive(layout, lambda pipes: os.write(pipes._data, LAYER[:50_000]))
    assert os.listdir(layout.layers) == []
    assert os.listdir(layout.tmp) == []


def test_the_layers_below_are_waited_for_where_they_are_needed(layout: Layout) -> None:
    def send(pipes: LayerPipes) -> None:
        sent = threading.Thread(target=pipes.send, args=(reader(LAYER), "sha256:x", CHAIN))
        sent.start()
        receive(
            layout,
            lambda below: below.send(reader(BASE), "sha256:y", BELOW),
            chain_id=BELOW,
            diff_id=BELOW,
        )
        pipes.below_is_ready()
        sent.join(20)

    receive(layout, send, below=[BELOW])
    # `etc` was not described by the layer: it is as it is below
    assert (
        listing(layer_files(layout, CHAIN))["etc"][1]
        == listing(layer_files(layout, BELOW))["etc"][1]
    )


def test_a_layer_that_needs_nothing_below_does_not_wait(layout: Layout) -> None:
    whole = tar([member("./", "dir"), member("etc", "dir"), member("etc/x", data=b"y")])
    done = receive(
        layout,
        lambda pipes: pipes.send(reader(whole), "sha256:x", sha256(whole)),
        chain_id=sha256(whole),
        below=[BELOW],
    )
    assert not done["was_there"]


def test_a_lower_layer_that_never_comes_is_said(layout: Layout) -> None:
    def send(pipes: LayerPipes) -> None:
        pipes.below_is_ready()
        pipes.send(reader(LAYER), "sha256:x", CHAIN)

    with pytest.raises(Corrupt, match="a layer below"):
        receive(layout, send, below=[BELOW])
