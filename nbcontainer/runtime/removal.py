"""Remove an ended container that was asked to go by itself (--rm): done by its shim, or by who mends it."""

from __future__ import annotations

import os

from ..errors import EngineError
from ..spec.runtime import RuntimeConfig
from ..store.containers import Containers
from ..store.layout import Layout
from ..store.tree import remove_tree
from ..store.volumes import Volumes


def take_out(layout: Layout, config: RuntimeConfig) -> tuple[str, ...]:
    """Take the container and its anonymous volumes out of the store; return their doomed trees.

    Idempotent.  Where the disk refuses nothing is taken out, and the container stays as it is.
    """
    doomed = []
    try:
        doomed.append(Containers(layout).remove(config.id))
    except (OSError, EngineError):
        return ()
    volumes = Volumes(layout)
    for mount in config.mounts:
        if mount.anonymous and mount.type == "volume":
            try:
                doomed.append(volumes.remove(mount.source))
            except (OSError, EngineError):
                continue
    return tuple(doomed)


def delete(doomed: tuple[str, ...]) -> tuple[str, ...]:
    """Remove doomed trees, in a process that holds the store's ids; return those that stay."""
    left = []
    for path in doomed:
        directory, name = os.path.split(path)
        try:
            parent = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            left.append(path)
            continue
        try:
            remove_tree(parent, name)
        except (OSError, EngineError):
            left.append(path)
        finally:
            os.close(parent)
    return tuple(left)
