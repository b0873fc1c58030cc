"""What each layer of an image adds, changes and removes, read from the layers' own archives.

Efficiency is counted as the program dive counts it: of all bytes that the layers carry for a path, the least
that one of them needed, over the whole; 1.0 means that nothing was written twice or removed again.  What lies
below a directory that is removed or made anew counts as removed, file by file.
"""

from __future__ import annotations

from typing import Any

from ..spec.digest import Digest
from . import tar_entry
from .blobs import Blobs
from .layer_tar import TarReader
from .layers import OPAQUE, WHITEOUT
from .layout import Layout
from .tar_entry import Entry
from .tree import clean
from .unpack_options import UnpackOptions
from .unpacking import uncompressed

_WASTED = 50
# as Linux follows
_LINKS = 40
# of each layer's files the biggest, where they are asked for
_LISTED = 300


class _Path:
    """All that the layers say of one path: how many bytes in all, the least, and how often."""

    __slots__ = ("least", "times", "total")

    def __init__(self) -> None:
        self.total = self.times = 0
        self.least = -1

    def add(self, size: int) -> None:
        self.total += size
        self.times += 1
        self.least = size if self.least < 0 else min(self.least, size)


class Explorer:
    """Reads layers, lowest first; `lists`: what each changes is kept, path by path."""

    def __init__(self, *, lists: bool = False) -> None:
        self._lists = lists
        # path -> (number of the layer that it is of, bytes, whether it is a directory)
        self.tree: dict[bytes, tuple[int, int, bool]] = {}
        # directory -> (layer that made it as it is, its owner and mode), symbolic link -> where it leads
        self._made: dict[bytes, tuple[int, tuple[int, int, int]]] = {}
        self._links: dict[bytes, bytes] = {}
        self._children: dict[bytes, set[bytes]] = {}
        self.layers: list[dict[str, Any]] = []
        self._paths: dict[bytes, _Path] = {}
        self._gone: set[bytes] = set()
        # for each layer: (path, A, C or D, bytes), without the directories that only hold others
        self.changes: list[list[tuple[bytes, str, int]]] = []

    def read(self, reader: TarReader) -> None:
        """Take in the next layer."""
        number = len(self.layers)
        counts = {"added": 0, "changed": 0, "removed": 0, "size_bytes": 0, "entries": 0}
        changes: list[tuple[bytes, str, int]] = []
        self.changes.append(changes)
        self._gone.clear()
        for entry in reader:
            path = clean(entry.name)
            if not path:
                continue
            counts["entries"] += 1
            head, _, name = path.rpartition(b"/")
            if name == OPAQUE:
                counts["removed"] += self._clear(head, number)
            elif name.startswith(WHITEOUT):
                hidden = head + b"/" + name[4:] if head else name[4:]
                removed, size = self._remove(hidden)
                counts["removed"] += removed
                if self._lists:
                    changes.append((hidden, "D", size))
            else:
                is_directory = entry.type == tar_entry.DIRECTORY
                size = entry.size if entry.type == tar_entry.REGULAR else 0
                known = self.tree.get(path)
                if known is None:
                    counts["added"] += 1
                elif not (is_directory and known[2]):
                    counts["changed"] += 1
                counts["size_bytes"] += size
                if self._lists and not is_directory:
                    changes.append((path, "A" if known is None else "C", size))
                if known is not None and known[2] and not is_directory:
                    self._clear(path, number)
                self._put(path, (number, size, is_directory))
                self._note(path, number, entry)
                if not is_directory:
                    self._paths.setdefault(path, _Path()).add(size)
        reader.drain()
        for path in self._gone:
            # what the layer itself has put back was written twice, not removed
            if path not in self.tree:
                self._paths.setdefault(path, _Path()).add(0)
        self.layers.append(counts)

    def _note(self, path: bytes, number: int, entry: Entry) -> None:
        """Keep what `owner` asks for: where a link leads, and who made a directory."""
        self._links.pop(path, None)
        if entry.type == tar_entry.SYMLINK:
            self._links[path] = entry.linkname
        if entry.type != tar_entry.DIRECTORY:
            self._made.pop(path, None)
            return
        about = entry.uid, entry.gid, entry.mode
        before = self._made.get(path)
        # a layer names each directory in which it changes something: that alone makes it nobody's
        if before is None or before[1] != about:
            self._made[path] = number, about

    def _put(self, path: bytes, node: tuple[int, int, bool]) -> None:
        if path not in self.tree:
            self._children.setdefault(path.rpartition(b"/")[0], set()).add(path)
        self.tree[path] = node

    def _take(self, path: bytes) -> int:
        """Take a path out of the tree, but not what is below it; return its bytes."""
        self._children[path.rpartition(b"/")[0]].discard(path)
        self._made.pop(path, None)
        _, size, is_directory = self.tree.pop(path)
        if not is_directory:
            self._gone.add(path)
        return size

    def _below(self, path: bytes) -> list[bytes]:
        """Return all that lies below a path, deepest last."""
        found: list[bytes] = []
        pending = [path]
        while pending:
            inner = self._children.get(pending.pop(), ())
            found += inner
            pending += inner
        return found

    def _remove(self, hidden: bytes) -> tuple[int, int]:
        """Take a path away with all below; return how many paths that were, and their bytes."""
        if hidden not in self.tree:
            return 0, 0
        gone = [*self._below(hidden), hidden]
        return len(gone), sum(map(self._take, gone))

    def _clear(self, head: bytes, number: int) -> int:
        """Take away what lower layers have in a directory that is made anew."""
        below = self._below(head)
        gone = [one for one in below if self.tree[one][0] != number]
        for one in gone:
            self._take(one)
        for one in below:
            if one in self._made:
                self._made[one] = number, self._made[one][1]
        return len(gone)

    def result(self) -> dict[str, Any]:
        """Return what was found: layers, efficiency, wasted bytes, and where they are."""
        least = sum(one.least for one in self._paths.values())
        total = sum(one.total for one in self._paths.values())
        twice = [(path, one) for path, one in self._paths.items() if one.times > 1]
        twice.sort(key=lambda pair: (-pair[1].total, pair[0]))
        owners = [0] * len(self.layers)
        for number, size, _ in self.tree.values():
            owners[number] += size
        for layer, kept in zip(self.layers, owners, strict=True):
            layer["kept_bytes"] = kept
        return {
            "layers": self.layers,
            "efficiency": least / total if total else 1.0,
            "wasted_bytes": sum(one.total for _, one in twice),
            "wasted": [
                {"path": _text(path), "size_bytes": one.total, "times": one.times}
                for path, one in twice[:_WASTED]
            ],
            "files": len(self.tree),
        }

    def owner(self, path: str) -> int:
        """Return the number of the layer that a path is of in the end, -1 if it is not there.

        Links on the way to it are followed, as the kernel does within a container; it may be one itself.
        """
        place = self._place(path.encode("utf-8", "surrogateescape"))
        if place == b"":
            return 0 if self.layers else -1
        known = self.tree.get(place) if place is not None else None
        if place is None or known is None:
            return -1
        return self._made[place][0] if known[2] and place in self._made else known[0]

    def _place(self, path: bytes) -> bytes | None:
        """Return where a path leads, None if its links go round in a circle."""
        place, links = b"", 0
        left = [part for part in path.split(b"/") if part not in (b"", b".")]
        while left:
            part = left.pop(0)
            if part == b"..":
                place = place.rpartition(b"/")[0]
                continue
            place = b"/".join(filter(None, (place, part)))
            target = self._links.get(place) if left and place in self.tree else None
            if target is None:
                continue
            links += 1
            if links > _LINKS:
                return None
            place = b"" if target.startswith(b"/") else place.rpartition(b"/")[0]
            left = [one for one in target.split(b"/") if one not in (b"", b".")] + left
        return place


def explore(
    layout: Layout, fds: list[int], *, layers: list[str], path: str = "", tree: bool = False
) -> dict[str, Any]:
    """Read the layers (blob digests, lowest first) of an image; with `path` also tell whose it is, with
    `tree` also each layer's files, the biggest of them.

    Raises: NotFound, Corrupt, DigestMismatch.
    """
    explorer, options = Explorer(lists=tree), UnpackOptions()
    for digest in layers:
        with Blobs(layout).open(Digest.parse(digest)) as blob:
            stream = uncompressed(blob.read, options)
            explorer.read(TarReader(stream.read))
    found = explorer.result()
    if tree:
        for layer, changes in zip(found["layers"], explorer.changes, strict=True):
            changes.sort(key=lambda change: (-change[2], change[0]))
            layer["paths"] = len(changes)
            layer["tree"] = [[_text(p), kind, size] for p, kind, size in changes[:_LISTED]]
    return {**found, "owner": explorer.owner(path)} if path else found


def _text(path: bytes) -> str:
    return "/" + path.decode("utf-8", "backslashreplace")
