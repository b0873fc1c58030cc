"""A container's control groups: made, limited, entered, frozen, read, removed.

A group is named by three values that a plan can record: `mode` ("v1", "v2" or "none"), `controllers`
(pairs of a controller and the absolute directory under which containers' groups lie; under v2 all
directories are the same) and `sandbox`, the name of the group itself.  Under mode "none" there are no
controllers and every function does nothing.  `cgroup_discovery` finds modes and directories,
`cgroup_above` makes the directories.

    v1   <hierarchy of the controller>/<own group>/nbcontainer/<sandbox>
    v2   /sys/fs/cgroup/<own group>/nbcontainer/<sandbox>

Entering is the expensive part: moving another process makes Linux wait for every processor, 7 to 20 ms
after a quiet moment (percpu_down_write in cgroup_procs_write_start).  A process that moves itself
through `tasks` under v1 (Linux 5.6), or is cloned straight into a v2 group, is spared that.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..spec.runtime import Resources
from . import cgroup_above, syscalls
from .cgroup_above import Controllers, copy_cpuset, read, write
from .cgroup_limits import UNLIMITED, limits

_KILL = 9
_MAKE_ATTEMPTS = 4
_REMOVE_TIMEOUT_S = 2.0
_FREEZE_TIMEOUT_S = 2.0
_UNLIMITED_V1 = 1 << 62


class Usage(NamedTuple):
    """What a container uses now; None where its controller is missing, limit 0 = none."""

    memory_bytes: int | None
    memory_limit_bytes: int | None
    cpu_ns: int | None
    pids: int | None
    pids_limit: int | None


def make(mode: str, controllers: Controllers, sandbox: str) -> None:
    """Make the group; one that is there already is taken as it is, after a failure nothing stays."""
    made: list[str] = []
    try:
        for parent in _parents(controllers):
            path = f"{parent}/{sandbox}"
            names = [name for name, its_parent in controllers if its_parent == parent]
            if _make_below(mode, parent, names, path):
                made.append(path)
        for name, parent in controllers:
            if name == "cpuset" and mode == "v1":
                copy_cpuset(parent, f"{parent}/{sandbox}")
    except OSError:
        for path in made:
            os.rmdir(path)
        raise


def _make_below(mode: str, parent: str, names: list[str], path: str) -> bool:
    """Make a group, and what lies above it where that is not there; False if the group is."""
    for attempt in range(_MAKE_ATTEMPTS):
        try:
            if attempt:
                # it went with somebody's last group, and may do so again
                cgroup_above.make(mode, parent, names)
            os.mkdir(path, 0o755)
            return True
        except FileExistsError:
            return False
        except FileNotFoundError:
            if attempt == _MAKE_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def set_pids(mode: str, controllers: Controllers, sandbox: str, maximum: int) -> None:
    """Set how many processes and threads there may be; without the controller there is no limit."""
    if path := _group(controllers, "pids", sandbox):
        write(f"{path}/pids.max", str(maximum))


def limit(mode: str, controllers: Controllers, sandbox: str, asked: dict[str, int | str]) -> None:
    """Apply limits, given as fields of Resources; `cgroup_limits.require` comes before.

    Swap is left unlimited where Linux does not account for it and no word was said on it.
    """
    resources = Resources(**asked)  # type: ignore[arg-type]
    for controller, name, text in limits(resources, mode):
        path = _group(controllers, controller, sandbox)
        if path is None:
            if text in UNLIMITED:
                continue
            raise OSError(errno.EOPNOTSUPP, "the host has no such controller", controller)
        try:
            write(f"{path}/{name}", text)
        except FileNotFoundError:
            if not name.startswith(("memory.memsw", "memory.swap")) or resources.memory_swap_bytes:
                raise


def entrances(mode: str, controllers: Controllers, sandbox: str) -> list[int]:
    """Open what a process needs to enter the group later, also when it cannot see the path any more.

    v1: one file a hierarchy.  v2: the directory, for `clone_process(cgroup_fd=…)`, and one file.
    """
    paths = [f"{parent}/{sandbox}" for parent in _parents(controllers)]
    if mode == "v2":
        wanted = [(path, os.O_DIRECTORY | os.O_PATH) for path in paths]
        wanted += [(f"{path}/cgroup.procs", os.O_WRONLY) for path in paths]
    else:
        wanted = [(f"{path}/tasks", os.O_WRONLY) for path in paths]
    opened: list[int] = []
    try:
        for path, flags in wanted:
            opened.append(os.open(path, flags | os.O_CLOEXEC))
    except OSError:
        for fd in opened:
            os.close(fd)
        raise
    return opened


def enter_self(mode: str, opened: Sequence[int], *, cloned: bool = False) -> None:
    """Move the calling process, which must have one thread, through what `entrances` opened.

    Under v2 it is in the group already if it was `cloned` into it, and spared the wait.
    """
    if mode == "v1":
        for fd in opened:
            os.write(fd, b"0")
    elif opened and not cloned:
        os.write(opened[1], b"0")


def enter(mode: str, controllers: Controllers, sandbox: str, pid: int) -> None:
    """Move a process into the group; slow, see above: not on the path of a start."""
    for parent in _parents(controllers):
        write(f"{parent}/{sandbox}/cgroup.procs", str(pid))


def procs(mode: str, controllers: Controllers, sandbox: str) -> list[int]:
    """Return the pids in the group and in groups made below it; none if it is gone."""
    found: set[int] = set()
    for parent in _parents(controllers):
        for directory in _tree(f"{parent}/{sandbox}"):
            try:
                # 0 stands for a process that this pid namespace does not see.
                found.update(int(pid) for pid in read(f"{directory}/cgroup.procs").split())
            except OSError:
                continue
        if mode == "v2" or found:
            break  # all groups of a sandbox hold the same processes
    return sorted(found - {0})


def kill_all(mode: str, controllers: Controllers, sandbox: str) -> None:
    """Kill every process in the group, also frozen ones and those that fork all the while."""
    parents = _parents(controllers)
    if mode == "v2" and parents:
        try:
            write(f"{parents[0]}/{sandbox}/cgroup.kill", "1")
            return
        except OSError:
            pass  # before Linux 5.14, or the group is gone
    try:
        # No new process can begin from here on, so one list is the whole list.
        set_pids(mode, controllers, sandbox, 0)
    except OSError:
        pass  # no such controller here: the rounds below end what begins meanwhile
    for _ in range(100):
        living = [pid for pid in procs(mode, controllers, sandbox) if _kill(pid)]
        if not living:
            break
        _thaw_quietly(mode, controllers, sandbox)
        _wait_for_end(living, 0.1)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, _KILL)
    except ProcessLookupError:
        return False
    return True


def _thaw_quietly(mode: str, controllers: Controllers, sandbox: str) -> None:
    try:
        _set_frozen(mode, controllers, sandbox, False)
    except OSError:
        pass  # no freezer here, so nothing is frozen; or the group is gone


def remove(mode: str, controllers: Controllers, sandbox: str) -> bool:
    """Remove the group and those made below it; False if something in it will not end.

    What ends just now is waited for.  A group that is not there counts as removed.
    """
    deadline = time.monotonic() + _REMOVE_TIMEOUT_S
    gone = True
    for parent in _parents(controllers):
        path = f"{parent}/{sandbox}"
        pause_s = 0.001
        while not _rmdir(path):
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                gone = False
                break
            living = procs(mode, [("", parent)], sandbox)
            if not _wait_for_end(living, min(remaining_s, 0.1)):
                # Nothing left to wait on: Linux still lets go of the last one.
                select.select([], [], [], min(pause_s, remaining_s))
                pause_s = min(2 * pause_s, 0.05)
    return gone


def _rmdir(path: str) -> bool:
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
    else:
        return True
    for directory in reversed(_tree(path)):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _wait_for_end(pids: list[int], timeout_s: float) -> bool:
    """Wait until one of the processes has ended; False if there was none to wait for."""
    opened: list[int] = []
    try:
        for pid in pids[:64]:
            try:
                opened.append(syscalls.pidfd_open(pid))
            except OSError:
                continue
        if not opened:
            return False
        poll = select.poll()
        for fd in opened:
            poll.register(fd, select.POLLIN)
        poll.poll(timeout_s * 1000)
        return True
    finally:
        for fd in opened:
            os.close(fd)


def freeze(mode: str, controllers: Controllers, sandbox: str) -> None:
    """Stop every process of the group where it stands; undone and ETIMEDOUT if one will not stop."""
    _set_frozen(mode, controllers, sandbox, True)
    deadline = time.monotonic() + _FREEZE_TIMEOUT_S
    while not is_frozen(mode, controllers, sandbox):
        if time.monotonic() > deadline:
            _set_frozen(mode, controllers, sandbox, False)
            raise OSError(errno.ETIMEDOUT, "a process does not stop", sandbox)
        # Neither version says when it is done in a way that both can wait on.
        select.select([], [], [], 0.001)


def thaw(mode: str, controllers: Controllers, sandbox: str) -> None:
    """Let the processes of the group go on."""
    _set_frozen(mode, controllers, sandbox, False)


def is_frozen(mode: str, controllers: Controllers, sandbox: str) -> bool:
    """Tell whether all processes of the group have stopped."""
    path = _group(controllers, "freezer", sandbox)
    if path is None:
        return False
    if mode == "v2":
        return _numbers(f"{path}/cgroup.events").get("frozen") == 1
    return read(f"{path}/freezer.state").strip() == "FROZEN"


def _set_frozen(mode: str, controllers: Controllers, sandbox: str, frozen: bool) -> None:
    path = _group(controllers, "freezer", sandbox)
    if path is None:
        raise OSError(errno.EOPNOTSUPP, "the host has no freezer for this container", sandbox)
    if mode == "v2":
        write(f"{path}/cgroup.freeze", "1" if frozen else "0")
    else:
        write(f"{path}/freezer.state", "FROZEN" if frozen else "THAWED")


def oom_killed(mode: str, controllers: Controllers, sandbox: str) -> bool:
    """Tell whether Linux killed a process of the group for want of memory."""
    path = _group(controllers, "memory", sandbox)
    if path is None:
        return False
    name = "memory.events" if mode == "v2" else "memory.oom_control"
    try:
        return _numbers(f"{path}/{name}").get("oom_kill", 0) > 0
    except OSError:
        return False


def stats(mode: str, controllers: Controllers, sandbox: str) -> Usage:
    """Read what the group uses; memory without the file cache that can be dropped, as Docker counts."""
    v2 = mode == "v2"
    memory = _group(controllers, "memory", sandbox)
    memory_bytes = memory_limit = cpu_ns = None
    if memory is not None:
        current = _number(f"{memory}/{'memory.current' if v2 else 'memory.usage_in_bytes'}")
        idle = "inactive_file" if v2 else "total_inactive_file"
        memory_bytes = max((current or 0) - _numbers(f"{memory}/memory.stat").get(idle, 0), 0)
        memory_limit = _number(f"{memory}/{'memory.max' if v2 else 'memory.limit_in_bytes'}")
        if memory_limit is not None and memory_limit >= _UNLIMITED_V1:
            memory_limit = 0
    if cpu := _group(controllers, "cpu" if v2 else "cpuacct", sandbox):
        if v2:
            cpu_ns = 1000 * _numbers(f"{cpu}/cpu.stat").get("usage_usec", 0)
        else:
            cpu_ns = _number(f"{cpu}/cpuacct.usage")
    pids = _group(controllers, "pids", sandbox)
    count = _number(f"{pids}/pids.current") if pids else None
    maximum = _number(f"{pids}/pids.max") if pids else None
    return Usage(memory_bytes, memory_limit, cpu_ns, count, maximum)


def _parents(controllers: Controllers) -> list[str]:
    return list(dict.fromkeys([parent for _, parent in controllers]))


def _group(controllers: Controllers, name: str, sandbox: str) -> str | None:
    for controller, parent in controllers:
        if controller == name:
            return f"{parent}/{sandbox}"
    return None


def _tree(path: str) -> list[str]:
    """Return the directories of a group, parents before children; files in it are Linux's own."""
    found = [path]
    for directory in found:
        try:
            with os.scandir(directory) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
    return found


def _numbers(path: str) -> dict[str, int]:
    pairs = (line.split() for line in read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}


def _number(path: str) -> int | None:
    try:
        text = read(path).strip()
    except FileNotFoundError:
        return None
    return 0 if text == "max" else int(text)
