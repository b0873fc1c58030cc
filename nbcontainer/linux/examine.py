"""The helper of `doctor`: a fresh process without threads that tries everything and prints the facts.

Verdicts are made elsewhere, from these facts alone, so that a host can be described that nobody has.
Each trial runs in a child, since entering a namespace cannot be taken back.  Nothing is left behind.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from typing import Any

from . import cgroup_discovery, mounts, namespaces, probe, rootless, syscalls

Facts = dict[str, Any]

_SYSCTLS = (
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
    "user/max_user_namespaces",
    "kernel/pid_max",
)
# Each is tried in the same child: leaving one namespace does not hinder leaving the next.
_OTHERS = ("cgroup", "ipc", "uts", "net", "pid", "time", "mnt")
_NETWORK_HELPERS = ("pasta", "slirp4netns")


def main(home: str) -> None:
    """Print the facts as JSON; the caller reads them."""
    facts: Facts = {
        "uid": os.getuid(),
        "gid": os.getgid(),
        "user": rootless.user_name(os.getuid()),
        "linux": os.uname().release,
        "machine": os.uname().machine,
        "is_root": rootless.is_root(),
        "sysctl": {name: _first_line(f"/proc/sys/{name}") for name in _SYSCTLS},
        "filtered": _status_field("Seccomp") == "2",
        "no_new_privileges": _status_field("NoNewPrivs") == "1",
        "chroot": _is_chroot(),
        "home": home,
        "store": _unwritable(home),
        "tun": _open_error("/dev/net/tun"),
        "network_helpers": [name for name in _NETWORK_HELPERS if rootless.which(name)],
        "id_helpers": {name: _id_helper(name) for name in ("newuidmap", "newgidmap")},
        "subuid": namespaces.subid_ranges(*_granted("subuid")),
        "subgid": namespaces.subid_ranges(*_granted("subgid")),
    }
    facts["free_range"] = _free_range()
    facts["namespaces"] = _in_child(_try_namespaces)
    facts["zygote"] = _in_child(lambda: _as_zygote(home))
    text = json.dumps(facts).encode()
    while text:
        text = text[os.write(1, text) :]


def _granted(name: str) -> tuple[str, str, int]:
    uid = os.getuid()
    return probe.granted_text(name), rootless.user_name(uid), uid


def _free_range() -> int:
    """Return where 65536 ids begin that nobody was given, as useradd counts them."""
    first = 100000
    for start, count in sorted(probe.taken_ids()):
        if start < first + probe.ID_COUNT and first < start + count:
            first = start + count
    return first


def _try_namespaces() -> Facts:
    """Leave every namespace, as the user's own root where this is no root; return kind -> why not."""
    found: Facts = {}
    order = (*_OTHERS, "user") if rootless.is_root() else ("user", *_OTHERS)
    for name in order:
        try:
            syscalls.unshare(namespaces.FLAGS[name])
        except OSError as error:
            found[name] = probe.words(error)
        else:
            found[name] = ""
    return found


def _as_zygote(home: str) -> Facts:
    """Take the place of a zygote and look at what it would see."""
    note = ""
    if rootless.is_root():
        syscalls.unshare(syscalls.CLONE_NEWNS)
    else:
        note = rootless.enter(syscalls.CLONE_NEWNS)
    mounts.make_private()
    made = _make_missing(home)
    try:
        base = probe.choose_id_base(home, probe.taken_ids())
        found = probe.probe_features(home, id_base=base, prepare_cgroups=False)
        tried = probe.try_mounts(home, found.id_mode, found.id_base, found.id_count)
    finally:
        for path in reversed(made):
            os.rmdir(path)
    groups = cgroup_discovery.host()
    return {
        "note": note,
        "id_mode": found.id_mode,
        "id_count": found.id_count,
        "snapshotter": found.snapshotter,
        "seccomp": found.seccomp,
        "nofile_hard": found.nofile_hard,
        "nproc_hard": found.nproc_hard,
        "filesystem": _filesystem(home),
        **tried._asdict(),
        "cgroup": [groups.mode, [name for name, _ in groups.parents], groups.blocker],
    }


def _make_missing(home: str) -> list[str]:
    """Make the store's directory and the one that is tried in; return those that were not there."""
    made: list[str] = []
    path = f"{home}/tmp"
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for path in reversed(missing):
        os.mkdir(path, 0o700)
        made.append(path)
    return made


def _filesystem(home: str) -> str:
    path = os.path.realpath(home)
    entry = mounts.holding(path, mounts.table())
    return entry.fstype if entry else "unknown"


def _in_child(work: Callable[[], Facts]) -> Facts:
    """Return what `work` finds in a child, or {"error": why it could not}."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            try:
                found = work()
            except OSError as error:
                found = {"error": probe.words(error), "path": os.fsdecode(error.filename or "")}
            with open(write_end, "w") as file:
                json.dump(found, file)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end) as file:
        text = file.read()
    os.waitpid(child, 0)
    answer: Facts = json.loads(text) if text else {"error": "the trial ended without an answer"}
    return answer


def _unwritable(home: str) -> str:
    """Return why this user cannot have a store at `home`, "" if there can be one."""
    path = home
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    if not os.path.isdir(path):
        return f"{path} is not a directory"
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return f"{path} is mounted read-only"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} is not writable"


def _first_line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""


def _status_field(name: str) -> str:
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split()[1]
    return ""


def _is_chroot() -> bool:
    """Tell whether / is not the root of a mount, where Linux refuses user namespaces."""
    return all(entry.target != "/" for entry in mounts.table())


def _open_error(path: str) -> str:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return probe.words(error)
    return ""


def _id_helper(name: str) -> str:
    """Return why newuidmap or newgidmap cannot do its work, "" if it can."""
    path = rootless.which(name)
    if path is None:
        return "not installed"
    found = os.stat(path)
    special = found.st_mode & stat.S_ISUID and found.st_uid == 0
    if not special and "security.capability" not in os.listxattr(path):
        return f"{path} is neither set-user-ID root nor has a file capability"
    if os.statvfs(path).f_flag & os.ST_NOSUID:
        return f"{path} lies on a file system mounted nosuid"
    return ""
