"""Deliver an image to a registry: what it lacks and nothing else, several layers at once.

It runs in the carrier.  A layer that was made here is a plain tar and goes out as gzip; one that came from
a registry goes as it came, so that its digest stays what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import NotFound
from ..registry.client import Client
from ..registry.transfer import BlobSource, Sent, upload
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..store.images import Image
from ..store.packing import Packed, Stored, is_plain
from ..under_way import LayerProgress
from ..values import replace
from .host import Host

UPLOADS = 5
_MOUNTS = 4
Tell = Callable[[LayerProgress], None]


class Delivery:
    """One image on its way to one repository; `mounts`: repositories there, by layer digest."""

    def __init__(
        self,
        host: Host,
        client: Client,
        target: tuple[str, str],
        image: Image,
        mounts: dict[str, tuple[str, ...]],
        tell: Tell,
    ) -> None:
        self._host = host
        self._client = client
        self._registry, self._repository = target
        self._image = image
        self._mounts = mounts
        self._tell = tell

    def run(self, tags: list[str]) -> list[tuple[str, Digest, int]]:
        """Send the layers, the config and the manifest under each tag; return (tag, digest, size).

        Raises: RegistryDenied, RegistryUnreachable, NotFound (the store lacks a layer), …
        """
        manifest = self._host.images.manifest(self._image)
        for layer, diff_id in zip(manifest.layers, self._image.config.diff_ids, strict=True):
            self._tell(LayerProgress(diff_id.short, "Preparing", 0, layer.size))
        with ThreadPoolExecutor(UPLOADS, "deliver") as pool:
            pairs = zip(manifest.layers, self._image.config.diff_ids, strict=True)
            sending = [pool.submit(self._layer, layer, diff_id) for layer, diff_id in pairs]
            try:
                layers = tuple(one.result() for one in sending)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        upload(self._client, self._repository, manifest.config, self._stored(manifest.config))
        data, media_type = self._document(manifest, layers)
        done = []
        for tag in tags:
            digest = self._client.put_manifest(self._repository, tag, media_type, data)
            done.append((tag, digest, len(data)))
        return done

    def _document(self, manifest: Manifest, layers: tuple[Descriptor, ...]) -> tuple[bytes, str]:
        if layers == manifest.layers:
            # byte by byte as it is stored: its digest is what it was
            return self._host.blobs.read(self._image.manifest.digest), manifest.media_type
        return replace(manifest, layers=layers).to_json(), manifest.media_type

    def _layer(self, layer: Descriptor, diff_id: Digest) -> Descriptor:
        mounts = self._mounts.get(layer.digest, ())
        packed = Packed(self._host.layout, layer)
        came_so = packed.descriptor() is None and bool(mounts or self._image.digests)
        if not is_plain(layer) or came_so:
            self._send(layer, self._stored(layer), diff_id, mounts)
            return layer
        try:
            return self._packed(packed, diff_id)
        finally:
            packed.close()

    def _packed(self, packed: Packed, diff_id: Digest) -> Descriptor:
        known = packed.descriptor()
        if known is not None and self._client.has_blob(self._repository, known.digest):
            self._tell(LayerProgress(diff_id.short, "Layer already exists", known.size, known.size))
        else:
            prefix = f"{self._registry}/"
            mounts = tuple(
                one.removeprefix(prefix) for one in packed.repositories() if one.startswith(prefix)
            )
            if known is not None and self._mounted(known, mounts, diff_id):
                pass
            else:
                self._tell(LayerProgress(diff_id.short, "Compressing"))
                known = packed.make(self._host.blobs)
                self._send(known, packed, diff_id, ())
        assert known is not None
        packed.pushed(known, f"{self._registry}/{self._repository}")
        return known

    def _mounted(self, layer: Descriptor, mounts: tuple[str, ...], diff_id: Digest) -> bool:
        """Mount a layer that is not made anew for it; tell whether that went."""
        try:
            sent = upload(self._client, self._repository, layer, _Nothing(), mounts[:_MOUNTS])
        except NotFound:
            return False
        self._tell(
            LayerProgress(diff_id.short, f"Mounted from {sent.source}", layer.size, layer.size)
        )
        return True

    def _send(
        self, layer: Descriptor, source: BlobSource, diff_id: Digest, mounts: tuple[str, ...]
    ) -> None:
        def report(done: int) -> None:
            self._tell(LayerProgress(diff_id.short, "Pushing", done, layer.size))

        sent = upload(
            self._client, self._repository, layer, source, mounts[:_MOUNTS], report=report
        )
        self._tell(LayerProgress(diff_id.short, _said(sent), layer.size, layer.size))

    def _stored(self, blob: Descriptor) -> BlobSource:
        # said before anything is sent
        self._host.blobs.size(blob.digest)
        return Stored(self._host.layout, blob.digest)


class _Nothing:
    """A source of a blob that can only be mounted."""

    def pieces(self, start: int) -> Any:
        raise NotFound("the layer must be compressed first")


def _said(sent: Sent) -> str:
    if sent.how == "mounted":
        return f"Mounted from {sent.source}"
    return "Layer already exists" if sent.how == "exists" else "Pushed"
