"""Namespaces by name, and the id maps of user namespaces.

An id map is a tuple of (inside, outside, count), the three numbers of a line of /proc/PID/uid_map.
What newuidmap and newgidmap may map stands in /etc/subuid and /etc/subgid: `name:first:count`, one
range a line, where the name may also be a number (subuid(5)).
"""

from __future__ import annotations

import os

from . import syscalls

IdMap = tuple[tuple[int, int, int], ...]
IdRange = tuple[int, int]

# In the order in which they must be entered: the user namespace first, since it gives the right to
# enter the others; the mount namespace last, since the paths of the others are looked up before it.
FLAGS = {
    "user": syscalls.CLONE_NEWUSER,
    "cgroup": syscalls.CLONE_NEWCGROUP,
    "ipc": syscalls.CLONE_NEWIPC,
    "uts": syscalls.CLONE_NEWUTS,
    "net": syscalls.CLONE_NEWNET,
    "pid": syscalls.CLONE_NEWPID,
    "time": syscalls.CLONE_NEWTIME,
    "mnt": syscalls.CLONE_NEWNS,
}

# Linux takes at most 340 lines (user_namespaces(7)); one is needed for the caller's own id.
MAXIMUM_RANGES = 339
# Above the ids of people and services, where systemd-nspawn too takes its ranges from.
FAR_ID = 524288
# Of more ids than this Linux has use for none: a map counts in 32 bits and -1 is no id.
_LAST_ID = 0xFFFFFFFE


def path(pid: int | str, name: str) -> str:
    """Return the file that stands for a namespace of a process (`pid` may be "self")."""
    return f"/proc/{pid}/ns/{name}"


def inode(pid: int | str, name: str) -> int:
    """Return the number that tells namespaces of one kind apart."""
    return os.stat(path(pid, name)).st_ino


def enter(fd: int, *names: str) -> None:
    """Enter the named namespaces of the process that the pidfd `fd` means, all or none of them.

    A pid namespace takes effect for children only.  Entering a user namespace is refused (EINVAL) in
    a process with threads, and where the caller is in it already.
    """
    flags = 0
    for name in names:
        flags |= FLAGS[name]
    syscalls.setns(fd, flags)


def map_text(id_map: IdMap) -> str:
    """Return what is written to uid_map or gid_map."""
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in id_map)


def parse_map(text: str) -> IdMap:
    """Return the id map that a uid_map or gid_map shows."""
    found = []
    for line in text.splitlines():
        inside, outside, count = line.split()
        found.append((int(inside), int(outside), int(count)))
    return tuple(found)


def outside_id(id_map: IdMap, inside: int) -> int | None:
    """Return the outer id that `inside` stands for, None where it is not mapped."""
    for first, outer, count in id_map:
        if first <= inside < first + count:
            return outer + inside - first
    return None


def write_maps(pid: int | str, uid_map: IdMap, gid_map: IdMap, *, setgroups: bool = True) -> None:
    """Give the user namespace of `pid` its maps; once only, and `setgroups` False before a single gid.

    Raises: OSError EPERM where a range is not the caller's to give.
    """
    entries = [("uid_map", map_text(uid_map)), ("gid_map", map_text(gid_map))]
    if not setgroups:
        entries.insert(0, ("setgroups", "deny"))
    for name, text in entries:
        write_map(pid, name, text)


def write_map(pid: int | str, name: str, text: str) -> None:
    """Write one of uid_map, gid_map and setgroups of a process."""
    fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def hold_user_namespace(uid_map: IdMap, gid_map: IdMap, *, setgroups: bool = True) -> int:
    """Return a descriptor of a new user namespace with these maps; no process stays in it.

    It is what an idmapped mount needs.  Only for a process without other threads.
    """
    waiting, go = os.pipe2(os.O_CLOEXEC)
    try:
        pid = syscalls.clone_process(syscalls.CLONE_NEWUSER)
        if pid == 0:
            try:
                os.close(go)
                os.read(waiting, 1)
            finally:
                os._exit(0)
        try:
            write_maps(pid, uid_map, gid_map, setgroups=setgroups)
            return os.open(path(pid, "user"), os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(go)
            go = -1
            os.waitpid(pid, 0)
    finally:
        os.close(waiting)
        if go >= 0:
            os.close(go)


def subid_ranges(text: str, user: str, uid: int) -> tuple[IdRange, ...]:
    """Return the (first, count) ranges that the text of /etc/subuid or /etc/subgid gives a user.

    A line that makes no sense is passed over, as newuidmap does.
    """
    found: list[IdRange] = []
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) != 3 or fields[0] not in (user, str(uid)):
            continue
        if not (fields[1].isdecimal() and fields[2].isdecimal()):
            continue
        first, count = int(fields[1]), int(fields[2])
        if count > 0 and first + count - 1 <= _LAST_ID and (first, count) not in found:
            found.append((first, count))
    return tuple(found)


def all_ranges(text: str) -> tuple[IdRange, ...]:
    """Return every range of /etc/subuid or /etc/subgid, whosever it is."""
    owners = {line.partition(":")[0].strip() for line in text.splitlines()}
    found: list[IdRange] = []
    for owner in sorted(owners):
        found += subid_ranges(text, owner, -1)
    return tuple(found)


def rootless_map(own_id: int, ranges: tuple[IdRange, ...]) -> IdMap:
    """Return the map that makes `own_id` 0 and lets the ranges follow from 1; without ranges, just 0.

    A range that holds `own_id`, or overlaps one before it, is left out: Linux would refuse the whole.
    """
    found = [(0, own_id, 1)]
    following = 1
    for first, count in ranges[:MAXIMUM_RANGES]:
        if any(first < outer + n and outer < first + count for _, outer, n in found):
            continue
        found.append((following, first, count))
        following += count
    return tuple(found)


def spare_range(own_map: IdMap) -> tuple[IdRange, ...]:
    """Return ids for containers from a map whose root may give any away: far ones, else those at hand."""
    if outside_id(own_map, FAR_ID) is not None and outside_id(own_map, FAR_ID + 65535) is not None:
        return ((FAR_ID, 65536),)
    count = mapped_count(own_map)
    return ((1, count - 1),) if count > 1 else ()


def split(id_map: IdMap, parent_map: IdMap) -> IdMap:
    """Return the same map in lines that Linux takes: each within one line of the parent's map.

    What the parent does not map stays as it is, and Linux will refuse it.
    """
    found = []
    for inside, outside, count in id_map:
        while count > 0:
            piece = count
            for first, _, length in parent_map:
                if first <= outside < first + length:
                    piece = min(count, first + length - outside)
            found.append((inside, outside, piece))
            inside, outside, count = inside + piece, outside + piece, count - piece
    return tuple(found)


def own_maps() -> tuple[IdMap, IdMap]:
    """Return the uid and gid map of the calling process's user namespace."""
    maps = []
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/self/{name}") as file:
            maps.append(parse_map(file.read()))
    return maps[0], maps[1]


def mapped_count(id_map: IdMap) -> int:
    """Return how many ids, counted from 0 without a gap, the map gives."""
    following = 0
    for inside, _, count in sorted(id_map):
        if inside != following:
            break
        following += count
    return following


def helper_arguments(helper: str, pid: int, id_map: IdMap) -> list[str]:
    """Return the argument list that has newuidmap or newgidmap write a map for `pid`."""
    numbers = [str(number) for line in id_map for number in line]
    return [helper, str(pid), *numbers]


def rootless_maps(
    user: str, uid: int, gid: int, subuid: str, subgid: str
) -> tuple[IdMap, IdMap, str]:
    """Return (uid map, gid map, why not more ids) from the texts of /etc/subuid and /etc/subgid.

    The reason is "" where both files give the user ids; otherwise both maps hold the single own id,
    which the process may write itself, after `deny` in setgroups.
    """
    uids, gids = subid_ranges(subuid, user, uid), subid_ranges(subgid, user, uid)
    lacking = [name for name, found in (("/etc/subuid", uids), ("/etc/subgid", gids)) if not found]
    if lacking:
        reason = f"{' and '.join(lacking)}: no range for {user}"
        return rootless_map(uid, ()), rootless_map(gid, ()), reason
    return rootless_map(uid, uids), rootless_map(gid, gids), ""
