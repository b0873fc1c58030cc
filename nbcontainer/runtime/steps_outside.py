"""The steps outside of the container: cgroup, clone, ids, snapshot, descriptors; and how to undo them.

The foreman carries them out, or for a container that is started anew its shim.

Undoing needs the record and the sandbox's name only, never this process's memory, so that another
process can do it after a SIGKILL.  It is idempotent.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from ..linux import cgroup, cgroup_above, mounts, namespaces, process, syscalls
from ..store import snapshots
from ..store.layout import Layout
from . import lowers, steps_network
from .cabling import Cabling
from .lowers import Lowers
from .plan import Step

CLONE_FLAGS = {
    **namespaces.FLAGS,
    "mount": namespaces.FLAGS["mnt"],
    "network": namespaces.FLAGS["net"],
}
_KILL_S = 5.0
_NS_FILES = {"user": "user", "pid": "pid", "ipc": "ipc", "uts": "uts", "network": "net"}


class Outside:
    """What the outside steps make and hand on: init's pid and the descriptors that init will need."""

    __slots__ = (
        "cabling",
        "controllers",
        "entrances",
        "init_pid",
        "joined",
        "kept",
        "lowers",
        "mode",
        "rootfs_fd",
        "sandbox",
        "source_fds",
        "user_fd",
    )

    def __init__(self, sandbox: str, lowers: Lowers | None = None) -> None:
        """`lowers`: where the foreman keeps clones of layers for many containers; a shim has none."""
        self.sandbox = sandbox
        self.lowers = lowers
        self.cabling = Cabling()
        self.mode = "none"
        self.controllers: list[tuple[str, str]] = []
        self.init_pid = 0
        self.user_fd = -1
        self.rootfs_fd = -1
        self.source_fds: list[int] = []
        self.joined: list[tuple[int, int]] = []
        self.entrances: list[int] = []
        # what must not be released while somebody waits: see `keep` and `release`
        self.kept: list[int] = []

    @property
    def is_shims(self) -> bool:
        """Tell whether this process is the container's shim, whose children may serve it."""
        return self.lowers is None

    def close(self) -> None:
        """Let go of what was handed to init; the cgroup's entrances stay for exec."""
        joined = [descriptor for descriptor, _ in self.joined]
        for descriptor in (self.user_fd, self.rootfs_fd, *self.source_fds, *joined):
            if descriptor >= 0:
                os.close(descriptor)
        self.user_fd = self.rootfs_fd = -1
        self.source_fds = []
        self.joined = []

    def take(self, steps: tuple[Step, ...], kept: list[int], entrances: list[int]) -> None:
        """Take over what another process made by these steps."""
        self.kept, self.entrances = kept, entrances
        for step in steps:
            if step.do == "make_cgroup":
                self._know_cgroup(step.args)

    def _know_cgroup(self, args: dict[str, Any]) -> None:
        self.mode = args["mode"]
        self.controllers = [(name, parent) for name, parent in args["controllers"]]

    def make_cgroup(self, args: dict[str, Any]) -> None:
        """Make the container's group."""
        self._know_cgroup(args)
        cgroup.make(self.mode, self.controllers, self.sandbox)
        cgroup.set_pids(self.mode, self.controllers, self.sandbox, args["pids"])
        # init moves itself through these: moving another process makes every processor wait
        self.entrances = cgroup.entrances(self.mode, self.controllers, self.sandbox)

    def keep_namespaces(self) -> None:
        """Hold init's namespaces, so that its exit does not wait for Linux to take them down."""
        for kind in ("mnt", "net", "ipc"):
            path = f"/proc/{self.init_pid}/ns/{kind}"
            self.kept.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def processes(self) -> list[int]:
        """Return the pids, as the host counts, of all that runs in the container."""
        if self.controllers:
            return cgroup.procs(self.mode, self.controllers, self.sandbox)
        # seldom needed, so not in the memory of every shim
        from ..linux import process_table

        return process_table.in_mounts(os.fstat(self.kept[0]).st_ino) if self.kept else []

    def kill_rest(self) -> None:
        """Kill what init left behind where neither a pid namespace nor a cgroup of its own does it."""
        deadline = time.monotonic() + _KILL_S
        while (pids := self.processes()) and time.monotonic() < deadline:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    continue
            time.sleep(0.002)

    def release(self) -> None:
        """Let go of everything; taking down mounts and namespaces happens here.  Idempotent."""
        self.close()
        self.cabling.close()
        for descriptor in (*self.kept, *self.entrances):
            os.close(descriptor)
        self.kept = []
        self.entrances = []

    def ran_out_of_memory(self) -> bool:
        """Tell whether Linux killed a process of the container for want of memory."""
        return cgroup.oom_killed(self.mode, self.controllers, self.sandbox)

    def enter_cgroup(self) -> None:
        """Move the calling process, init or an exec, into the container's group."""
        cgroup.enter_self(self.mode, self.entrances)


def join(box: Outside, args: dict[str, Any]) -> None:
    """Open the namespaces to join; init enters them, and the pid namespace counts for our children."""
    for kind, target in args["namespaces"].items():
        pid, start = args["processes"][target]
        if not pid or process.start_time(pid) != start:
            raise ProcessLookupError(3, "the container whose namespaces are joined has ended")
        if kind == "user" and namespaces.inode(pid, "user") == namespaces.inode("self", "user"):
            continue  # it has none of its own, and one's own cannot be entered
        descriptor = os.open(f"/proc/{pid}/ns/{_NS_FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)
        box.joined.append((descriptor, CLONE_FLAGS[kind]))


def clone_flags(args: dict[str, Any]) -> int:
    """Return the CLONE_NEW* bits of a clone step."""
    flags = 0
    for kind in args["namespaces"]:
        flags |= CLONE_FLAGS[kind]
    return flags


def clone(flags: int, joined: list[tuple[int, int]], child: Callable[[], None]) -> int:
    """Fork init into new namespaces and return its pid; `child` never returns.

    Where namespaces are joined, pairs of a descriptor and its kind, an extra fork is needed: who enters
    a user namespace loses the right to the shim's other tasks, so a helper enters and clones, with the
    shim as the new process's parent.
    """
    if not joined:
        pid = syscalls.clone_process(flags)
        if pid == 0:
            child()
            os._exit(70)
        return pid

    def enter() -> None:
        for descriptor, kind in joined:
            syscalls.setns(descriptor, kind)

    return clone_by_helper(enter, flags, child)


def clone_by_helper(enter: Callable[[], None], flags: int, child: Callable[[], None]) -> int:
    """Have a helper `enter` other namespaces and clone there; return the pid of our new child.

    For namespaces that can be entered and not left.  `child` never returns.
    """
    read_end, write_end = os.pipe()
    helper = os.fork()
    if helper == 0:
        try:
            enter()
            pid = syscalls.clone_process(flags | syscalls.CLONE_PARENT)
            if pid == 0:
                os.close(read_end)
                os.close(write_end)
                child()
            os.write(write_end, str(pid).encode())
            os._exit(0)
        except OSError as error:
            os.write(write_end, str(-(error.errno or 5)).encode())
        finally:
            os._exit(71)
    os.close(write_end)
    answer = int(os.read(read_end, 16) or b"-5")
    os.close(read_end)
    os.waitpid(helper, 0)
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer), "namespaces to join")
    return answer


def map_ids(box: Outside, args: dict[str, Any]) -> None:
    wanted = ((args["inside"], args["outside"], args["count"]),)
    # a line may not cross two lines of our own map, and a rootless foreman has several
    uid_map, gid_map = [namespaces.split(wanted, own) for own in namespaces.own_maps()]
    namespaces.write_maps(box.init_pid, uid_map, gid_map)


def limit(box: Outside, args: dict[str, Any]) -> None:
    cgroup.limit(box.mode, box.controllers, box.sandbox, args)


def make_snapshot(box: Outside, args: dict[str, Any]) -> None:
    snapshotter = snapshots.snapshotter(Layout(args["home"], ""), args["kind"], args["owner"])
    snapshotter.prepare(args["container"], tuple(args["layers"]))


def write_files(box: Outside, args: dict[str, Any]) -> None:
    directory, owner = args["directory"], args["owner"]
    for name, text in args["files"].items():
        path = f"{directory}/{name}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, text.encode())
            if owner:
                os.fchown(descriptor, owner, owner)
        finally:
            os.close(descriptor)


def open_rootfs(box: Outside, args: dict[str, Any]) -> None:
    """Make the overlay detached: no mount appears in any namespace but init's."""
    nodev = syscalls.MOUNT_ATTR_NODEV
    if args["kind"] == "copy":
        tree = f"{args['directory']}/rootfs"
        box.rootfs_fd = syscalls.open_tree(syscalls.AT_FDCWD, tree, syscalls.OPEN_TREE_CLONE)
        syscalls.mount_setattr(box.rootfs_fd, "", syscalls.AT_EMPTY_PATH, nodev)
        return
    found = [_lower(box, path, args["idmap"]) for path in reversed(args["lowers"])]
    box.rootfs_fd = mounts.overlay(
        [f"/proc/self/fd/{descriptor}" for descriptor in found],
        f"{args['directory']}/upper",
        f"{args['directory']}/work",
        userxattr=args["userxattr"],
        attributes=nodev,
    )


def _lower(box: Outside, path: str, idmap: bool) -> int:
    """Return a descriptor of a layer; a mapped one may be everybody's, any other is to be kept."""
    if idmap and box.lowers is not None:
        return box.lowers.get(path, _user_namespace(box))
    if idmap:
        descriptor = lowers.clone(path, _user_namespace(box))
    else:
        descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    # a detached mount that is closed makes Linux wait for all readers of the mount table: later
    box.kept.append(descriptor)
    return descriptor


def _user_namespace(box: Outside) -> int:
    if box.user_fd < 0:
        box.user_fd = os.open(f"/proc/{box.init_pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    return box.user_fd


def open_source(box: Outside, args: dict[str, Any]) -> None:
    """Take a detached copy of a host path's mount, so that what is checked is what is mounted."""
    recursive = syscalls.AT_RECURSIVE
    flags = syscalls.OPEN_TREE_CLONE | recursive
    descriptor = syscalls.open_tree(syscalls.AT_FDCWD, args["path"], flags)
    box.source_fds.append(descriptor)
    if args["idmap"]:
        try:
            flags, user_fd = syscalls.AT_EMPTY_PATH | recursive, _user_namespace(box)
            syscalls.mount_setattr(descriptor, "", flags, syscalls.MOUNT_ATTR_IDMAP, 0, 0, user_fd)
        except OSError:
            # a file system without idmapped mounts (FUSE, NFS …): shown with the host's own ids
            os.close(descriptor)
            box.source_fds[-1] = syscalls.open_tree(syscalls.AT_FDCWD, args["path"], flags)


APPLY: dict[str, Callable[[Outside, dict[str, Any]], None]] = {
    "make_cgroup": Outside.make_cgroup,
    "join": join,
    "map_ids": map_ids,
    "limit": limit,
    "make_snapshot": make_snapshot,
    "write_files": write_files,
    "open_rootfs": open_rootfs,
    "open_source": open_source,
    "connect": steps_network.connect,
    "register_names": steps_network.register_names,
    "publish": steps_network.publish,
    "write_hosts": steps_network.write_hosts,
}


def undo(steps: tuple[Step, ...], sandbox: str) -> None:
    """Release what the steps may have left on the host, backwards; nothing there is fine too.

    Mounts and namespaces end with their last process.  The snapshot stays: it is the container's data.
    """
    for step in reversed(steps):
        if step.do == "make_cgroup" and sandbox:
            controllers = [(name, parent) for name, parent in step.args["controllers"]]
            try:
                cgroup.kill_all(step.args["mode"], controllers, sandbox)
                cgroup.remove(step.args["mode"], controllers, sandbox)
                cgroup_above.forget(controllers)
            except OSError:
                continue  # swept later: the group's name tells that nobody owns it
        elif step.do == "connect" and sandbox:
            steps_network.undo_connect(step.args, sandbox)
        elif step.do == "publish" and sandbox:
            steps_network.undo_publish(step.args, sandbox)
