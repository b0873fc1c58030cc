from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer.errors import StateUnreadable
from nbcontainer.linux import process
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Descriptor
from nbcontainer.spec.digest import Digest, sha256
from nbcontainer.spec.image import ImageConfig, chain_ids
from nbcontainer.spec.manifest import Index, Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store import gc
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.containers import Containers
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from tests.source import ROOT


class Store:
    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.blobs = Blobs(layout)
        self.images = Images(layout, self.blobs)
        self.containers = Containers(layout)

    def image(self, name: str, *layers: bytes) -> Descriptor:
        stored = [self.blobs.put(layer, OCI_LAYER) for layer in layers]
        diff_ids = tuple(layer.digest for layer in stored)
        config = self.blobs.put(ImageConfig(author=name, diff_ids=diff_ids).to_json(), OCI_CONFIG)
        manifest = self.blobs.put(Manifest(config, tuple(stored)).to_json(), OCI_MANIFEST)
        self.images.tag(Reference.parse(name), manifest)
        for chain_id in chain_ids(diff_ids):
            os.makedirs(self.layout.layer(chain_id) + "/fs", exist_ok=True)
        return manifest

    def container(self, digit: str, layers: tuple[Digest, ...]) -> str:
        config = RuntimeConfig(digit * 64, f"c{digit}", "x", "x", 1, layers, ("sh",))
        self.containers.create(config)
        return config.id

    def sweep(self) -> gc.Swept:
        return gc.sweep(self.layout, self.blobs, self.images, self.containers, wait_s=0.0)

    def layers(self) -> set[str]:
        return {f"sha256:{name}" for name in os.listdir(self.layout.layers)}


@pytest.fixture
def store(layout: Layout) -> Store:
    return Store(layout)


def chain(*layers: bytes) -> tuple[Digest, ...]:
    return chain_ids([sha256(layer) for layer in layers])


def test_nothing_of_a_living_image_is_swept(store: Store) -> None:
    store.image("one", b"base", b"top")
    before = set(store.blobs.all())
    swept = store.sweep()
    assert (swept.blobs, swept.doomed, swept.is_complete) == ((), (), True)
    assert set(store.blobs.all()) == before
    assert store.layers() == set(chain(b"base", b"top"))


def test_what_only_a_removed_image_used_goes_and_what_is_shared_stays(store: Store) -> None:
    store.image("one", b"base", b"one")
    store.image("two", b"base", b"two")
    store.images.remove(store.images.resolve("one"))
    swept = store.sweep()
    assert sha256(b"one") in swept.blobs
    assert len(swept.blobs) == 3  # manifest, config, one layer
    assert swept.blob_bytes > 0
    assert store.layers() == set(chain(b"base", b"two"))
    assert [os.listdir(path) for path in swept.doomed] == [["fs"]]
    assert store.images.resolve("two")
    assert store.sweep().blobs == ()


def test_an_image_that_lost_its_name_keeps_its_blobs(store: Store) -> None:
    store.image("one", b"a")
    store.images.untag(Reference.parse("one"))
    assert store.sweep().blobs == ()


def test_a_containers_layers_stay_when_its_image_goes(store: Store) -> None:
    store.image("one", b"base", b"top")
    store.container("a", chain(b"base", b"top"))
    store.images.remove(store.images.resolve("one"))
    swept = store.sweep()
    assert sha256(b"base") in swept.blobs
    assert swept.doomed == ()
    assert store.layers() == set(chain(b"base", b"top"))


def test_no_layer_goes_while_a_container_cannot_be_read(store: Store) -> None:
    store.image("one", b"base")
    container_id = store.container("a", chain(b"base"))
    Path(store.layout.container(container_id, "config.json")).write_bytes(b"{")
    store.images.remove(store.images.resolve("one"))
    assert Store(store.layout).sweep().doomed == ()
    assert store.layers() == set(chain(b"base"))


def test_an_index_of_several_platforms_keeps_what_it_names(store: Store) -> None:
    inner = store.image("one", b"base")
    index = store.blobs.put(Index((inner,)).to_json(), OCI_INDEX)
    Path(store.layout.index).write_bytes(Index((index,)).to_json())
    assert store.sweep().blobs == ()
    assert store.layers() == set(chain(b"base"))


def test_nothing_is_swept_while_index_json_is_damaged(store: Store) -> None:
    store.image("one", b"base")
    before = set(store.blobs.all())
    Path(store.layout.index).write_bytes(b"{")
    with pytest.raises(StateUnreadable):
        store.sweep()
    assert set(store.blobs.all()) == before


def test_nothing_is_swept_while_somebody_adds(store: Store) -> None:
    with store.blobs.adding():
        digest = store.blobs.put(b"not yet referred to").digest
        assert not store.sweep().is_complete
        assert store.blobs.has(digest)
    assert store.sweep().blobs == (digest,)


def test_what_a_dead_process_left_is_cleared_and_what_a_living_one_does_stays(
    layout: Layout,
) -> None:
    # the pid is ours by now, and was another's who began earlier
    dead, alive = f"{os.getpid()}_1", process.own_mark()
    for mark in (dead, alive):
        Path(layout.tmp, f"{mark}-blob-1").touch()
        Path(layout.tmp, f"{mark}-layer-x").mkdir()
        Path(layout.home, f"index.json.{mark}-7f.tmp").touch()
        Path(layout.containers, "a" * 64).mkdir(exist_ok=True)
        Path(layout.containers, "a" * 64, f"state.json.{mark}-7f.tmp").touch()
    # the last is an older edition's, whose names tell the pid alone
    others = ["README", "12x-y", "notes.tmp", "1_zz-x", f"{os.getpid()}-blob-1"]
    for name in others:
        Path(layout.tmp, name).touch()
        Path(layout.home, name).touch()
    assert gc.leftovers(layout) == (f"{layout.tmp}/{dead}-layer-x",)
    assert sorted(os.listdir(layout.tmp)) == sorted(
        [f"{alive}-blob-1", f"{alive}-layer-x", f"{dead}-layer-x", *others]
    )
    assert os.listdir(f"{layout.containers}/{'a' * 64}") == [f"state.json.{alive}-7f.tmp"]
    assert f"index.json.{alive}-7f.tmp" in os.listdir(layout.home)
    assert f"index.json.{dead}-7f.tmp" not in os.listdir(layout.home)


def test_what_a_process_left_that_ended_is_cleared(layout: Layout) -> None:
    program = "from nbcontainer.linux.process import own_mark; print(own_mark())"
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    Path(layout.tmp, f"{child.stdout.strip()}-blob-1").touch()
    gc.leftovers(layout)
    assert os.listdir(layout.tmp) == []


def test_a_name_whose_container_is_gone_becomes_free(store: Store) -> None:
    os.symlink("b" * 64, store.layout.name("ghost"))
    store.container("a", ())
    gc.leftovers(store.layout)
    assert os.listdir(store.layout.names) == ["ca"]
