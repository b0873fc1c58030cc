"""Make images of what is at hand: of a container (commit), of a tar of files (import)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from ..errors import HelperGone, HostLacks, ImageNotFound, Unsupported, WrongStatus
from ..results import Image as Made
from ..runtime import wire
from ..spec.changes import apply_changes
from ..spec.committed import container_image, with_layer
from ..spec.create import DEFAULT_PATH, words
from ..spec.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, Platform
from ..spec.digest import Digest
from ..spec.image import ImageConfig
from ..spec.lifecycle import Status
from ..spec.manifest import Manifest
from ..spec.reference import Reference
from ..spec.runtime import RuntimeConfig
from ..store.archive import import_layer
from ..store.images import BUILTIN_LABEL, SIZE_NOTE, Image
from ..units import rfc3339
from .archives import Source, opened
from .create import unpack_layers
from .host import Host
from .images import attributes, tag_reference
from .queries import id_base


def commit(
    host: Host,
    name: str,
    reference: str,
    *,
    author: str,
    message: str,
    change: Any,
    pause: bool,
) -> Made:
    """Make an image of a container's changes, under `reference` where one is given.

    Raises: ContainerNotFound; ImageNotFound where the container's own image is gone; InvalidArgument
    for a change that cannot be made; NoSpace.
    """
    target = tag_reference(reference) if reference else None
    container_id = host.containers.resolve(name)
    config = host.containers.config(container_id)
    with host.blobs.adding():
        base = _base(host, config)
        # a change that is refused is refused before the work
        changed = apply_changes(
            container_image(config, base.config, DEFAULT_PATH, (BUILTIN_LABEL,)), words(change)
        )
        with _paused(host, container_id, pause):
            layer = _layer(host, config)
        document = with_layer(
            changed,
            layer.digest if layer else None,
            created=rfc3339(host.chance.stamp_ns()),
            author=author,
            comment=message,
            created_by=" ".join(config.cmd),
        )
        layers = base.layers if layer is None else (*base.layers, layer)
        made = _store(host, document, layers, target)
    host.publish(
        "container",
        "commit",
        container_id,
        image=config.image,
        name=host.containers.name(container_id),
        comment=message,
        imageID=made.id,
        imageRef=str(target or ""),
    )
    return made


def _base(host: Host, config: RuntimeConfig) -> Image:
    try:
        return host.images.resolve(config.image_id)
    except ImageNotFound:
        raise ImageNotFound(
            f"the image {config.image} ({config.image_id[7:19]}) of the container {config.name} was removed",
            "Make or load it again; `export` and `import` work without it.",
        ) from None


def _layer(host: Host, config: RuntimeConfig) -> Descriptor | None:
    """Store the container's changes as a layer; None if there are none."""
    unpack_layers(host, config)
    found = host.runtime.job(
        "commit_layer",
        container=config.id,
        layers=list(config.layers),
        id_base=id_base(host, config),
        id_mode=host.features.id_mode,
        **host.backend(),
    )
    if not found["digest"]:
        return None
    return _plain_layer(Digest.parse(found["digest"]), found["size_bytes"], found["file_bytes"])


def _plain_layer(digest: Digest, size: int, file_bytes: int) -> Descriptor:
    return Descriptor(OCI_LAYER, digest, size, {SIZE_NOTE: str(file_bytes)})


@contextmanager
def _paused(host: Host, container_id: str, wanted: bool) -> Any:
    """Freeze the container while its files are read, where it runs and the host can."""
    state = host.state(container_id)
    frozen = wanted and state.status is Status.RUNNING
    if frozen:
        try:
            host.runtime.ask(state.sandbox, wire.Pause(True))
        except (HostLacks, HelperGone, WrongStatus):
            frozen = False  # no freezer here, or it has just ended
    try:
        yield
    finally:
        if frozen:
            try:
                host.runtime.ask(state.sandbox, wire.Pause(False))
            except (HelperGone, WrongStatus):
                pass  # it was killed, or somebody else let it go on


def import_(
    host: Host,
    file: Source,
    reference: str,
    *,
    change: Any,
    message: str,
    platform: str,
) -> Made:
    """Make an image of one layer from a tar of files, compressed or not.

    Raises: Corrupt, InvalidArgument, NoSpace, Unsupported; the store is then as it was.
    """
    if isinstance(file, str) and file.startswith(("http://", "https://")):
        from ..registry.endpoints import without_account

        raise Unsupported(
            f"import from a URL is not supported: {without_account(file)}",
            "Download the file, and import that.",
        )
    target = tag_reference(reference) if reference else None
    where = Platform.parse(platform) if platform else Platform.of("linux", os.uname().machine)
    empty = ImageConfig(architecture=where.architecture, os=where.os, variant=where.variant)
    changed = apply_changes(empty, words(change))
    source = file if isinstance(file, str) and file else "-"
    with opened(file) as stream, host.blobs.adding():
        layer = _plain_layer(*import_layer(host.blobs, stream.read))
        document = with_layer(
            changed,
            layer.digest,
            created=rfc3339(host.chance.stamp_ns()),
            author="",
            comment=message or f"Imported from {source}",
            created_by="",
        )
        made = _store(host, document, (layer,), target)
    host.publish("image", "import", made.id, name=made.reference or made.id)
    return made


def _store(
    host: Host, config: ImageConfig, layers: Iterable[Descriptor], target: Reference | None
) -> Made:
    """Store an image whose layers are stored, and name it."""
    stored = host.blobs.put(config.to_json(), OCI_CONFIG)
    manifest = host.blobs.put(Manifest(stored, tuple(layers)).to_json(), OCI_MANIFEST)
    if target is None:
        host.images.add(manifest)
        return Made(str(stored.digest))
    host.images.tag(target, manifest)
    image = host.images.resolve(str(stored.digest))
    host.publish("image", "tag", str(image.id), **attributes(image, target.familiar))
    return Made(str(stored.digest), target.familiar)
