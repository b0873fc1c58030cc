"""Small images in a store, for tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile

from nbcontainer.spec.descriptor import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.image import History, ImageConfig
from nbcontainer.spec.manifest import Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.store.archive import Loaded, load
from nbcontainer.store.archive_save import save
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from tests.tars import member, reader, tar

BASE = tar(
    [
        member("etc", "dir"),
        member("etc/os-release", data=b"NAME=test\n"),
        member("bin/sh", mode=0o755),
    ]
)
TOP = tar([member("app/main", data=b"x" * 70_000), member("etc/.wh.os-release")])


def put_image(
    blobs: Blobs,
    images: Images,
    *names: str,
    layers: tuple[bytes, ...] = (BASE, TOP),
    packed: bool = False,
) -> Descriptor:
    """Store an image of the layers under the names; return its manifest."""
    descriptors = [
        blobs.put(gzip.compress(layer, mtime=0), OCI_LAYER_GZIP)
        if packed
        else blobs.put(layer, OCI_LAYER)
        for layer in layers
    ]
    config = ImageConfig(
        created="2024-01-02T03:04:05Z",
        cmd=("/bin/sh",),
        env=("PATH=/bin",),
        labels={"made": "by a test"},
        diff_ids=tuple(sha256(layer) for layer in layers),
        history=tuple(History("2024-01-02T03:04:05Z", f"step {n}") for n, _ in enumerate(layers)),
    )
    document = Manifest(blobs.put(config.to_json(), OCI_CONFIG), tuple(descriptors))
    manifest = blobs.put(document.to_json(), OCI_MANIFEST)
    images.add(manifest)
    for name in names:
        images.tag(Reference.parse(name), manifest)
    return manifest


class ImageStore:
    """A store with its images, and what the tests ask of it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.blobs = Blobs(layout)
        self.images = Images(layout, self.blobs)

    def save(self, *names: str) -> bytes:
        out = io.BytesIO()
        assert save(self.blobs, self.images, names, out.write) == len(out.getvalue())
        return out.getvalue()

    def load(self, data: bytes) -> list[Loaded]:
        return load(self.layout, self.blobs, self.images, reader(data), Platform())

    def tags(self) -> list[str]:
        return sorted(tag.familiar for image in self.images.list() for tag in image.tags)

    def files(self) -> dict[str, str]:
        found = {}
        for base, _, names in os.walk(self.layout.home):
            for name in names:
                if not name.endswith(".lock"):
                    with open(f"{base}/{name}", "rb") as file:
                        found[f"{base}/{name}"] = hashlib.sha256(file.read()).hexdigest()
        return found


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            info.name: archive.extractfile(info).read()  # type: ignore[union-attr]
            for info in archive.getmembers()
            if info.isreg()
        }


def rebuilt(files: dict[str, bytes]) -> bytes:
    return tar([member(name, data=data) for name, data in files.items()])
