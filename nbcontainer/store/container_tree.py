"""A container's files as its programs see them, opened from outside.

    it runs     the root directory of its first process, with all that is mounted there
    it does not its own files over the image's, joined by an overlay that no namespace sees

Afterwards this process is in the container's user namespace: numbers of owners are the container's own,
and it has no more rights over the host's files than the container has.  For a process that ends soon.
"""

from __future__ import annotations

import os
from typing import Any

from ..errors import NotFound, WrongStatus
from ..linux import mounts, namespaces, process, syscalls
from .layout import Layout
from .snapshots import snapshotter


def open_running(pid: int, start: int) -> int:
    """Return the root directory of a container's first process, and enter its user namespace.

    Raises: WrongStatus if it has ended.
    """
    gone = WrongStatus("the container has just ended", "Try again.")
    try:
        pidfd = syscalls.pidfd_open(pid)
    except ProcessLookupError:
        raise gone from None
    try:
        # the pidfd is held: from here on the number cannot come to mean another
        if not process.is_same_process(pid, start):
            raise gone
        try:
            root = os.open(f"/proc/{pid}/root", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise gone from None
        if namespaces.inode(pid, "user") != namespaces.inode("self", "user"):
            namespaces.enter(pidfd, "user")
            _be_its_root()
        return root
    finally:
        os.close(pidfd)


def open_stopped(
    layout: Layout, container: str, layers: list[str], about: dict[str, Any], within: str = ""
) -> int:
    """Return the root directory of a container that does not run; `within`: the directory of a mount of it.

    `about`: backend, userxattr, id_base (0: owners are as the image has them), id_count.

    Raises: NotFound (a layer, a volume), NoSpace.
    """
    base, count = about["id_base"], about["id_count"]
    id_map = ((0, base, count),)
    user = namespaces.hold_user_namespace(id_map, id_map) if base else -1
    try:
        if within:
            root = _shifted(within, user)
        else:
            root = _joined(layout, container, layers, about, user)
        if user >= 0:
            syscalls.setns(user, syscalls.CLONE_NEWUSER)
            _be_its_root()
        return root
    except FileNotFoundError as error:
        raise NotFound(f"files of the container are missing: {error.filename}") from None
    finally:
        if user >= 0:
            os.close(user)


def _be_its_root() -> None:
    """Become root of the user namespace: who enters one keeps ids that are nobody's there."""
    try:
        os.setgroups([])
    except PermissionError:
        pass  # with a single id groups cannot be given up
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _shifted(path: str, user: int) -> int:
    """Open a directory so that its owners are the container's, where Linux can."""
    if user >= 0:
        try:
            return mounts.idmapped(path, user)
        except OSError:
            pass  # as a start would show it: with the host's own ids
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _joined(
    layout: Layout, container: str, layers: list[str], about: dict[str, Any], user: int
) -> int:
    backend = snapshotter(layout, about["backend"], about["id_base"])
    snapshot = backend.prepare(container, tuple(layers))
    if snapshot.root:
        return os.open(snapshot.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    points = f"{layout.init_layer}/fs"
    lowers = ([points] if os.path.isdir(points) else []) + list(snapshot.lowers)
    held: list[int] = []
    try:
        for path in lowers:
            held.append(
                mounts.idmapped(path, user)
                if user >= 0
                else os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            )
        return mounts.overlay(
            [f"/proc/self/fd/{fd}" for fd in held],
            snapshot.upper,
            snapshot.work,
            userxattr=about["userxattr"],
            attributes=syscalls.MOUNT_ATTR_NODEV,
        )
    finally:
        for fd in held:
            os.close(fd)
