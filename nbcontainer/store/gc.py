"""What nothing refers to any more: found from the roots, taken out of the store.

Roots are index.json's entries and the containers' layer lists.  Blobs are deleted here; a layer, whose
files may belong to ids that only a worker holds, is renamed into tmp/ and its path returned, so that it
is gone from the store at once and from the disk when a worker has removed the tree.

Nobody adds while this sweeps: who adds content holds content.lock shared (`Blobs.adding`) until it is
referred to, and the sweep takes it alone, or leaves the sweeping for the next time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import Corrupt, NotFound, StateUnreadable, Unavailable
from ..linux import process
from ..spec.digest import Digest
from ..spec.image import ImageConfig, chain_ids
from ..spec.manifest import Index, Manifest, parse_manifest
from ..values import value
from .blobs import Blobs
from .containers import Containers
from .files import Lock, unlink_quietly
from .images import Images
from .layout import Layout

WAIT_S = 2.0


@value
class Swept:
    """What a sweep did: digests of deleted blobs and their bytes, doomed trees for a worker to remove.

    `is_complete` is False if others were adding content, so that blobs and layers were left alone.
    """

    blobs: tuple[Digest, ...] = ()
    blob_bytes: int = 0
    doomed: tuple[str, ...] = ()
    is_complete: bool = True


@value
class Marked:
    """Everything that is referred to.  `layers` None: unknown, since a container cannot be read."""

    blobs: frozenset[Digest]
    layers: frozenset[str] | None


def mark(images: Images, blobs: Blobs, containers: Containers) -> Marked:
    """Return what the roots refer to.

    Raises: StateUnreadable if index.json cannot be read: then nothing may be swept.
    """
    live: set[Digest] = set()
    layers: set[str] = set()
    waiting = [(entry.digest, entry.media_type) for entry in images.entries()]
    while waiting:
        digest, media_type = waiting.pop()
        if digest in live:
            continue
        live.add(digest)
        try:
            document = parse_manifest(blobs.read(digest), media_type)
        except (Corrupt, NotFound):
            continue  # damaged: it refers to nothing we could find
        if isinstance(document, Index):
            waiting.extend((entry.digest, entry.media_type) for entry in document.manifests)
        else:
            live.update(_parts(document))
            layers.update(_chain(document, blobs))
    try:
        for container_id in containers.ids():
            layers.update(containers.config(container_id).layers)
    except StateUnreadable:
        return Marked(frozenset(live), None)
    except NotFound:
        return mark(images, blobs, containers)  # one was removed while we looked
    return Marked(frozenset(live), frozenset(layers))


def sweep(
    layout: Layout, blobs: Blobs, images: Images, containers: Containers, *, wait_s: float = WAIT_S
) -> Swept:
    """Delete the blobs and take out the layers that nothing refers to; idempotent.

    Raises: StateUnreadable if index.json cannot be read.
    """
    try:
        with Lock(layout.content_lock, timeout_s=wait_s):
            marked = mark(images, blobs, containers)
            dead = [digest for digest in blobs.all() if digest not in marked.blobs]
            freed = sum(blobs.delete(digest) for digest in dead)
            doomed = () if marked.layers is None else _dead_layers(layout, marked.layers)
    except Unavailable:
        return Swept(is_complete=False)
    return Swept(tuple(dead), freed, doomed)


def leftovers(layout: Layout) -> tuple[str, ...]:
    """Delete what killed processes left half-made; return the trees among it, for a worker to remove.

    Entries of living processes stay.
    """
    doomed = []
    for entry in _scan(layout.tmp):
        if _is_abandoned(entry.name):
            if entry.is_dir(follow_symlinks=False):
                doomed.append(entry.path)
            else:
                unlink_quietly(entry.path)
    folders = [layout.home, layout.run, *(entry.path for entry in _scan(layout.containers))]
    for folder in folders:
        for entry in _scan(folder):
            # <name>.<mark>-<thread>.tmp, as files.write_atomic names them
            parts = entry.name.rsplit(".", 2)
            if len(parts) == 3 and parts[2] == "tmp" and _is_abandoned(parts[1]):
                unlink_quietly(entry.path)
    _free_names(layout)
    return tuple(doomed)


def _parts(manifest: Manifest) -> Iterable[Digest]:
    return [manifest.config.digest, *(layer.digest for layer in manifest.layers)]


def _chain(manifest: Manifest, blobs: Blobs) -> tuple[Digest, ...]:
    try:
        return chain_ids(ImageConfig.parse(blobs.read(manifest.config.digest)).diff_ids)
    except (Corrupt, NotFound):
        return ()


def _dead_layers(layout: Layout, live: frozenset[str]) -> tuple[str, ...]:
    doomed = []
    for entry in _scan(layout.layers):
        path = f"{layout.tmp}/{process.own_mark()}-layer-{entry.name}"
        if f"sha256:{entry.name}" not in live:
            try:
                os.rename(entry.path, path)
            except FileNotFoundError:
                continue
            doomed.append(path)
    return tuple(doomed)


def _free_names(layout: Layout) -> None:
    with Lock(layout.names):
        for entry in _scan(layout.names):
            if entry.is_symlink() and not os.path.exists(layout.container(os.readlink(entry.path))):
                unlink_quietly(entry.path)


def _is_abandoned(name: str) -> bool:
    """Tell whether who made the entry, which its name says as `process.own_mark`, has ended."""
    mark, dash, _ = name.partition("-")
    pid, _, start = mark.partition("_")
    if not (dash and pid.isdecimal() and pid.isascii() and len(pid) < 10):
        return False  # not named by us
    try:
        # without a start time it is an older edition's: then a living pid counts as its maker
        if start:
            # one that nobody waited for yet has ended as well
            return not process.is_same_process(int(pid), int(start, 16))
        process.start_time(int(pid))
        return False
    except ProcessLookupError:
        return True
    except ValueError:
        return False


def _scan(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
