"""How much room trees take: the bytes of their files, each counted once however many names it has."""

from __future__ import annotations

import os
import stat
from typing import Any

from .files import read_json
from .layout import Layout
from .snapshots import snapshotter
from .tree import Root, open_directory


def tree_size(path: str) -> int:
    """Return the bytes of the regular files below the directory `path`, 0 if there is none."""
    try:
        top = open_directory(path)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    tree = Root(top)
    seen: set[tuple[int, int]] = set()
    total = 0
    pending = [b""]
    try:
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(tree.directory(folder)[0]) as entries:
                    found = [(os.fsencode(e.name), e.stat(follow_symlinks=False)) for e in entries]
            except (FileNotFoundError, NotADirectoryError):
                continue  # gone while we looked
            for name, status in found:
                if stat.S_ISDIR(status.st_mode):
                    pending.append(folder + b"/" + name if folder else name)
                elif stat.S_ISREG(status.st_mode):
                    key = (status.st_dev, status.st_ino)
                    if status.st_nlink == 1 or key not in seen:
                        seen.add(key)
                        total += status.st_size
    finally:
        tree.forget()
        os.close(top)
    return total


def container_size(layout: Layout, container_id: str, backend: str) -> tuple[int, int]:
    """Return (bytes of the container's own files, bytes of all that it sees)."""
    about = _json(layout.container(container_id, "config.json"))
    layers = tuple(about.get("layers", ()))
    snapshot = snapshotter(layout, backend).get(container_id, layers)
    below = sum(_json(f"{layout.layer(each)}/layer.json").get("size_bytes", 0) for each in layers)
    if not snapshot.root:
        own = tree_size(snapshot.upper)
        return own, own + below
    whole = tree_size(snapshot.root)
    return max(whole - below, 0), whole or below


def _json(path: str) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return found if isinstance(found, dict) else {}
