"""Eight processes on one store, each adding, sweeping, creating and removing: nobody loses a thing."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from nbcontainer.spec.event import Event
from nbcontainer.spec.image import ImageConfig, chain_ids
from nbcontainer.spec.manifest import Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store import gc
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.containers import Containers
from nbcontainer.store.events import Events
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from nbcontainer.store.version import open_store
from nbcontainer.store.volumes import Volumes

PROCESSES = 8
ROUNDS = 15
LOCK_WAIT_S = 5.0


class User:
    """One process's work; every step checks what it did before."""

    def __init__(self, layout: Layout, number: int) -> None:
        self.layout, self.number = layout, number
        self.blobs = Blobs(layout)
        self.images = Images(layout, self.blobs)
        self.containers = Containers(layout)
        self.volumes = Volumes(layout)
        self.events = Events(layout)
        self.slowest_s = 0.0

    def work(self) -> None:
        for turn in range(ROUNDS):
            begin = time.monotonic()
            self.turn(turn)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
        assert self.slowest_s < LOCK_WAIT_S

    def turn(self, turn: int) -> None:
        name = f"image{self.number}:{turn}"
        with self.blobs.adding():
            # the base is everybody's: one may remove it while another is about to use it
            stored = [
                self.blobs.put(b"base", OCI_LAYER),
                self.blobs.put(os.urandom(999), OCI_LAYER),
            ]
            diff_ids = tuple(layer.digest for layer in stored)
            config = self.blobs.put(ImageConfig(diff_ids=diff_ids).to_json(), OCI_CONFIG)
            manifest = self.blobs.put(Manifest(config, tuple(stored)).to_json(), OCI_MANIFEST)
            self.images.tag(Reference.parse(name), manifest)
            chain = chain_ids(diff_ids)
            for chain_id in chain:
                os.makedirs(f"{self.layout.layer(chain_id)}/fs", exist_ok=True)
            container_id = f"{self.number:x}{turn:03x}".ljust(64, "0")
            self.containers.create(
                RuntimeConfig(container_id, f"c{self.number}-{turn}", name, "x", 1, chain, ("sh",))
            )
        self.volumes.create(f"v{self.number}-{turn}")
        self.events.publish(Event(1, "container", "create", container_id))
        self.check(name, container_id)
        self.images.remove(self.images.resolve(name))
        swept = gc.sweep(self.layout, self.blobs, self.images, self.containers, wait_s=0.05)
        for doomed in (*swept.doomed, *gc.leftovers(self.layout)):
            shutil.rmtree(doomed, ignore_errors=True)
        for chain_id in chain:
            assert os.path.isdir(self.layout.layer(chain_id)), "a container lost a layer"
        if turn % 3:
            shutil.rmtree(self.containers.remove(container_id))
            shutil.rmtree(self.volumes.remove(f"v{self.number}-{turn}"))

    def check(self, name: str, container_id: str) -> None:
        image = self.images.resolve(name)
        for descriptor in (image.manifest, *image.layers):
            assert len(self.blobs.read(descriptor.digest)) == descriptor.size
        assert container_id in [each[0].id for each in self.containers.list()]


@pytest.mark.slow
def test_eight_processes_on_one_store_lose_nothing(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    open_store(layout)
    pids = []
    for number in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                User(layout, number).work()
                code = 0
            except BaseException as error:
                import traceback

                os.write(2, "".join(traceback.format_exception(error)).encode())
            finally:
                os._exit(code)
        pids.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0] * PROCESSES

    kept = {f"{p}-{t}" for p in range(PROCESSES) for t in range(ROUNDS) if t % 3 == 0}
    assert {f"c{each}" for each in kept} == {name for _, _, name in Containers(layout).list()}
    assert {f"v{each}" for each in kept} == {each.name for each in Volumes(layout).list()}
    assert len(list(Events(layout).read())) == PROCESSES * ROUNDS
    blobs = Blobs(layout)
    images = Images(layout, blobs)
    assert images.list() == []
    swept = gc.sweep(layout, blobs, images, Containers(layout))
    assert swept.is_complete
    assert blobs.all() == []
    for doomed in swept.doomed:
        shutil.rmtree(doomed)
    assert os.listdir(layout.tmp) == []
