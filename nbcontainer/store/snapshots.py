"""Give a container its file tree: what to mount over what, or a copy.  Mounts nothing.

Overlay keeps a layer as its own files and whiteouts and leaves the joining to Linux.  Copy, for
stores where Linux refuses an overlay, keeps each layer joined with those below it (files that did not
change are hard links) and gives every container its own copy, by reflink where the filesystem can.

Under `layers/` files carry the image's ids; a container's own files carry `id_base` plus those.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Protocol

from ..errors import NotFound, StateUnreadable
from ..linux import process
from ..values import value
from .files import no_space, read_json
from .layout import Layout

# in a layer that is not on the disk yet: a link whose target is the boot it was unpacked in
UNSYNCED = "unsynced"


@value
class Snapshot:
    """A container's tree: either an overlay of `lowers` (topmost first), `upper` and `work`, or `root`.

    All are absolute paths; an overlay that may only be read uses `lowers` alone.
    """

    lowers: tuple[str, ...] = ()
    upper: str = ""
    work: str = ""
    root: str = ""


class Snapshotter(Protocol):
    """What every backend does; one test suite judges them all."""

    name: str

    def prepare(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        """Make what the container needs to write its files; idempotent.

        A copy that was cut short is made anew.  Raises: NotFound for a missing layer, NoSpace.
        """
        ...

    def get(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        """Return the paths that `prepare` returned, without a look at the disk."""
        ...


def snapshotter(layout: Layout, name: str, id_base: int = 0) -> Snapshotter:
    """Return the backend that `HostFeatures.snapshotter` names."""
    return Copy(layout, id_base) if name == "copy" else Overlay(layout, id_base)


def layer_files(layout: Layout, chain_id: str) -> str:
    """Return the directory of a layer's files."""
    return f"{layout.layer(chain_id)}/fs"


def is_unpacked(layout: Layout, chain_id: str, backend: str) -> bool:
    """Tell whether a layer is there, complete and in the form that this backend needs.

    One that the machine went down on before it was on the disk is none: it is unpacked anew.
    """
    place = layout.layer(chain_id)
    try:
        found = read_json(f"{place}/layer.json")
    except (FileNotFoundError, NotADirectoryError, StateUnreadable):
        return False
    if not isinstance(found, dict) or found.get("backend") != backend:
        return False
    try:
        return os.readlink(f"{place}/{UNSYNCED}") == process.boot_id()
    except FileNotFoundError:
        return True


class Overlay:
    """The backend for Linux's overlay filesystem."""

    name = "overlay"

    def __init__(self, layout: Layout, id_base: int = 0) -> None:
        self._layout = layout
        self._id_base = id_base

    def get(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        base = self._layout.container(container_id)
        lowers = tuple(layer_files(self._layout, chain_id) for chain_id in reversed(chain_ids))
        # An overlay needs a lower directory, and an image may have no layer.
        return Snapshot(lowers or (f"{base}/empty",), f"{base}/upper", f"{base}/work")

    def prepare(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        found = self.get(container_id, chain_ids)
        with no_space("make the container's directories"):
            if not chain_ids:
                _mkdir(found.lowers[0], 0o755)
            if not _mkdir(found.work, 0o700) and os.path.isdir(found.upper):
                return found
            try:
                root = os.stat(found.lowers[0])
            except FileNotFoundError:
                os.rmdir(found.work)
                raise NotFound(
                    "a layer of the image is missing", "Remove and fetch the image."
                ) from None
            # The upper directory's attributes are what the container sees on "/": it has them before
            # it has its name, so that a start which is killed here is taken up by the next.
            made, base = f"{found.upper}.new", self._id_base
            _mkdir(made, 0o700)
            if base:
                os.chown(made, base + root.st_uid, base + root.st_gid)
                os.chown(found.work, base, base)
            os.chmod(made, stat.S_IMODE(root.st_mode))
            os.utime(made, ns=(root.st_mtime_ns, root.st_mtime_ns))
            os.rename(made, found.upper)
        return found


class Copy:
    """The backend that needs nothing of Linux."""

    name = "copy"

    def __init__(self, layout: Layout, id_base: int = 0) -> None:
        self._layout = layout
        self._id_base = id_base

    def get(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        base = self._layout.container(container_id)
        lowers = (layer_files(self._layout, chain_ids[-1]),) if chain_ids else ()
        return Snapshot(lowers, root=f"{base}/rootfs")

    def prepare(self, container_id: str, chain_ids: tuple[str, ...]) -> Snapshot:
        found = self.get(container_id, chain_ids)
        if os.path.isdir(found.root):
            return found
        # not at the top: shims make overlays, and need none of this
        from .tree import make_apart, open_directory, remove_tree

        base = open_directory(self._layout.container(container_id))
        try:
            with no_space("copy the image for the container"):
                remove_tree(base, "rootfs.new")
                target = make_apart("rootfs.new", base)
                try:
                    self._fill(target, found)
                    os.rename("rootfs.new", "rootfs", src_dir_fd=base, dst_dir_fd=base)
                except BaseException:
                    remove_tree(base, "rootfs.new")
                    raise
        finally:
            os.close(base)
        return found

    def _fill(self, target: int, found: Snapshot) -> None:
        """Copy the image into the open directory, and close it."""
        from .attributes import copy_attributes
        from .copying import copy_tree
        from .tree import open_directory

        source = -1
        try:
            if not found.lowers:
                os.fchown(target, self._id_base, self._id_base)
                self._lay_mount_points(target)
                return
            try:
                source = open_directory(found.lowers[0])
            except FileNotFoundError:
                raise NotFound(
                    "a layer of the image is missing", "Remove and fetch the image."
                ) from None
            copy_tree(source, target, shift=self._id_base)
            copy_attributes(source, target, self._id_base)
            self._lay_mount_points(target)
            times = os.fstat(source)
            os.utime(target, ns=(times.st_mtime_ns, times.st_mtime_ns))
        finally:
            for fd in (source, target):
                if fd >= 0:
                    os.close(fd)

    def _lay_mount_points(self, target: int) -> None:
        from .copying import lay_over
        from .tree import open_directory

        try:
            points = open_directory(f"{self._layout.init_layer}/fs")
        except FileNotFoundError:
            return
        try:
            lay_over(points, target, shift=self._id_base)
        finally:
            os.close(points)


def _mkdir(path: str, mode: int) -> bool:
    try:
        os.mkdir(path, mode)
        return True
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        return False
