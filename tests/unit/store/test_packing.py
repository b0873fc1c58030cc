from __future__ import annotations

import gzip
import os

from nbcontainer.spec.descriptor import OCI_LAYER, OCI_LAYER_GZIP
from nbcontainer.spec.digest import sha256
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.layout import Layout
from nbcontainer.store.packing import Packed, Stored, is_plain
from tests.blobs import noise

DATA = b"the same words again and again\n" * 100_000 + noise(300_000)


def test_a_plain_layer_is_packed_and_remembered(layout: Layout) -> None:
    blobs = Blobs(layout)
    layer = blobs.put(DATA, OCI_LAYER)
    assert is_plain(layer)
    packed = Packed(layout, layer)
    assert packed.descriptor() is None
    made = packed.make(blobs)
    assert made.media_type == OCI_LAYER_GZIP
    assert not is_plain(made)
    bytes_of_it = b"".join(packed.pieces(0))
    assert gzip.decompress(bytes_of_it) == DATA
    assert (sha256(bytes_of_it), len(bytes_of_it)) == (made.digest, made.size)
    assert b"".join(packed.pieces(1000)) == bytes_of_it[1000:]
    packed.pushed(made, "r.example/a")
    packed.pushed(made, "r.example/b")
    packed.close()
    assert os.listdir(layout.tmp) == []
    again = Packed(layout, layer)
    assert again.descriptor() == made
    assert again.repositories() == ("r.example/b", "r.example/a")
    # the same bytes come of it: a registry that has it has it
    assert again.make(blobs) == made
    again.close()


def test_a_damaged_note_is_no_note(layout: Layout) -> None:
    layer = Blobs(layout).put(DATA, OCI_LAYER)
    os.makedirs(f"{layout.home}/packed")
    for text in ("", "[]", '{"digest": "x", "size": 1}', '{"digest": 1}'):
        with open(f"{layout.home}/packed/{layer.digest.hex}", "w") as file:
            file.write(text)
        assert Packed(layout, layer).descriptor() is None
        assert Packed(layout, layer).repositories() == ()


def test_a_stored_blob_is_read_from_where_it_is_wanted(layout: Layout) -> None:
    layer = Blobs(layout).put(DATA)
    assert b"".join(Stored(layout, layer.digest).pieces(0)) == DATA
    assert b"".join(Stored(layout, layer.digest).pieces(len(DATA) - 5)) == DATA[-5:]
