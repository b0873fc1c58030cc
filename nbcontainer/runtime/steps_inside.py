"""The steps that init carries out in its new namespaces, with all capabilities over them alone.

stage: the kernel's own file systems are mounted and masked in a tmpfs that no image can reach.
assemble: the rootfs comes in by descriptor and everything goes onto it by descriptor, so that no link
or race in the image can lead a mount elsewhere (CVE-2021-30465, CVE-2025-31133, CVE-2025-52565).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from ..linux import capabilities as caps
from ..linux import process, syscalls
from . import steps_inside_network as network

_MOUNT_FLAGS = {
    "ro": syscalls.MS_RDONLY,
    "nosuid": syscalls.MS_NOSUID,
    "nodev": syscalls.MS_NODEV,
    "noexec": syscalls.MS_NOEXEC,
    "strictatime": 1 << 24,
    "noatime": syscalls.MS_NOATIME,
    "relatime": syscalls.MS_RELATIME,
    "rw": 0,
    "suid": 0,
    "dev": 0,
    "exec": 0,
}
_IN_ROOT = syscalls.RESOLVE_IN_ROOT | syscalls.RESOLVE_NO_MAGICLINKS


class Inside:
    """What init holds while it builds: the stage's path, the rootfs and what is to be mounted."""

    __slots__ = ("handed", "root_fd", "rootfs_fd", "source_fds", "stage", "stage_fd")

    def __init__(self, stage_fd: int) -> None:
        self.stage_fd = stage_fd
        self.stage = ""
        self.rootfs_fd = -1
        self.source_fds: tuple[int, ...] = ()
        self.root_fd = -1
        self.handed: list[int] = []

    def staged(self, target: str) -> str:
        """Return where `target` of the container lies while it is being built."""
        return self.stage + target

    def let_go(self) -> None:
        """Close what the shim has by now."""
        for descriptor in self.handed:
            os.close(descriptor)
        self.handed = []


def flags_of(options: list[str]) -> int:
    """Return the MS_ bits of mount(8)'s words."""
    bits = 0
    for option in options:
        bits |= _MOUNT_FLAGS[option]
    return bits


def private_mounts(box: Inside, args: dict[str, Any]) -> None:
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)


def own_cgroup_view(box: Inside, args: dict[str, Any]) -> None:
    syscalls.unshare(syscalls.CLONE_NEWCGROUP)


def make_stage(box: Inside, args: dict[str, Any]) -> None:
    """Mount a tmpfs on the stage and know it by descriptor: its path leads through our private store."""
    fs = syscalls.fsopen("tmpfs")
    try:
        syscalls.fsconfig_string(fs, "mode", "700")
        syscalls.fsconfig_string(fs, "size", "64k")
        syscalls.fsconfig_create(fs)
        attributes = (
            syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV | syscalls.MOUNT_ATTR_NOEXEC
        )
        tree = syscalls.fsmount(fs, syscalls.FSMOUNT_CLOEXEC, attributes)
    finally:
        os.close(fs)
    _attach(tree, box.stage_fd, "")
    box.stage = f"/proc/self/fd/{tree}"
    for name in ("root", "proc", "dev", "sys", "empty"):
        os.mkdir(f"{box.stage}/{name}", 0o755)


def mount(box: Inside, args: dict[str, Any]) -> None:
    target = box.staged(args["target"])
    if not os.path.isdir(target):
        os.mkdir(target, 0o755)
    kind = args["type"]
    syscalls.mount(kind, target, kind, flags_of(args["options"]), args["data"] or None)


def bind_host(box: Inside, args: dict[str, Any]) -> None:
    target = box.staged(args["target"])
    if not os.path.isdir(target):
        os.mkdir(target, 0o755)
    if not os.path.isdir(args["source"]):
        return
    tree = syscalls.open_tree(
        syscalls.AT_FDCWD, args["source"], syscalls.OPEN_TREE_CLONE | syscalls.AT_RECURSIVE
    )
    try:
        attributes = (
            syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV | syscalls.MOUNT_ATTR_NOEXEC
        )
        if args["read_only"]:
            attributes |= syscalls.MOUNT_ATTR_RDONLY
        everything = syscalls.AT_EMPTY_PATH | syscalls.AT_RECURSIVE
        syscalls.mount_setattr(tree, "", everything, attributes)
        _attach(tree, syscalls.AT_FDCWD, target)
    finally:
        os.close(tree)


def bind_shared(box: Inside, args: dict[str, Any]) -> None:
    """Show a directory of the container whose namespaces are joined; it is copied in its mounts."""
    pid, start = args["process"]
    if not pid or process.start_time(pid) != start:
        raise ProcessLookupError(3, "the container whose namespaces are joined has ended")
    target = box.staged(args["target"])
    os.mkdir(target, 0o755)
    own = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    theirs = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(theirs, syscalls.CLONE_NEWNS)
        try:
            found = syscalls.openat2(
                syscalls.AT_FDCWD, args["path"], os.O_PATH, 0, syscalls.RESOLVE_NO_SYMLINKS
            )
            flags = syscalls.OPEN_TREE_CLONE | syscalls.AT_EMPTY_PATH
            tree = syscalls.open_tree(found, "", flags)
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNS)
        _attach(tree, syscalls.AT_FDCWD, target)
        os.close(tree)
        os.close(found)
    finally:
        os.close(own)
        os.close(theirs)


def mount_cgroup(box: Inside, args: dict[str, Any]) -> None:
    """Show the container's own group; where Linux refuses, the directory of sysfs stays empty."""
    target = box.staged("/sys/fs/cgroup")
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    if args["read_only"]:
        flags |= syscalls.MS_RDONLY
    if not os.path.isdir(target):
        return
    if args["mode"] == "v2":
        syscalls.mount("cgroup2", target, "cgroup2", flags)
        return
    syscalls.mount("tmpfs", target, "tmpfs", flags & ~syscalls.MS_RDONLY, "mode=755,size=16k")
    for name in args["controllers"]:
        os.mkdir(f"{target}/{name}", 0o555)
        try:
            syscalls.mount("cgroup", f"{target}/{name}", "cgroup", flags, name)
        except OSError as error:
            # EBUSY: the host mounts this controller together with another one
            if error.errno not in (errno.EBUSY, errno.EPERM, errno.EINVAL):
                raise
    if args["read_only"]:
        syscalls.mount(None, target, None, flags | syscalls.MS_REMOUNT | syscalls.MS_BIND)


def device_nodes(box: Inside, args: dict[str, Any]) -> None:
    for name in args["names"]:
        target = box.staged(f"/dev/{name}")
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))
        syscalls.mount(f"/dev/{name}", target, None, syscalls.MS_BIND)


def device_links(box: Inside, args: dict[str, Any]) -> None:
    for name, target in args["links"].items():
        os.symlink(target, box.staged(f"/dev/{name}"))


def mask(box: Inside, args: dict[str, Any]) -> None:
    read_only = syscalls.MS_RDONLY | syscalls.MS_REMOUNT | syscalls.MS_BIND
    empty = f"{box.stage}/empty"
    for target in _present(box, args["paths"]):
        try:
            is_directory = stat.S_ISDIR(os.lstat(target).st_mode)
        except OSError:
            continue  # this Linux has no such path
        syscalls.mount(empty if is_directory else "/dev/null", target, None, syscalls.MS_BIND)
        if is_directory:
            syscalls.mount(None, target, None, read_only | syscalls.MS_NOSUID | syscalls.MS_NODEV)


def _present(box: Inside, paths: list[str]) -> Iterator[str]:
    """Yield the staged paths; one with a * once for each name that begins as it does."""
    for path in paths:
        begin, star, end = box.staged(path).partition("*")
        if not star:
            yield begin
            continue
        folder, _, prefix = begin.rpartition("/")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        yield from [f"{folder}/{name}{end}" for name in names if name.startswith(prefix)]


def make_read_only(box: Inside, args: dict[str, Any]) -> None:
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    for path in args["paths"]:
        target = box.staged(path)
        if not os.path.lexists(target):
            continue
        syscalls.mount(target, target, None, syscalls.MS_BIND | syscalls.MS_REC)
        again = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY
        syscalls.mount(None, target, None, again | flags)


def new_keyring(box: Inside, args: dict[str, Any]) -> None:
    join_new_keyring()


def join_new_keyring() -> None:
    """Leave the session keyring that we were started in."""
    try:
        syscalls.keyctl_join_session(None)
    except OSError as error:
        # a Linux without keys has none to leak; EDQUOT, EPERM: no key of the host is attached either
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EDQUOT):
            raise


def bound_capabilities(box: Inside, args: dict[str, Any]) -> None:
    drop_from_bounding_set(args["keep"])


def drop_from_bounding_set(keep: list[str]) -> None:
    """Let nothing that is executed from now on have more than these; what we have now stays."""
    kept = caps.ALL if keep == ["ALL"] else keep
    for name, bit in caps.BITS.items():
        if name not in kept:
            try:
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, bit)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a newer capability than this Linux knows
                    raise


def attach_rootfs(box: Inside, args: dict[str, Any]) -> None:
    _attach(box.rootfs_fd, syscalls.AT_FDCWD, f"{box.stage}/root")
    box.root_fd = os.open(f"{box.stage}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def attach_stage(box: Inside, args: dict[str, Any]) -> None:
    """Move the finished trees; the init layer guarantees real directories to move them onto."""
    no_links = _IN_ROOT | syscalls.RESOLVE_NO_SYMLINKS
    for name in args["names"]:
        target = syscalls.openat2(box.root_fd, name, os.O_PATH | os.O_DIRECTORY, 0, no_links)
        try:
            syscalls.move_mount(
                syscalls.AT_FDCWD,
                f"{box.stage}/{name}",
                target,
                "",
                syscalls.MOVE_MOUNT_T_EMPTY_PATH,
            )
        finally:
            os.close(target)


def attach_source(box: Inside, args: dict[str, Any]) -> None:
    source = box.source_fds[args["index"]]
    is_directory = stat.S_ISDIR(os.fstat(source).st_mode)
    if args["read_only"]:
        recursive = syscalls.AT_RECURSIVE if args["recursive"] else 0
        flags = syscalls.AT_EMPTY_PATH | recursive
        syscalls.mount_setattr(source, "", flags, syscalls.MOUNT_ATTR_RDONLY)
    target = make_target(box.root_fd, args["target"], is_directory)
    try:
        _attach(source, target, "")
    finally:
        os.close(target)


def mount_tmpfs(box: Inside, args: dict[str, Any]) -> None:
    target = make_target(box.root_fd, args["target"], True)
    try:
        path = f"/proc/self/fd/{target}"
        options = [o for o in args["options"] if o in _MOUNT_FLAGS]
        data = [args["data"]] + [o for o in args["options"] if o not in _MOUNT_FLAGS]
        syscalls.mount("tmpfs", path, "tmpfs", flags_of(options), ",".join(filter(None, data)))
    finally:
        os.close(target)


def bind_device(box: Inside, args: dict[str, Any]) -> None:
    tree = syscalls.open_tree(syscalls.AT_FDCWD, args["source"], syscalls.OPEN_TREE_CLONE)
    try:
        target = make_target(box.root_fd, args["target"], False)
        try:
            _attach(tree, target, "")
        finally:
            os.close(target)
    finally:
        os.close(tree)


def read_only_root(box: Inside, args: dict[str, Any]) -> None:
    path = f"/proc/self/fd/{box.root_fd}"
    root = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscalls.mount_setattr(root, "", syscalls.AT_EMPTY_PATH, syscalls.MOUNT_ATTR_RDONLY)
    finally:
        os.close(root)


def pivot(box: Inside, args: dict[str, Any]) -> None:
    """Stack the old root under the new one, then let it go: no directory is needed for it."""
    os.fchdir(box.root_fd)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", syscalls.MNT_DETACH)
    os.chdir("/")


def hostname(box: Inside, args: dict[str, Any]) -> None:
    syscalls.sethostname(args["name"])


def open_target(root_fd: int, path: str, *, is_made: bool) -> int:
    """Return a descriptor of a directory inside the root, links resolved inside; made on demand.

    Raises: OSError with the path.
    """
    if is_made:
        return make_target(root_fd, path, True)
    try:
        return syscalls.openat2(root_fd, path, os.O_PATH | os.O_DIRECTORY, 0, _IN_ROOT)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from error


def make_target(root_fd: int, path: str, is_directory: bool) -> int:
    """Return a descriptor of `path` inside the root, made where it is missing, links resolved inside.

    Raises: OSError; ENOTDIR where a file stands in the way of a directory.
    """
    wanted = os.O_PATH | (os.O_DIRECTORY if is_directory else 0)
    try:
        return syscalls.openat2(root_fd, path, wanted, 0, _IN_ROOT)
    except FileNotFoundError:
        pass
    parts = [part for part in path.split("/") if part not in ("", ".")]
    here = os.dup(root_fd)
    walked = ""
    try:
        for number, part in enumerate(parts):
            walked += f"/{part}"
            last = number == len(parts) - 1
            try:
                found = syscalls.openat2(root_fd, walked, os.O_PATH, 0, _IN_ROOT)
            except FileNotFoundError:
                if last and not is_directory:
                    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
                    os.close(os.open(part, flags, 0o644, dir_fd=here))
                else:
                    os.mkdir(part, 0o755, dir_fd=here)
                found = syscalls.openat2(here, part, os.O_PATH | os.O_NOFOLLOW)
            os.close(here)
            here = found
        return os.dup(here)
    finally:
        os.close(here)


def _attach(source: int, target_fd: int, target: str) -> None:
    flags = syscalls.MOVE_MOUNT_F_EMPTY_PATH
    if not target:
        flags |= syscalls.MOVE_MOUNT_T_EMPTY_PATH
    syscalls.move_mount(source, "", target_fd, target, flags)


APPLY: dict[str, Callable[[Inside, dict[str, Any]], None]] = {
    step.__name__: step
    for step in (
        *(private_mounts, own_cgroup_view, make_stage, mount, bind_host, bind_shared),
        mount_cgroup,
        *(device_nodes, device_links, mask, make_read_only, new_keyring),
        *(network.sysctl, network.loopback, network.network_socket, network.name_sockets),
        bound_capabilities,
        *(attach_rootfs, attach_stage, attach_source, mount_tmpfs, bind_device),
        *(read_only_root, pivot, hostname),
    )
}
