"""Free what nothing refers to any more, after images or containers went."""

from __future__ import annotations

import os

from ..errors import StateUnreadable
from ..store import gc
from ..store.files import read_json
from ..store.incoming import remove_abandoned
from .host import Host


def collect(host: Host, *, leftovers: bool = False) -> int:
    """Sweep the store; return the bytes that became free.

    `leftovers`: what killed processes left half-made goes, too.  While others add content nothing is
    swept: the next sweep frees it.
    """
    swept = gc.sweep(host.layout, host.blobs, host.images, host.containers)
    freed = swept.blob_bytes + sum(map(_layer_size, swept.doomed))
    doomed = swept.doomed
    if leftovers:
        # parts of blobs wait for the next pull; who prunes wants the space
        freed += remove_abandoned(host.layout)
        doomed = (*doomed, *gc.leftovers(host.layout))
    # once each: what this sweep took out lies in tmp/ as well
    host.discard(*dict.fromkeys(doomed))
    return freed


def _layer_size(path: str) -> int:
    try:
        about = read_json(os.path.join(path, "layer.json"))
    except (OSError, StateUnreadable):
        return 0
    size = about.get("size_bytes") if isinstance(about, dict) else None
    return size if type(size) is int else 0
