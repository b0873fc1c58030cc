"""Read a stack of layers as the one tree that an overlay would show, without mounting it.

`levels` are directories, topmost first.  A path that names nothing in an upper one is looked for
below; a whiteout, a file or an opaque directory ends the search.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from .tree import MAXIMUM_LINKS, Root, is_whiteout


class Node:
    """One thing in the joined tree: `levels` are those that show it, the first gives its attributes."""

    __slots__ = ("is_directory", "levels", "path")

    def __init__(self, path: bytes, is_directory: bool, levels: list[int]) -> None:
        self.path = path
        self.is_directory = is_directory
        self.levels = levels


class Merged:
    """The joined tree; `opaque_xattr` is the attribute that the overlay in question uses."""

    __slots__ = ("_opaque_xattr", "roots")

    def __init__(self, levels: list[int], opaque_xattr: str = "trusted.overlay.opaque") -> None:
        self.roots = [Root(fd) for fd in levels]
        self._opaque_xattr = opaque_xattr

    def close(self) -> None:
        """Forget the directories that were kept open; the levels stay the caller's."""
        for root in self.roots:
            root.forget()

    def root(self) -> Node:
        """Return the root directory."""
        return Node(b"", True, list(range(len(self.roots))))

    def is_opaque(self, level: int, path: bytes) -> bool:
        """Tell whether the directory hides what lies below it."""
        try:
            fd = self.roots[level].directory(path)[0]
            return os.getxattr(fd, self._opaque_xattr) == b"y"
        except OSError:
            return False

    def child(self, node: Node, name: bytes) -> Node | None:
        """Return what the directory `node` shows under `name`; never follows a link."""
        path = node.path + b"/" + name if node.path else name
        found: list[int] = []
        for level in node.levels:
            status = self._status(level, node.path, name)
            if status is None:
                continue
            if not stat.S_ISDIR(status.st_mode):
                if found or is_whiteout(status):
                    break
                return Node(path, False, [level])
            found.append(level)
            if level != node.levels[-1] and self.is_opaque(level, path):
                break
        return Node(path, True, found) if found else None

    def _status(self, level: int, directory: bytes, name: bytes) -> os.stat_result | None:
        try:
            fd = self.roots[level].directory(directory)[0]
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except OSError:
            return None

    def children(self, node: Node) -> list[Node]:
        """Return what the directory `node` shows, sorted by name."""
        found: dict[bytes, Node] = {}
        closed: set[bytes] = set()
        prefix = node.path + b"/" if node.path else b""
        last = node.levels[-1] if node.levels else -1
        for level in node.levels:
            fd = self.roots[level].directory(node.path)[0]
            with os.scandir(fd) as entries:
                listed = [(os.fsencode(entry.name), _kind(entry)) for entry in entries]
            for name, kind in listed:
                if name in closed:
                    continue
                there = found.get(name)
                if kind == "directory":
                    if there is None:
                        there = found[name] = Node(prefix + name, True, [])
                    there.levels.append(level)
                    if level != last and self.is_opaque(level, prefix + name):
                        closed.add(name)
                    continue
                closed.add(name)
                if there is None and kind != "whiteout":
                    found[name] = Node(prefix + name, False, [level])
        return [found[name] for name in sorted(found)]

    def walk(self, top: Node, closed: frozenset[bytes] = frozenset()) -> Iterator[Node]:
        """Yield `top` and all below it, a directory before what it holds, names in order.

        What is in the directories `closed` is left out.
        """
        pending = [top]
        while pending:
            node = pending.pop()
            yield node
            if node.is_directory and node.path not in closed:
                pending += reversed(self.children(node))

    def status(self, node: Node) -> os.stat_result:
        """Return the attributes of what `node` shows."""
        if not node.path:
            return os.fstat(self.roots[node.levels[0]].fd)
        fd, name = self.roots[node.levels[0]].parent(node.path)
        return os.stat(name, dir_fd=fd, follow_symlinks=False)

    def find(self, path: bytes) -> Node | None:
        """Return what `path` names with the joined tree as root directory; links are followed."""
        node, links = self.root(), 0
        pending = path.split(b"/")[::-1]
        while pending:
            name = pending.pop()
            if name in (b"", b"."):
                continue
            if not node.is_directory:
                return None
            if name == b"..":
                pending += node.path.split(b"/")[-2::-1]
                node = self.root()
                continue
            child = self.child(node, name)
            if child is None:
                return None
            if child.is_directory or not stat.S_ISLNK(self.status(child).st_mode):
                node = child
                continue
            links += 1
            if links > MAXIMUM_LINKS:
                return None
            fd, last = self.roots[child.levels[0]].parent(child.path)
            target = os.readlink(last, dir_fd=fd)
            pending += target.split(b"/")[::-1]
            if target.startswith(b"/"):
                node = self.root()
        return node


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    if entry.is_symlink() or entry.is_file(follow_symlinks=False):
        return "file"
    return "whiteout" if is_whiteout(entry.stat(follow_symlinks=False)) else "file"
