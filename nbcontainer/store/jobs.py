"""What a worker can be asked to do: file work that needs the store's user namespace.

A job is a function of the layout, of descriptors (most need none) and of plain JSON values; it returns
plain JSON.  It fails with an EngineError and then leaves the store as it was.  Paths of the host never cross
this border: a job is given ids, digests and names, and finds the places itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..errors import Corrupt, EngineError, InvalidArgument
from .behind import Behind
from .blobs import Blobs
from .changes import Change, copy_changes, overlay_changes
from .copies import container_in, container_out, container_stat, host_in, host_out
from .copying import copy_merged
from .explore import explore
from .files import Lock, no_space, write_all
from .layer_write import write_layer, write_tree
from .layout import Layout
from .measure import container_size, tree_size
from .merged import Merged
from .recent import recent
from .snapshots import Snapshot, snapshotter
from .tree import open_directory
from .tree import remove_tree as remove_files
from .unpack_options import UnpackOptions
from .unpacking import settle_layer, unpack_layer


def remove_tree(layout: Layout, fds: list[int], *, names: list[str]) -> dict[str, Any]:
    """Remove entries of the store's tmp/, which is where doomed trees are renamed to.  Idempotent."""
    if any("/" in name or name in ("", ".", "..") for name in names):
        raise InvalidArgument("only entries of tmp/ can be removed")
    tmp = open_directory(layout.tmp)
    try:
        for name in names:
            remove_files(tmp, name)
    finally:
        os.close(tmp)
    return {"removed": len(names)}


class _Files:
    """The directories of one container's snapshot, open for the length of a job."""

    def __init__(
        self, layout: Layout, container: str, layers: list[str], backend: str, userxattr: bool
    ) -> None:
        self.snapshot: Snapshot = snapshotter(layout, backend).get(container, tuple(layers))
        self.opaque_xattr = UnpackOptions(userxattr=userxattr).opaque_xattr()
        self.layers = layers
        self.own = -1
        self.lowers: list[int] = []

    def __enter__(self) -> _Files:
        try:
            for path in self.snapshot.lowers:
                self.lowers.append(open_directory(path))
        except FileNotFoundError as error:
            # an image without layers has an empty directory for its lowest, made at the first start
            if self.layers:
                self.__exit__()
                raise Corrupt(f"files of the image are missing: {error.filename}") from error
        try:
            self.own = open_directory(self.snapshot.root or self.snapshot.upper)
        except FileNotFoundError:
            self.own = -1  # it never ran
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (*self.lowers, self.own):
            if fd >= 0:
                os.close(fd)

    def levels(self) -> list[int]:
        """Return the directories that make up its tree, topmost first."""
        if self.own < 0:
            return self.lowers
        return [self.own] if self.snapshot.root else [self.own, *self.lowers]

    def changes(self, shift: int) -> list[Change]:
        if self.own < 0:
            return []
        if self.snapshot.root:
            lower = self.lowers[0] if self.lowers else None
            return copy_changes(self.own, lower, shift=shift)
        return overlay_changes(self.own, self.lowers, opaque_xattr=self.opaque_xattr, shift=shift)


def diff(
    layout: Layout,
    fds: list[int],
    *,
    container: str,
    layers: list[str],
    backend: str = "overlay",
    userxattr: bool = False,
    id_base: int = 0,
    since_ns: int = 0,
) -> Any:
    """Return [kind, "/path"] of all that the container changed, sorted; kind is A, C or D.

    `layers` are the chain ids of its image, lowest first.  With `since_ns`: `recent.recent` of it.
    """
    with _Files(layout, container, layers, backend, userxattr) as files:
        found = files.changes(id_base)
        if since_ns:
            return recent(files.own, files.lowers, found, since_ns, files.opaque_xattr)
    return [[kind, "/" + path.decode("utf-8", "backslashreplace")] for kind, path in found]


def commit_layer(
    layout: Layout,
    fds: list[int],
    *,
    container: str,
    layers: list[str],
    backend: str = "overlay",
    userxattr: bool = False,
    id_base: int = 0,
    id_mode: str = "root",
) -> dict[str, Any]:
    """Store the container's changes as an uncompressed layer blob, so its digest is its diff_id too.

    Without a change nothing is stored and `digest` is "".
    """
    with _Files(layout, container, layers, backend, userxattr) as files:
        found = files.changes(id_base)
        if not found:
            return {"digest": "", "diff_id": "", "size_bytes": 0, "file_bytes": 0, "changes": 0}
        with Blobs(layout).writer() as blob:
            with Behind(blob.write) as behind:
                single = id_mode == "single"
                file_bytes = write_layer(
                    found, files.own, behind.write, shift=id_base, owners=single
                )
            digest, size = blob.commit()
    return {
        "digest": digest,
        "diff_id": digest,
        "size_bytes": size,
        "file_bytes": file_bytes,
        "changes": len(found),
    }


def export(
    layout: Layout,
    fds: list[int],
    *,
    container: str,
    layers: list[str],
    backend: str = "overlay",
    userxattr: bool = False,
    id_base: int = 0,
    id_mode: str = "root",
) -> dict[str, Any]:
    """Write the container's whole tree as a tar to the descriptor `fds[0]`."""
    with _Files(layout, container, layers, backend, userxattr) as files:
        levels = files.levels()
        merged = Merged(levels, files.opaque_xattr)
        shifts = [id_base if level == files.own else 0 for level in levels]

        def write(data: memoryview) -> None:
            write_all(fds[0], data)

        try:
            with no_space("export the container"):
                size = write_tree(merged, write, shifts=shifts, owners=id_mode == "single")
        except BrokenPipeError as error:
            raise EngineError("export: the reader of the archive went away") from error
        finally:
            merged.close()
    return {"size_bytes": size}


def copy_up_volume(
    layout: Layout,
    fds: list[int],
    *,
    volume: str,
    target: str,
    layers: list[str],
    backend: str = "overlay",
    userxattr: bool = False,
    id_base: int = 0,
) -> dict[str, Any]:
    """Fill an empty named volume with what the image has at `target`, owner and mode included.

    A volume that holds anything is left alone.  Where the image lacks the target, the volume becomes the
    container's root's.  If the copy fails the volume is empty again.
    """
    if "/" in volume or volume in ("", ".", ".."):
        raise InvalidArgument(f"{volume!r} is no volume's name")
    paths = snapshotter(layout, backend).get("-", tuple(layers)).lowers if layers else ()
    opened: list[int] = []
    with Lock(layout.volume(volume)), no_space("copy the image's files into the volume"):
        try:
            into = open_directory(layout.volume(volume, "_data"))
            opened.append(into)
            if os.listdir(into):
                return {"copied": False}
            opened += [open_directory(path) for path in paths]
            merged = Merged(opened[1:], UnpackOptions(userxattr=userxattr).opaque_xattr())
            try:
                top = merged.find(os.fsencode(target)) if paths else None
                if top is None or not top.is_directory:
                    if id_base:
                        os.fchown(into, id_base, id_base)
                    return {"copied": False}
                copy_merged(merged, top, into, id_base)
            except BaseException:
                for name in os.listdir(into):
                    remove_files(into, name)
                raise
            finally:
                merged.close()
        finally:
            for fd in opened:
                os.close(fd)
    return {"copied": True}


def measure(
    layout: Layout,
    fds: list[int],
    *,
    containers: list[str] | None = None,
    volumes: list[str] | None = None,
    backend: str = "overlay",
) -> dict[str, Any]:
    """Return the bytes of each container (its own files, and all that it sees) and of each volume.

    What is gone by now has none.
    """
    names = (*(containers or ()), *(volumes or ()))
    if any("/" in name or name in ("", ".", "..") for name in names):
        raise InvalidArgument("only containers and volumes can be measured")
    found: dict[str, Any] = {n: container_size(layout, n, backend) for n in containers or ()}
    for name in volumes or ():
        found[name] = tree_size(layout.volume(name, "_data"))
    return found


JOBS: dict[str, Callable[..., Any]] = {
    job.__name__: job
    for job in (
        *(unpack_layer, remove_tree, diff, commit_layer, export, copy_up_volume, measure),
        *(container_stat, container_in, container_out, host_in, host_out, explore),
    )
}
# what is left to do, with what the job returned, when who asked has the answer; the store is right without it
AFTERWARDS: dict[str, Callable[[Layout, Any], None]] = {"unpack_layer": settle_layer}
