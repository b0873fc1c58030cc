from __future__ import annotations

import gzip
import os

import pytest

from nbcontainer.errors import Corrupt, DigestMismatch
from nbcontainer.spec.digest import sha256
from nbcontainer.store.sending import LayerPipes
from nbcontainer.store.unpacking import BELOW_READY, VERIFIED
from tests.tars import reader

DATA = b"a layer's plain tar" * 100


@pytest.fixture
def pipes() -> LayerPipes:
    return LayerPipes()


def received(pipes: LayerPipes) -> tuple[bytes, bytes]:
    data, control = pipes.given
    return os.read(data, 1 << 16), os.read(control, 100)


def test_what_was_right_is_said_to_be(pipes: LayerPipes) -> None:
    pipes.below_is_ready()
    pipes.send(reader(gzip.compress(DATA)), "sha256:x", sha256(DATA))
    assert received(pipes) == (DATA, BELOW_READY + VERIFIED)
    pipes.close()


def test_what_was_wrong_is_not(pipes: LayerPipes) -> None:
    with pytest.raises(DigestMismatch):
        pipes.send(reader(DATA), "sha256:x", sha256(b"other"))
    pipes._close("_control")
    assert received(pipes) == (DATA, b"")
    pipes.close()


def test_a_damaged_blob_is_not_sent_to_its_end(pipes: LayerPipes) -> None:
    with pytest.raises(Corrupt):
        pipes.send(reader(gzip.compress(DATA)[:-9]), "sha256:x", sha256(DATA))
    pipes.close()


def test_a_worker_that_left_is_no_error_of_the_sender(pipes: LayerPipes) -> None:
    pipes.close_given()
    pipes.send(reader(bytes(5 << 20)), "sha256:x", "sha256:y")
    pipes.below_is_ready()
    pipes.close()
    pipes.close()
