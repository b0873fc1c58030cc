"""Blobs in memory that fit the protocols of a transfer, and images made of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from nbcontainer.errors import DigestMismatch
from nbcontainer.registry.client import Client
from nbcontainer.registry.transfer import upload
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.manifest import Manifest


def noise(count: int, seed: str = "x") -> bytes:
    """Return bytes that compress badly, the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(count)


def describe(data: bytes, media_type: str = OCI_LAYER) -> Descriptor:
    return Descriptor(media_type, sha256(data), len(data))


class Memory:
    """A sink and a source."""

    def __init__(self, data: bytes = b"", wanted: str = "") -> None:
        self.data = bytearray(data)
        self.wanted = wanted
        self.committed = False
        self.restarts = 0
        self.read = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def write(self, data: bytes) -> None:
        self.data += data

    def restart(self) -> None:
        self.data.clear()
        self.restarts += 1

    def commit(self) -> None:
        if self.wanted and sha256(bytes(self.data)) != self.wanted:
            raise DigestMismatch(f"expected {self.wanted}")
        self.committed = True

    def pieces(self, start: int) -> Iterator[bytes]:
        for at in range(start, len(self.data), 65536):
            piece = bytes(self.data[at : at + 65536])
            self.read += len(piece)
            yield piece


def put_image(
    client: Client, repository: str, tag: str, *layers: bytes, architecture: str = "amd64"
) -> Manifest:
    """Put an image of these plain layers into a registry."""
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
            "history": [],
        }
    ).encode()
    for data in (config, *layers):
        upload(client, repository, describe(data), Memory(data))
    manifest = Manifest(describe(config, OCI_CONFIG), tuple(map(describe, layers)))
    client.put_manifest(repository, tag, OCI_MANIFEST, manifest.to_json())
    return manifest
