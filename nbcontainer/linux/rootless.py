"""Become root of a new user namespace, with all ids that the host grants this user or with one.

newuidmap and newgidmap, which are set-user-ID programs, write a map of many ids; one id a process
may map by itself.  Only for a process without other threads.  See: newuidmap(1), user_namespaces(7).
"""

from __future__ import annotations

import os

from . import namespaces, syscalls

_CAP_SYS_ADMIN = 1 << 21
_CAP_SETIDS = 1 << 6 | 1 << 7
# More than this is the host itself, or as good as the host: ranges for containers can be cut from it.
_MANY_IDS = 2 * 65536
_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
SURROUNDED = "the surrounding user namespace has no more"
_LONGEST_FILE = 1 << 20


def is_root() -> bool:
    """Tell whether this process needs no user namespace of its own: it may mount, and has the ids."""
    if os.geteuid() != 0 or not syscalls.capget()[0] & _CAP_SYS_ADMIN:
        return False
    with open("/proc/self/uid_map") as file:
        return namespaces.mapped_count(namespaces.parse_map(file.read())) > _MANY_IDS


def which(name: str) -> str | None:
    """Return where a program of the host lies; the environment, which may be anybody's, is not asked."""
    for directory in _PATH:
        if os.access(f"{directory}/{name}", os.X_OK):
            return f"{directory}/{name}"
    return None


def granted_maps(uid: int, gid: int) -> tuple[namespaces.IdMap, namespaces.IdMap, str]:
    """Return (uid map, gid map, why not more than one id) for a user of this host."""
    own_maps = namespaces.own_maps()
    if sum(count for _, _, count in own_maps[0]) == 1:
        single = namespaces.rootless_map(uid, ()), namespaces.rootless_map(gid, ())
        return *single, SURROUNDED
    if _gives_ids():
        uids, gids = [namespaces.spare_range(own) for own in own_maps]
        return namespaces.rootless_map(uid, uids), namespaces.rootless_map(gid, gids), ""
    for helper in ("newuidmap", "newgidmap"):
        if which(helper) is None:
            single = namespaces.rootless_map(uid, ()), namespaces.rootless_map(gid, ())
            return *single, f"{helper} is not installed"
    return namespaces.rootless_maps(
        user_name(uid), uid, gid, _text("/etc/subuid"), _text("/etc/subgid")
    )


def user_name(uid: int) -> str:
    """Return the name under which /etc/subuid knows a user, the number as text if it has none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def enter(flags: int = 0) -> str:
    """Move this process into a new user namespace, and those of `flags`, and become its root there.

    Returns why it has one id only, or "".  Raises: OSError where user namespaces are refused.
    """
    uid, gid = os.getuid(), os.getgid()
    uid_map, gid_map, note = granted_maps(uid, gid)
    if not note:
        note = _enter_with_helpers(flags, uid_map, gid_map)
        if not note:
            os.setgroups([])
    else:
        syscalls.unshare(syscalls.CLONE_NEWUSER | flags)
    if note:
        _map_single_ids(uid, gid)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    return note


def join(pid: int, flags: int = 0) -> str:
    """Move this process into the user namespace of another process of this user, and become root there.

    Of `flags` it gets new namespaces.  Returns why there is one id only, or "".  Raises: OSError.
    """
    note = granted_maps(os.getuid(), os.getgid())[2]
    descriptor = os.open(namespaces.path(pid, "user"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(descriptor, syscalls.CLONE_NEWUSER)
    finally:
        os.close(descriptor)
    syscalls.unshare(flags)
    has_many = namespaces.mapped_count(namespaces.own_maps()[0]) > 1
    if has_many:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if has_many:
        return ""
    return note or "the containers that run have one, and more come when they have ended"


def _map_single_ids(uid: int, gid: int) -> None:
    single = namespaces.rootless_map(uid, ()), namespaces.rootless_map(gid, ())
    if _text("/proc/self/gid_map"):
        # newgidmap had its way before newuidmap was refused, and a map is written once.
        namespaces.write_map("self", "uid_map", namespaces.map_text(single[0]))
    else:
        namespaces.write_maps("self", *single, setgroups=False)


def _enter_with_helpers(flags: int, uid_map: namespaces.IdMap, gid_map: namespaces.IdMap) -> str:
    """Unshare while a child, which stays outside as it must, has the maps written; return why not."""
    ready, said = os.pipe2(os.O_CLOEXEC), os.pipe2(os.O_CLOEXEC)
    target = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.close(ready[1])
            if os.read(ready[0], 1):
                os.write(said[1], _run_helpers(target, uid_map, gid_map).encode()[:4000])
        finally:
            os._exit(0)
    os.close(said[1])
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER | flags)
        os.write(ready[1], b"u")
        os.close(ready[1])
        ready = (ready[0], -1)
        return os.read(said[0], 4096).decode(errors="replace")
    finally:
        for fd in (*ready, said[0]):
            if fd >= 0:
                os.close(fd)
        os.waitpid(child, 0)


def _run_helpers(pid: int, uid_map: namespaces.IdMap, gid_map: namespaces.IdMap) -> str:
    """Run both helpers; return what the first that failed said."""
    if _gives_ids():
        return _write_maps(pid, uid_map, gid_map)
    # The group map first: a process with many groups may still map its single user, not the reverse,
    # since that needs `deny` in setgroups before there is any group map.
    for name, id_map in (("newgidmap", gid_map), ("newuidmap", uid_map)):
        path = which(name)
        if path is None:
            return f"{name} is not installed"
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        argv = namespaces.helper_arguments(path, pid, id_map)
        actions = [(os.POSIX_SPAWN_DUP2, write_end, 2)]
        child = os.posix_spawn(path, argv, {"PATH": "/usr/bin:/bin"}, file_actions=actions)
        os.close(write_end)
        text = b""
        while part := os.read(read_end, 4096):
            text += part
        os.close(read_end)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            return text.decode(errors="replace").strip().partition("\n")[0] or f"{name} failed"
    return ""


def _gives_ids() -> bool:
    """Tell whether this process may give away the ids of its user namespace: root of a container may."""
    return os.geteuid() == 0 and syscalls.capget()[0] & _CAP_SETIDS == _CAP_SETIDS


def _write_maps(pid: int, uid_map: namespaces.IdMap, gid_map: namespaces.IdMap) -> str:
    uids, gids = namespaces.own_maps()
    try:
        for name, id_map, own in (("gid_map", gid_map, gids), ("uid_map", uid_map, uids)):
            namespaces.write_map(pid, name, namespaces.map_text(namespaces.split(id_map, own)))
    except OSError as error:
        return f"{error.filename or 'map of ids'}: {error.strerror}"
    return ""


def _text(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(_LONGEST_FILE)
    except OSError:
        return ""
