"""Mounts: the table of /proc/PID/mountinfo, and detached mounts made through descriptors.

A detached mount (fsopen, fsconfig, fsmount; or open_tree) is seen by nobody until it is attached, and
goes when its last descriptor does: what fails half-way leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

from . import syscalls

# Linux copies at most this much of a value (fsconfig(2), strndup_user with 256).
_LONGEST_VALUE = 255


class MountEntry(NamedTuple):
    """One line of mountinfo (proc_pid_mountinfo(5)); paths as they are, not escaped."""

    mount_id: int
    parent_id: int
    device: str
    root: str
    target: str
    options: tuple[str, ...]
    propagation: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]


def parse(text: str) -> list[MountEntry]:
    """Return the entries of a mountinfo text, in its order (a later one covers an earlier one)."""
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        separator = fields.index("-", 6)
        fstype, source, super_options = (*fields[separator + 1 :], "", "", "")[:3]
        found.append(
            MountEntry(
                mount_id=int(fields[0]),
                parent_id=int(fields[1]),
                device=fields[2],
                root=_plain(fields[3]),
                target=_plain(fields[4]),
                options=tuple(fields[5].split(",")),
                propagation=tuple(fields[6:separator]),
                fstype=fstype,
                source=_plain(source),
                super_options=tuple(super_options.split(",")),
            )
        )
    return found


def table(pid: int | str = "self") -> list[MountEntry]:
    """Return the mounts that a process sees."""
    with open(f"/proc/{pid}/mountinfo", errors="surrogateescape") as file:
        return parse(file.read())


def holding(path: str, entries: list[MountEntry]) -> MountEntry | None:
    """Return the mount that holds an absolute, resolved path."""
    best: MountEntry | None = None
    for entry in entries:
        target = entry.target
        inside = path == target or path.startswith(target if target == "/" else target + "/")
        if inside and (best is None or len(target) >= len(best.target)):
            best = entry
    return best


def _plain(field: str) -> str:
    if "\\" not in field:
        return field
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("043", "#")):
        field = field.replace("\\" + code, character)
    return field.replace("\\134", "\\")


def make_private() -> None:
    """Keep every mount of this mount namespace from spreading to others; the first thing to do in it."""
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)


def detached(fstype: str, options: dict[str, str], attributes: int = 0) -> int:
    """Return a detached mount of a new filesystem; an option with the value "" is a flag."""
    fs = syscalls.fsopen(fstype)
    try:
        for key, value in options.items():
            if value:
                syscalls.fsconfig_string(fs, key, value)
            else:
                syscalls.fsconfig_flag(fs, key)
        syscalls.fsconfig_create(fs)
        return syscalls.fsmount(fs, attributes=attributes)
    finally:
        os.close(fs)


def clone(path: str, *, recursive: bool = False, dirfd: int = syscalls.AT_FDCWD) -> int:
    """Return a detached bind mount of `path` ("" = the descriptor `dirfd` itself)."""
    flags = syscalls.OPEN_TREE_CLONE
    if recursive:
        flags |= syscalls.AT_RECURSIVE
    if not path:
        flags |= syscalls.AT_EMPTY_PATH
    return syscalls.open_tree(dirfd, path, flags)


def idmapped(path: str, userns_fd: int, *, dirfd: int = syscalls.AT_FDCWD) -> int:
    """Return a detached bind mount of `path` whose owners are shifted by a user namespace's map.

    Raises: OSError EINVAL where the filesystem knows no idmapped mounts, EPERM where the caller lacks
    CAP_SYS_ADMIN over the filesystem.  See: mount_setattr(2).
    """
    fd = clone(path, dirfd=dirfd)
    try:
        syscalls.mount_setattr(
            fd,
            "",
            syscalls.AT_EMPTY_PATH,
            attr_set=syscalls.MOUNT_ATTR_IDMAP,
            userns_fd=userns_fd,
        )
    except OSError:
        os.close(fd)
        raise
    return fd


def attach(fd: int, target: str, *, dirfd: int = syscalls.AT_FDCWD) -> None:
    """Put a detached mount at `target` ("" = onto the descriptor `dirfd`, whatever its path is now)."""
    flags = syscalls.MOVE_MOUNT_F_EMPTY_PATH
    if not target:
        flags |= syscalls.MOVE_MOUNT_T_EMPTY_PATH
    syscalls.move_mount(fd, "", dirfd, target, flags)


def overlay(
    lowers: list[str],
    upper: str = "",
    work: str = "",
    *,
    userxattr: bool = False,
    attributes: int = 0,
) -> int:
    """Return a detached overlay; `lowers` lie topmost first, without `upper` it is read-only.

    A layer that is a descriptor is given as /proc/self/fd/N.  Paths may be of any length and hold any
    character: what Linux would misread is passed through a descriptor.
    """
    held: list[int] = []
    try:
        lowers = [_plain_path(path, held) for path in lowers]
        upper, work = _plain_path(upper, held), _plain_path(work, held)
        rest = {"upperdir": upper, "workdir": work} if upper else {}
        if not userxattr:
            # whatever Linux was built with: a renamed directory is copied and metadata stays with its
            # data, so that the upper directory alone says what changed (userxattr implies both)
            rest |= {"redirect_dir": "nofollow", "metacopy": "off"}
        flags = ["userxattr"] if userxattr else []
        try:
            return _overlay(lowers, rest, flags, attributes)
        except OSError as error:
            # Before Linux 6.7 there is no lowerdir+, only all of them in one value.
            if error.errno != errno.EINVAL:
                raise
        return _overlay_joined(lowers, rest, flags, attributes)
    finally:
        for fd in held:
            os.close(fd)


def _plain_path(path: str, held: list[int]) -> str:
    # A colon separates layers, a comma options (before Linux 6.5); which values are unescaped differs.
    special = ":" in path or "," in path or "\\" in path
    if len(os.fsencode(path)) <= _LONGEST_VALUE and not special:
        return path
    held.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{held[-1]}"


def _overlay(lowers: list[str], rest: dict[str, str], flags: list[str], attributes: int) -> int:
    fs = syscalls.fsopen("overlay")
    try:
        for lower in lowers:
            syscalls.fsconfig_string(fs, "lowerdir+", lower)
        return _finish(fs, rest, flags, attributes)
    finally:
        os.close(fs)


def _overlay_joined(
    lowers: list[str], rest: dict[str, str], flags: list[str], attributes: int
) -> int:
    held: list[int] = []
    fs = syscalls.fsopen("overlay")
    try:
        joined = ":".join(lowers)
        if len(os.fsencode(joined)) > _LONGEST_VALUE:
            # "N:N:…" relative to the directory of our descriptors is as short as it can be.
            for path in lowers:
                held.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
            joined = ":".join(str(fd) for fd in held)
            return _from_descriptors(fs, joined, rest, flags, attributes)
        syscalls.fsconfig_string(fs, "lowerdir", joined)
        return _finish(fs, rest, flags, attributes)
    finally:
        os.close(fs)
        for fd in held:
            os.close(fd)


def _from_descriptors(
    fs: int, joined: str, rest: dict[str, str], flags: list[str], attributes: int
) -> int:
    before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir("/proc/self/fd")
        syscalls.fsconfig_string(fs, "lowerdir", joined)
        return _finish(fs, rest, flags, attributes)
    finally:
        os.fchdir(before)
        os.close(before)


def _finish(fs: int, rest: dict[str, str], flags: list[str], attributes: int) -> int:
    for key, value in rest.items():
        syscalls.fsconfig_string(fs, key, value)
    for flag in flags:
        syscalls.fsconfig_flag(fs, flag)
    syscalls.fsconfig_create(fs)
    return syscalls.fsmount(fs, attributes=attributes)
