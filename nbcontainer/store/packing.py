"""Gzip a plain layer for a registry, and remember what it becomes: the same layer is packed once.

<home>/packed/<diff_id hex>   the packed layer's digest and size, and which repositories have it

Only the fact is kept, not the bytes: they are needed once a registry, and gzip is made anew from the
blob.  The same bytes come of it, since nothing of the moment goes in.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

from ..errors import Corrupt, StateUnreadable
from ..linux import process
from ..spec.descriptor import OCI_LAYER, OCI_LAYER_GZIP, Descriptor
from ..spec.digest import Digest
from .blobs import Blobs
from .files import dump_json, no_space, read_json, unlink_quietly, write_all, write_atomic
from .layout import Layout

_CHUNK = 1 << 20
_LEVEL = 2
_REPOSITORIES = 16
_numbers = itertools.count(1)


def is_plain(layer: Descriptor) -> bool:
    """Tell whether a layer is an uncompressed tar, as commit and the built-in images store them."""
    return layer.media_type == OCI_LAYER


class Packed:
    """What is known of one plain layer's packed form."""

    def __init__(self, layout: Layout, layer: Descriptor) -> None:
        self._layout = layout
        self._layer = layer
        self._path = f"{layout.home}/packed/{layer.digest.hex}"
        self._file = ""

    def descriptor(self) -> Descriptor | None:
        """Return the packed layer, None if it was never packed."""
        found = self._read()
        try:
            return Descriptor(OCI_LAYER_GZIP, Digest.parse(found["digest"]), int(found["size"]))
        except (KeyError, ValueError, TypeError, Corrupt):
            return None

    def repositories(self) -> tuple[str, ...]:
        """Return the repositories ("host/name") that have it, as far as we know; the latest first."""
        known = self._read().get("repositories")
        return tuple(map(str, known)) if isinstance(known, list) else ()

    def pushed(self, descriptor: Descriptor, repository: str) -> None:
        """Remember that a repository has it."""
        known = [one for one in self.repositories() if one != repository]
        data = {
            "digest": descriptor.digest,
            "size": descriptor.size,
            "repositories": [repository, *known][:_REPOSITORIES],
        }
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        write_atomic(self._path, dump_json(data))

    def make(self, blobs: Blobs) -> Descriptor:
        """Pack it into a file of tmp/, which `close` removes; return the packed layer.  Idempotent.

        Raises: NotFound, DigestMismatch, NoSpace.
        """
        import hashlib

        hashed, size = hashlib.sha256(), 0
        self.close()
        self._file = f"{self._layout.tmp}/{process.own_mark()}-pack-{next(_numbers)}"
        with no_space("compress a layer"):
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                for piece in _packed(blobs, self._layer):
                    write_all(fd, piece)
                    hashed.update(piece)
                    size += len(piece)
            finally:
                os.close(fd)
        digest = Digest(f"sha256:{hashed.hexdigest()}")
        return Descriptor(OCI_LAYER_GZIP, digest, size)

    def pieces(self, start: int) -> Iterator[bytes]:
        """Yield the packed bytes that `make` made, from `start` on."""
        yield from file_pieces(self._file, start)

    def close(self) -> None:
        """Remove what was made; idempotent."""
        if self._file:
            unlink_quietly(self._file)
            self._file = ""

    def _read(self) -> dict[str, Any]:
        try:
            found = read_json(self._path)
        except (FileNotFoundError, StateUnreadable):
            return {}
        return found if isinstance(found, dict) else {}


def _packed(blobs: Blobs, layer: Descriptor) -> Iterator[bytes]:
    from isal import isal_zlib

    packer = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 31)
    with blobs.open(layer.digest) as stream:
        while data := stream.read(_CHUNK):
            piece = packer.compress(data)
            if piece:
                yield piece
    yield packer.flush()


class Stored:
    """A blob of the store, as a source of a transfer."""

    def __init__(self, layout: Layout, digest: Digest) -> None:
        self._path = layout.blob(digest)

    def pieces(self, start: int) -> Iterator[bytes]:
        """Yield the blob's bytes from `start` on; whoever receives them checks the digest."""
        yield from file_pieces(self._path, start)


def file_pieces(path: str, start: int) -> Iterator[bytes]:
    """Yield a file's bytes from `start` on."""
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        while data := file.read(_CHUNK):
            yield data
