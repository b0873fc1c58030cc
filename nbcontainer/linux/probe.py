"""What this process may really do, by doing it: the features that a plan depends on.

For the zygote: as root, or as root of a user namespace with many ids or one.  Must not be called in a
process with threads; takes a few milliseconds and leaves nothing behind but the directory above
containers' control groups.
"""

from __future__ import annotations

import errno
import os
import resource
from typing import NamedTuple

from ..spec.host import HostFeatures
from . import cgroup_discovery, mounts, namespaces, process, rootless, syscalls

ID_COUNT = 65536
# Where systemd-nspawn too takes its ranges from (UIDs and GIDs on systemd systems): above those of
# people and services, below those that Linux gives a meaning.
FIRST_ID, LAST_ID = 524288, 1879048191

_SECCOMP_RET_ERRNO = 0x00050000
# The mount namespace too: without one of its own nothing may be mounted in a user namespace.
_INSIDE = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWNS


class Trial(NamedTuple):
    """Why something cannot be had, in Linux's words; "" where it can.  `container`: its namespaces."""

    overlay: str
    idmapped: str
    mqueue: str
    container: str


def choose_id_base(home: str, taken: tuple[namespaces.IdRange, ...]) -> int:
    """Return the first id of a store's range: by its path, past ranges given to others.  Pure.

    The caller keeps the answer with the store; files in it are owned by these ids.
    """
    slots = (LAST_ID + 1 - FIRST_ID) // ID_COUNT
    value = 2166136261  # FNV-1a: no need to load a library of hash functions for this
    for byte in os.fsencode(home):
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    for step in range(slots):
        base = FIRST_ID + (value + step) % slots * ID_COUNT
        if all(base + ID_COUNT <= first or first + count <= base for first, count in taken):
            return base
    raise OverflowError("no range of 65536 ids is free between 524288 and 1879048191")


def taken_ids() -> tuple[namespaces.IdRange, ...]:
    """Return the ranges that /etc/subuid and /etc/subgid give away."""
    return tuple(
        [r for name in ("subuid", "subgid") for r in namespaces.all_ranges(granted_text(name))]
    )


def probe_features(home: str, *, id_base: int = 0, prepare_cgroups: bool = True) -> HostFeatures:
    """Return what the calling process can do for containers whose store is `home`.

    `id_base` is what `choose_id_base` once chose; it counts only for root.  Raises: OSError where
    `home` cannot be written at all.
    """
    uid_map, gid_map = namespaces.own_maps()
    id_mode = _id_mode(uid_map)
    base, count = (id_base, ID_COUNT) if id_mode == "root" else (0, _least(uid_map, gid_map))
    tried = try_mounts(home, id_mode, base, count)
    groups = cgroup_discovery.host()
    return HostFeatures(
        linux=os.uname().release,
        machine=os.uname().machine,
        boot_id=process.boot_id(),
        uid=_outside(uid_map, os.geteuid()),
        gid=_outside(gid_map, os.getegid()),
        id_mode=id_mode,
        id_base=base,
        id_count=count,
        snapshotter="copy" if tried.overlay else "overlay",
        overlay_userxattr=id_mode != "root",
        idmapped_mounts=id_mode == "root" and not tried.idmapped,
        cgroup=cgroup_discovery.prepare(groups) if prepare_cgroups else groups,
        seccomp=syscalls.seccomp_action_available(_SECCOMP_RET_ERRNO),
        mqueue=not tried.mqueue,
        time_namespace=os.path.exists("/proc/self/ns/time"),
        last_capability=int(_read("/proc/sys/kernel/cap_last_cap")),
        nofile_hard=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        nproc_hard=resource.getrlimit(resource.RLIMIT_NPROC)[1],
    )


def _id_mode(uid_map: namespaces.IdMap) -> str:
    # An identical map, so that a range chosen for this store exists.
    if rootless.is_root() and namespaces.outside_id(uid_map, LAST_ID) == LAST_ID:
        return "root"
    return "subuid" if namespaces.mapped_count(uid_map) > 1 else "single"


def _least(uid_map: namespaces.IdMap, gid_map: namespaces.IdMap) -> int:
    return min(namespaces.mapped_count(uid_map), namespaces.mapped_count(gid_map))


def _outside(id_map: namespaces.IdMap, inside: int) -> int:
    found = namespaces.outside_id(id_map, inside)
    return inside if found is None else found


def try_mounts(home: str, id_mode: str, base: int, count: int) -> Trial:
    """Try what a container of this store would need; what was made for it is removed again."""
    scratch = f"{home}/tmp/{process.own_mark()}-probe"
    os.makedirs(f"{home}/tmp", 0o700, exist_ok=True)
    _remove(scratch)
    os.mkdir(scratch, 0o700)
    try:
        for name in ("lower", "lower/d", "upper", "work", "upper2", "work2"):
            os.mkdir(f"{scratch}/{name}")
        os.close(os.open(f"{scratch}/lower/f", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        user_fd, container, mqueue = _try_inside(base, count)
        try:
            overlay, idmapped = _try_storage(scratch, user_fd, id_mode == "root")
        finally:
            if user_fd >= 0:
                os.close(user_fd)
        return Trial(overlay, container or idmapped, mqueue, container)
    finally:
        _remove(scratch)


def _try_storage(scratch: str, user_fd: int, is_root: bool) -> tuple[str, str]:
    """Return why not (overlay, idmapped mounts); rootless ids need no shift, so nothing is mapped."""
    if not is_root:
        return _try_overlay(scratch, "", -1, userxattr=True), "needs real root"
    idmapped = _try_overlay(scratch, "2", user_fd, userxattr=False) if user_fd >= 0 else "not tried"
    if not idmapped:
        return "", ""
    overlay = _try_overlay(scratch, "", -1, userxattr=False)
    if overlay and user_fd >= 0:
        try:
            os.close(mounts.idmapped(f"{scratch}/lower", user_fd))
        except OSError as error:
            return overlay, words(error)
        return overlay, ""
    return overlay, idmapped


def _try_inside(base: int, count: int) -> tuple[int, str, str]:
    """Make a container's namespaces; return (the user namespace or -1, why not, why no mqueue)."""
    ask, answer = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
    pid, user_fd = 0, -1
    try:
        pid = syscalls.clone_process(_INSIDE)
        if pid == 0:
            _inside(ask, answer[1])
        wanted = ((0, base, count),)
        uid_map, gid_map = namespaces.own_maps()
        namespaces.write_maps(
            pid, namespaces.split(wanted, uid_map), namespaces.split(wanted, gid_map)
        )
        user_fd = os.open(namespaces.path(pid, "user"), os.O_RDONLY | os.O_CLOEXEC)
        os.write(ask[1], b"g")
        os.close(answer[1])
        answer = (answer[0], -1)
        return user_fd, "", os.read(answer[0], 4096).decode(errors="replace")
    except OSError as error:
        if user_fd >= 0:
            os.close(user_fd)
        return -1, words(error), words(error)
    finally:
        for fd in (*ask, *answer):
            if fd >= 0:
                os.close(fd)
        if pid:
            os.waitpid(pid, 0)


def _inside(ask: tuple[int, int], answer: int) -> None:
    """In the child, root of its user namespace once there is an answer; never returns."""
    try:
        os.close(ask[1])
        if os.read(ask[0], 1) == b"g":
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            os.close(mounts.detached("mqueue", {}))
    except OSError as error:
        os.write(answer, words(error).encode()[:4000])
    finally:
        os._exit(0)


def _try_overlay(scratch: str, number: str, user_fd: int, *, userxattr: bool) -> str:
    """Return why an overlay whose upper lies in the store fails; whiteouts and opaque too are tried."""
    lower = merged = -1
    try:
        path = f"{scratch}/lower"
        if user_fd >= 0:
            lower = mounts.idmapped(path, user_fd)
            path = f"/proc/self/fd/{lower}"
        upper, work = f"{scratch}/upper{number}", f"{scratch}/work{number}"
        merged = mounts.overlay([path], upper, work, userxattr=userxattr)
        os.unlink("f", dir_fd=merged)
        os.rmdir("d", dir_fd=merged)
        os.mkdir("d", dir_fd=merged)  # opaque: an xattr of the upper's filesystem
    except OSError as error:
        return words(error)
    finally:
        for fd in (merged, lower):
            if fd >= 0:
                os.close(fd)
    return ""


def words(error: OSError) -> str:
    """Return an errno's name and text."""
    return f"{errno.errorcode.get(error.errno or 0, 'error')}: {error.strerror}"


def _remove(path: str) -> None:
    """Remove the scratch tree, which is ours and shallow."""
    for directory, directories, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(f"{directory}/{name}")
        for name in directories:
            os.rmdir(f"{directory}/{name}")
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass


def granted_text(name: str) -> str:
    """Return the text of /etc/subuid or /etc/subgid, nothing if there is none."""
    try:
        return _read(f"/etc/{name}")
    except OSError:
        return ""


def _read(path: str) -> str:
    with open(path, errors="surrogateescape") as file:
        return file.read()
