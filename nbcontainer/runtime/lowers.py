"""Layers as the foreman keeps them: cloned and mapped to containers' ids once, for many containers.

A mapped clone belongs to no user namespace but takes its map from one, and all containers of a store have
the same map.  To let go of a clone makes Linux wait for all readers of the mount table, which is spared
too.  A layer that was removed and unpacked anew is another directory, and is cloned anew.
"""

from __future__ import annotations

import os

from ..linux import syscalls

_MOST = 256


class Lowers:
    """The clones of one process that lives long."""

    def __init__(self) -> None:
        self._clones: dict[str, int] = {}

    def get(self, path: str, user_fd: int) -> int:
        """Return the clone of a layer's files, mapped as in the user namespace `user_fd`.

        It stays ours: the caller does not close it.  Raises: OSError.
        """
        descriptor = self._clones.get(path, -1)
        if descriptor >= 0:
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
            self.forget(path)
        if len(self._clones) >= _MOST:
            self.forget(next(iter(self._clones)))
        descriptor = clone(path, user_fd)
        self._clones[path] = descriptor
        return descriptor

    def forget(self, path: str) -> None:
        """Let go of one; its containers keep theirs."""
        os.close(self._clones.pop(path))


def clone(path: str, user_fd: int) -> int:
    """Return a detached clone of a directory, mapped as in the user namespace `user_fd`."""
    descriptor = syscalls.open_tree(syscalls.AT_FDCWD, path, syscalls.OPEN_TREE_CLONE)
    try:
        flags = syscalls.AT_EMPTY_PATH
        syscalls.mount_setattr(descriptor, "", flags, syscalls.MOUNT_ATTR_IDMAP, 0, 0, user_fd)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
