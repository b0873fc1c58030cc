"""The jobs of `cp`: one at each end of a pipe that carries a tar.

    host_out --tar--> container_in         container_out --tar--> host_in

The container's end works with the container's rights alone; the host's end with those of whoever asked.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from ..errors import NotFound
from ..linux import mounts
from ..spec.copy_rules import kind_of
from ..spec.digest import Digest
from .behind import Behind
from .container_tree import open_running, open_stopped
from .files import write_all
from .layer_write import LayerWriter
from .layout import Layout
from .merged import Merged, Node
from .placing import Owners, place
from .tree import MAXIMUM_LINKS, Root, shown

_MADE_UP = ("proc", "sysfs", "cgroup", "cgroup2")
_SCRATCH = ("tmpfs", "devtmpfs", "devpts", "mqueue")


def container_stat(
    layout: Layout, fds: list[int], *, tree: dict[str, Any], path: str, follow: bool = True
) -> dict[str, Any]:
    """Tell what is at a container's path: kind ("" for nothing), the path without links, see `_look`."""
    root = Root(_open(layout, tree), follow=True)
    try:
        return _look(root, os.fsencode(path), follow)
    finally:
        root.forget()


def container_out(
    layout: Layout,
    fds: list[int],
    *,
    tree: dict[str, Any],
    path: str,
    name: str,
    follow: bool = False,
    owners: bool = False,
) -> dict[str, Any]:
    """Write what is at a container's path as a tar to `fds[0]`, its first part called `name`.

    Raises: NotFound.
    """
    mounted = mounts.table(tree["pid"]) if tree.get("pid") else []
    top = _open(layout, tree)
    root = Root(top, follow=True)
    try:
        found = _look(root, os.fsencode(path), follow)
        if not found["kind"]:
            raise NotFound(f"Could not find the file {path} in container {tree['shown']}")
        true = os.fsencode(found["path"])
        for mount in mounted:
            if mount.fstype in _MADE_UP and true.startswith(os.fsencode(mount.target[1:]) + b"/"):
                raise NotFound(
                    f"Could not find the file {path} in container {tree['shown']}",
                    f"Linux makes it up as it is read: exec {tree['shown']} cat {path}",
                )
        closed = _made_up(mounted, true)
        return _write(top, true, os.fsencode(name), fds[0], owners=owners, closed=closed)
    finally:
        root.forget()


def container_in(
    layout: Layout,
    fds: list[int],
    *,
    tree: dict[str, Any],
    path: str,
    name: str,
    owners: str = Owners.ROOT,
) -> dict[str, Any]:
    """Put the tar that `fds[0]` gives into a directory of a container; its first part becomes `name`.

    "*" as name keeps the tar's own names.  Raises: NotFound, InvalidArgument, Corrupt, NoSpace.
    """
    root = Root(_open(layout, tree), follow=True)
    try:
        try:
            into = os.dup(root.directory(_relative(os.fsencode(path)))[0])
        except OSError:
            raise NotFound(f"Could not find the file {path} in container {tree['shown']}") from None
    finally:
        root.forget()
    return _place(fds[0], into, name, owners)


def host_out(
    layout: Layout, fds: list[int], *, path: str, name: str, owners: bool = False
) -> dict[str, Any]:
    """Write what `path` names in the directory `fds[1]` as a tar to `fds[0]`, its first part called `name`.

    Without `owners` all belongs to root.
    """
    return _write(fds[1], os.fsencode(path), os.fsencode(name), fds[0], keeps=owners)


def host_in(
    layout: Layout, fds: list[int], *, name: str, owners: str = Owners.OWN
) -> dict[str, Any]:
    """Put the tar that `fds[0]` gives into the directory `fds[1]`; its first part becomes `name`."""
    return _place(fds[0], os.dup(fds[1]), name, owners)


def _open(layout: Layout, tree: dict[str, Any]) -> int:
    if tree.get("pid"):
        return open_running(tree["pid"], tree["pid_start"])
    for layer in tree["layers"]:
        Digest.parse(layer)
    within = str(tree.get("bind", ""))
    if volume := str(tree.get("volume", "")):
        within = layout.volume(volume, "_data")
    found = open_stopped(layout, tree["container"], tree["layers"], tree, within)
    try:
        # what was mounted just now can only be passed through: its own names are asked for, too
        return os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=found)
    finally:
        os.close(found)


def _made_up(mounted: list[mounts.MountEntry], path: bytes) -> frozenset[bytes]:
    """Return the directories below `path` whose content Linux makes up while the container runs.

    As with Docker they are copied empty; scratch space is copied if it is asked for by name.
    """
    found = {os.fsencode(m.target.lstrip("/")) for m in mounted if m.fstype in _SCRATCH} - {path}
    return frozenset(
        found | {os.fsencode(m.target.lstrip("/")) for m in mounted if m.fstype in _MADE_UP}
    )


def _relative(path: bytes) -> bytes:
    return b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))


def _look(root: Root, path: bytes, follow: bool) -> dict[str, Any]:
    """Return kind and true path of what `path` names; links before the last part are followed.

    "link" tells whether the last part is one that was followed, to a thing or to nothing.
    """
    path, is_link = _relative(path), False
    for _ in range(MAXIMUM_LINKS):
        try:
            if not path or path.endswith(b".."):
                true = root.directory(path)[1]
                return {"kind": "directory", "path": os.fsdecode(true), "link": is_link}
            head, _, name = path.rpartition(b"/")
            parent, real = root.directory(head)
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode) and follow:
                target = os.readlink(name, dir_fd=parent)
                base = b"" if target.startswith(b"/") else real + b"/"
                path, is_link = _relative(base + target), True
                continue
        except OSError:
            return {"kind": "", "path": os.fsdecode(path), "link": is_link}
        true = real + b"/" + name if real else name
        return {"kind": kind_of(status.st_mode), "path": os.fsdecode(true), "link": is_link}
    return {"kind": "", "path": os.fsdecode(path), "link": is_link}


def _write(
    top: int,
    path: bytes,
    name: bytes,
    to: int,
    *,
    owners: bool = False,
    keeps: bool = True,
    closed: frozenset[bytes] = frozenset(),
) -> dict[str, Any]:
    merged = Merged([top])

    def write(data: memoryview) -> None:
        write_all(to, data)

    try:
        node = _node(merged, path)
        with Behind(write) as behind:
            writer = LayerWriter(behind.write, 0, owners, rename=(path, name), root_owned=not keeps)
            for one in merged.walk(node, closed):
                if one.path:  # the root is made where it goes
                    writer.add(merged.roots[0], one.path)
            size = writer.finish()
    except BrokenPipeError:
        return {"size_bytes": 0}  # the other end says why it left
    finally:
        merged.close()
    return {"size_bytes": size, "file_bytes": writer.file_bytes}


def _node(merged: Merged, path: bytes) -> Node:
    node = merged.root()
    for part in filter(None, path.split(b"/")):
        child = merged.child(node, part)
        if child is None:
            raise NotFound(f"{shown(path)}: no such file or directory")
        node = child
    return node


def _place(source: int, into: int, name: str, owners: str) -> dict[str, Any]:
    try:
        entries, size = place(
            lambda count: os.read(source, count), into, name=os.fsencode(name), owners=owners
        )
    finally:
        os.close(into)
    return {"entries": entries, "size_bytes": size}
