"""What /proc tells of the processes of a container, to whoever may ask."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..spec.anatomy import Mount, Namespace, Process
from . import capabilities, mounts, namespaces, process

KINDS = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
_SECCOMP = {"0": "none", "1": "strict", "2": "filter"}


def processes(pids: Iterable[int], uid_map: namespaces.IdMap) -> tuple[Process, ...]:
    """Return the processes that still exist, by their pid inside."""
    found = []
    for pid in pids:
        try:
            status = read_status(pid)
            command = " ".join(process.command_line(pid)) or f"[{status.get('Name', '')}]"
        except OSError:
            continue  # it ended while we looked
        uid = int(status.get("Uid", "0").split()[0])
        # the last number is that of the innermost pid namespace
        inside = int(status.get("NSpid", "0").split()[-1])
        found.append(Process(inside, pid, inside_id(uid_map, uid), uid, command))
    return tuple(sorted(found, key=lambda each: each.pid_inside))


def inside_id(id_map: namespaces.IdMap, outside: int) -> int:
    """Return what an id outside is called inside; 65534, nobody, where it has no name there."""
    for inside, first, count in id_map:
        if first <= outside < first + count:
            return inside + outside - first
    return 65534


def namespaces_of(pid: int) -> tuple[Namespace, ...]:
    """Return the namespaces of a process beside those of the caller; none where it may not be asked."""
    found = []
    for kind in KINDS:
        try:
            found.append(
                Namespace(kind, namespaces.inode(pid, kind), namespaces.inode("self", kind))
            )
        except OSError:
            continue
    return tuple(found)


def uid_map(pid: int) -> namespaces.IdMap:
    """Return a process's user ids: (inside, outside, count)."""
    try:
        with open(f"/proc/{pid}/uid_map") as file:
            return namespaces.parse_map(file.read())
    except OSError:
        return ()


def rights(pid: int) -> tuple[tuple[str, ...], str, bool]:
    """Return a process's capabilities, its seccomp mode, and whether it can gain none."""
    status = read_status(pid)
    kept = capabilities.names(int(status.get("CapBnd", "0"), 16))
    mode = _SECCOMP.get(status.get("Seccomp", ""), "")
    return kept, mode, status.get("NoNewPrivs") == "1"


def mounts_of(pid: int) -> tuple[Mount, ...]:
    """Return what is mounted in a process's tree, without what only hides a path."""
    try:
        entries = mounts.table(pid)
    except OSError:
        return ()
    return tuple(
        Mount(entry.target, entry.fstype, entry.source, "ro" in entry.options)
        for entry in entries
        if not entry.target.startswith(("/proc/", "/sys/", "/dev/")) or entry.target in _SHOWN
    )


_SHOWN = ("/dev/pts", "/dev/shm", "/dev/mqueue", "/sys/fs/cgroup")


def interfaces(pid: int) -> tuple[str, ...]:
    """Return the names of the network interfaces that a process sees."""
    try:
        with open(f"/proc/{pid}/net/dev") as file:
            return tuple(line.partition(":")[0].strip() for line in file.readlines()[2:])
    except OSError:
        return ()


def addresses(pid: int) -> tuple[str, ...]:
    """Return the IPv4 addresses that a process can be reached at, loopback left out."""
    try:
        with open(f"/proc/{pid}/net/fib_trie") as file:
            return parse_addresses(file.read())
    except OSError:
        return ()


def parse_addresses(text: str) -> tuple[str, ...]:
    """Return the local addresses in the table of routes (/proc/net/fib_trie)."""
    found: dict[str, None] = {}
    last = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            last = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and not last.startswith("127."):
            found[last] = None
    return tuple(found)


def count_processes() -> int:
    """Return how many processes this host (or whatever stands for it) runs."""
    return sum(entry.isdecimal() for entry in os.listdir("/proc"))


def read_status(pid: int) -> dict[str, str]:
    """Return /proc/<pid>/status by its names.  Raises: OSError if there is no such process."""
    with open(f"/proc/{pid}/status") as file:
        pairs = (line.rstrip("\n").partition(":") for line in file)
        return {name: text.strip() for name, _, text in pairs}
