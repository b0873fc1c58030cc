"""Where this process may make control groups, and the reason where it may not.

Looked up in /proc/self/cgroup and /proc/self/mountinfo, since neither where hierarchies are mounted nor
which part of them is seen can be assumed:

    v1, hybrid   each controller has a hierarchy; the group is made below the own one in each
    v2           one tree.  A group with processes may not hand controllers on (the root may), so what
                 is in the own group moves into a leaf beside our groups before the first is made:

                     <own group>/nbcontainer.leaf       the notebook and all else that was there
                     <own group>/nbcontainer/<sandbox>  containers

Under systemd the own group must have been delegated; in a pod it is the root of the group namespace.
"""

from __future__ import annotations

import errno
import os

from ..spec.host import CgroupFeatures
from . import cgroup_above, mounts, namespaces

CONTROLLERS = ("memory", "pids", "cpu", "cpuacct", "cpuset", "freezer")
DIRECTORY = "nbcontainer"
LEAF = "nbcontainer.leaf"
_MOVE_ATTEMPTS = 20


def discover(own: str, entries: list[mounts.MountEntry]) -> CgroupFeatures:
    """Return what can be used, from the text of /proc/self/cgroup and the mounts; changes nothing."""
    paths = _own_paths(own)
    v1 = [entry for entry in entries if entry.fstype == "cgroup"]
    v2 = [entry for entry in entries if entry.fstype == "cgroup2"]
    # A hybrid host mounts both; where v1 has controllers of ours, v2 cannot have them.
    if any(set(entry.super_options) & {"memory", "pids", "cpu"} for entry in v1):
        return _discover_v1(paths, v1)
    if v2:
        return _discover_v2(paths.get(""), v2[-1])
    return CgroupFeatures("none", (), "no cgroup file system is mounted")


def host() -> CgroupFeatures:
    """Discover for the calling process."""
    with open("/proc/self/cgroup", errors="surrogateescape") as file:
        return discover(file.read(), mounts.table())


def _own_paths(text: str) -> dict[str, str]:
    """Return controller -> own path; "" is v2's."""
    found = {}
    for line in text.splitlines():
        number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller or number == "0":
                found[controller] = path
    return found


def _directory(path: str | None, entry: mounts.MountEntry) -> str | None:
    """Return where the own group is seen under a mount, None if that shows another part."""
    if path is None or path.startswith("/..") or entry.root.startswith("/.."):
        return None
    if entry.root != "/":
        if path != entry.root and not path.startswith(entry.root + "/"):
            return None
        path = path[len(entry.root) :]
    return (entry.target + path).rstrip("/") or "/"


def _unwritable(directory: str, names: tuple[str, ...]) -> str:
    """Return why groups cannot be made in a directory, "" if they can."""
    try:
        if os.statvfs(directory).f_flag & os.ST_RDONLY:
            return f"{directory} is mounted read-only"
    except OSError as error:
        return f"{directory}: {error.strerror}"
    for name in names:
        path = f"{directory}/{name}" if name else directory
        if not os.access(path, os.W_OK):
            return f"{path} is not writable for uid {_uid()}"
    return ""


def _uid() -> int:
    """Return the user as the host knows it: in the zygote's user namespace everybody is 0."""
    uid = os.getuid()
    outside = namespaces.outside_id(namespaces.own_maps()[0], uid)
    return uid if outside is None else outside


def _discover_v1(paths: dict[str, str], entries: list[mounts.MountEntry]) -> CgroupFeatures:
    parents: dict[str, str] = {}
    reasons = dict.fromkeys(CONTROLLERS, "no v1 hierarchy has this controller")
    for entry in entries:
        for name in CONTROLLERS:
            if name not in entry.super_options or name in parents:
                continue
            directory = _directory(paths.get(name), entry)
            if directory is None:
                seen = paths.get(name, "none")
                reasons[name] = f"the own group {seen} is not seen under {entry.target}"
                continue
            reasons[name] = _unwritable(directory, ("",))
            if not reasons[name]:
                parents[name] = f"{directory}/{DIRECTORY}"
    return _features("v1", parents, {n: reasons[n] for n in CONTROLLERS if n not in parents})


def _discover_v2(path: str | None, entry: mounts.MountEntry) -> CgroupFeatures:
    directory = _directory(path, entry)
    if directory is None:
        return CgroupFeatures("none", (), f"the own group {path} is not seen under {entry.target}")
    if os.path.basename(directory) == LEAF:
        directory = os.path.dirname(directory)
    names = ("", "cgroup.procs", "cgroup.subtree_control")
    if reason := _unwritable(directory, names):
        return CgroupFeatures("none", (), f"{reason}: the own group is not delegated")
    with open(f"{directory}/cgroup.controllers") as file:
        given = file.read().split()
    parents = {"freezer": f"{directory}/{DIRECTORY}"}
    reasons = {}
    for name in ("memory", "pids", "cpu", "cpuset"):
        if name in given:
            parents[name] = f"{directory}/{DIRECTORY}"
        else:
            reasons[name] = f"{directory}/cgroup.controllers does not list it"
    return _features("v2", parents, reasons)


def _features(mode: str, parents: dict[str, str], reasons: dict[str, str]) -> CgroupFeatures:
    ordered = tuple([(name, parents[name]) for name in CONTROLLERS if name in parents])
    blocker = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return CgroupFeatures(mode if ordered else "none", ordered, blocker)


def prepare(features: CgroupFeatures) -> CgroupFeatures:
    """Make what lies above containers' groups, so that making one is a single mkdir a hierarchy.

    Idempotent.  Under v2 this moves the processes of the own group into a leaf.  Returns the features
    less what Linux refused, with its reason.
    """
    parents: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name, parent in features.parents:
        try:
            if features.mode == "v2":
                _prepare_v2(name, parent)
            else:
                cgroup_above.make("v1", parent, [name])
        except OSError as error:
            reasons[name] = f"{error.filename or parent}: {error.strerror}"
        else:
            parents[name] = parent
    found = _features(features.mode, parents, reasons)
    blocker = "; ".join(part for part in (features.blocker, found.blocker) if part)
    return CgroupFeatures(found.mode, found.parents, blocker)


def _prepare_v2(name: str, parent: str) -> None:
    own = os.path.dirname(parent)
    # the freezer is part of every group
    for attempt in range(_MOVE_ATTEMPTS if name != "freezer" else 0):
        try:
            cgroup_above.enable(own, [name])
            break
        except OSError as error:
            # EBUSY: there are processes in it, perhaps new ones since the last look.
            if error.errno != errno.EBUSY or attempt == _MOVE_ATTEMPTS - 1:
                raise
            _empty_into_leaf(own)
    cgroup_above.make("v2", parent, [name])


def _empty_into_leaf(own: str) -> None:
    leaf = f"{own}/{LEAF}"
    os.makedirs(leaf, 0o755, exist_ok=True)
    with open(f"{own}/cgroup.procs") as file:
        pids = [pid for pid in file.read().split() if pid != "0"]
    for pid in pids:
        fd = os.open(f"{leaf}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, pid.encode())
        except ProcessLookupError:
            continue  # it ended meanwhile
        finally:
            os.close(fd)
