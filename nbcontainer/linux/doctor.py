"""Say what this host can do for containers: each feature's verdict, the exact blocker, one remedy.

`diagnose` has a fresh process find the facts (`examine`), since user namespaces cannot be left by a
process with threads, as a notebook kernel is.  `verdicts` is pure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from .rootless import SURROUNDED

OK, LIMITED, MISSING = "ok", "limited", "missing"

_TIMEOUT_S = 10
_ENOUGH_FILES, _ENOUGH_PROCESSES = 4096, 1024
_ALL_REST_ON = ("store", "user namespace", "mount namespace", "pid namespace", "ipc namespace")
_LONG_NAMES = {"mnt": "mount", "net": "network"}


class Verdict(NamedTuple):
    """`verdict` is ok, limited (it works with less) or missing; `remedy` is "" where none is needed."""

    feature: str
    verdict: str
    detail: str
    remedy: str = ""


def diagnose(home: str) -> list[Verdict]:
    """Return the verdicts for a store at `home`, which need not exist; leaves nothing behind."""
    parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = (
        f"import sys; sys.path.append({parent!r}); "
        f"from nbcontainer.linux.examine import main; main({os.path.abspath(home)!r})"
    )
    python = sys.executable or "/usr/bin/python3"
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={"LC_ALL": "C.UTF-8"},
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Verdict("doctor", MISSING, f"{python}: {error}", "Check this Python.")]
    except ValueError:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return [
            Verdict("doctor", MISSING, f"the trial failed: {said}", "Report this with the text.")
        ]
    return verdicts(facts)


def blocker(home: str) -> tuple[str, str]:
    """Return (what keeps every container from running here, the remedy); both "" if it is none of these."""
    for found in diagnose(home):
        if found.verdict == MISSING and found.feature in _ALL_REST_ON:
            return found.detail, found.remedy
    return "", ""


def verdicts(facts: dict[str, Any]) -> list[Verdict]:
    """Return the verdicts that follow from the facts of `examine`.  Pure."""
    return [
        _ids(facts),
        _store(facts),
        *_namespaces(facts),
        _switches(facts),
        _apparmor(facts),
        _overlay(facts),
        _idmapped(facts),
        *_cgroups(facts),
        _seccomp(facts),
        _mqueue(facts),
        _hard_limits(facts),
        _network(facts),
        _tun(facts),
    ]


def _untried(facts: dict[str, Any]) -> str:
    """Return why the place of a zygote could not be taken, "" if it could."""
    error = facts["zygote"].get("error", "")
    path = facts["zygote"].get("path", "")
    return f"{path}: {error}" if error and path else error


def _ids(facts: dict[str, Any]) -> Verdict:
    zygote = facts["zygote"]
    if reason := _untried(facts):
        return Verdict("user ids", MISSING, f"not tried: {reason}", _first_remedy(facts))
    if zygote["id_mode"] == "root":
        detail = f"root; containers get {zygote['id_count']} ids that are nobody else's"
        return Verdict("user ids", OK, detail)
    if zygote["id_mode"] == "subuid":
        return Verdict("user ids", OK, f"{zygote['id_count']} ids for {facts['user']}")
    note = zygote["note"] or "this user namespace has no more"
    return Verdict("user ids", LIMITED, f"one id only: {note}", _ids_remedy(facts))


def _store(facts: dict[str, Any]) -> Verdict:
    home = facts["home"]
    if reason := facts["store"]:
        remedy = "Set NBCONTAINER_HOME to a directory that you can write."
        return Verdict("store", MISSING, reason, remedy)
    return Verdict("store", OK, home)


def _ids_remedy(facts: dict[str, Any]) -> str:
    if facts["zygote"]["note"] == SURROUNDED:
        return "Start the surrounding container or pod with 65536 ids."
    if "not installed" in facts["id_helpers"].values():
        return "Install newuidmap and newgidmap (package uidmap or shadow-utils)."
    if not facts["subuid"] or not facts["subgid"]:
        first = facts["free_range"]
        span = f"{first}-{first + 65535}"
        return f"As root: usermod --add-subuids {span} --add-subgids {span} {facts['user']}"
    if facts["no_new_privileges"]:
        return "Start Jupyter without no_new_privs, under which newuidmap has no rights."
    broken = [reason for reason in facts["id_helpers"].values() if reason]
    if broken:
        return f"Reinstall the package of newuidmap: {broken[0]}."
    return "Let /etc/subuid and /etc/subgid hold ranges that this user namespace has."


def _user_blocker(facts: dict[str, Any]) -> tuple[str, str]:
    """Return (why there is no useful user namespace, the remedy); ("", "") if there is one."""
    error = facts["namespaces"].get("user", facts["namespaces"].get("error", "not tried"))
    sysctl, is_root = facts["sysctl"], facts["is_root"]
    restricted = sysctl["kernel/apparmor_restrict_unprivileged_userns"] == "1" and not is_root
    if not error:
        # AppArmor lets it be made and then takes every right in it away.
        if not restricted or not facts["namespaces"].get("mnt", "").startswith("E"):
            return "", ""
        error = facts["namespaces"]["mnt"]
    if sysctl["user/max_user_namespaces"] == "0":
        remedy = "As root: sysctl user.max_user_namespaces=28633"
        return "user.max_user_namespaces is 0", remedy
    if sysctl["kernel/unprivileged_userns_clone"] == "0" and not is_root:
        remedy = "As root: sysctl kernel.unprivileged_userns_clone=1"
        return "kernel.unprivileged_userns_clone is 0", remedy
    if restricted:
        remedy = "As root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        return "kernel.apparmor_restrict_unprivileged_userns is 1", remedy
    if error.startswith("ENOSPC"):
        remedy = "End some containers, or raise user.max_user_namespaces as root."
        return f"all user namespaces are in use ({error})", remedy
    if error.startswith("EINVAL"):
        return "this Linux was built without user namespaces", "Use a Linux with CONFIG_USER_NS."
    if facts["chroot"]:
        return f"a chroot surrounds this process ({error})", "Start Jupyter outside of the chroot."
    if facts["filtered"]:
        remedy = "Start the surrounding container with --security-opt seccomp=unconfined."
        return f"a seccomp filter surrounds this process ({error})", remedy
    return error, "Ask the administrator of this host which policy forbids user namespaces."


def _first_remedy(facts: dict[str, Any]) -> str:
    """Return the remedy of what everything else rests on."""
    blocker, remedy = _user_blocker(facts)
    if blocker:
        return remedy
    return f"Make {facts['home']} writable, or set NBCONTAINER_HOME to another directory."


def _namespaces(facts: dict[str, Any]) -> Iterator[Verdict]:
    blocker, remedy = _user_blocker(facts)
    if blocker:
        yield Verdict("user namespace", MISSING, blocker, remedy)
    else:
        yield Verdict("user namespace", OK, "made and entered")
    for name in ("mnt", "pid", "net", "ipc", "uts", "cgroup", "time"):
        feature = f"{_LONG_NAMES.get(name, name)} namespace"
        error = facts["namespaces"].get(name, "not tried")
        if not error:
            yield Verdict(feature, OK, "made and entered")
        elif blocker and not facts["is_root"]:
            yield Verdict(feature, MISSING, f"needs a user namespace: {blocker}", remedy)
        elif error.startswith("EINVAL"):
            advice = f"Use a Linux that has {feature}s."
            yield Verdict(feature, MISSING, "this Linux was built without it", advice)
        else:
            yield Verdict(feature, MISSING, error, "Ask the administrator for CAP_SYS_ADMIN.")


def _switches(facts: dict[str, Any]) -> Verdict:
    sysctl = facts["sysctl"]
    shown = [
        f"{name.replace('/', '.')} = {sysctl[name]}"
        for name in ("user/max_user_namespaces", "kernel/unprivileged_userns_clone")
        if sysctl[name]
    ]
    detail = ", ".join(shown) or "this Linux has none"
    off = sysctl["user/max_user_namespaces"] == "0"
    if not facts["is_root"]:
        off = off or sysctl["kernel/unprivileged_userns_clone"] == "0"
    if off:
        return Verdict("user namespace switches", MISSING, detail, _user_blocker(facts)[1])
    return Verdict("user namespace switches", OK, detail)


def _apparmor(facts: dict[str, Any]) -> Verdict:
    feature, name = "AppArmor", "kernel.apparmor_restrict_unprivileged_userns"
    value = facts["sysctl"]["kernel/apparmor_restrict_unprivileged_userns"]
    if value != "1":
        return Verdict(feature, OK, f"{name} is {value or 'not there'}")
    if facts["is_root"]:
        return Verdict(feature, OK, f"{name} is 1 and does not concern root")
    blocker, remedy = _user_blocker(facts)
    if not blocker:
        return Verdict(feature, OK, f"{name} is 1, and a profile allows this program")
    return Verdict(feature, MISSING, f"{name} is 1", remedy)


def _overlay(facts: dict[str, Any]) -> Verdict:
    feature, home = "overlay", facts["home"]
    if reason := _untried(facts):
        return Verdict(feature, MISSING, f"not tried: {reason}", _first_remedy(facts))
    zygote = facts["zygote"]
    where = f"{zygote['filesystem']} at {home}"
    if not zygote["overlay"]:
        return Verdict(feature, OK, f"tried on {where}")
    remedy = "Set NBCONTAINER_HOME to a directory on ext4, xfs or btrfs."
    return Verdict(feature, LIMITED, f"layers are copied: {where}: {zygote['overlay']}", remedy)


def _idmapped(facts: dict[str, Any]) -> Verdict:
    feature = "idmapped mounts"
    if reason := _untried(facts):
        return Verdict(feature, MISSING, f"not tried: {reason}", _first_remedy(facts))
    zygote = facts["zygote"]
    if zygote["id_mode"] != "root":
        return Verdict(feature, OK, "not needed: a rootless container's ids are the user's own")
    if not zygote["idmapped"]:
        return Verdict(feature, OK, f"tried on {zygote['filesystem']}")
    remedy = "Use Linux 5.19 or newer and a store on ext4, xfs or btrfs."
    return Verdict(
        feature, LIMITED, f"files are copied to shift owners: {zygote['idmapped']}", remedy
    )


def _cgroups(facts: dict[str, Any]) -> Iterator[Verdict]:
    mode, names, blocker = facts["zygote"].get("cgroup", ["none", [], _untried(facts)])
    reasons = dict(part.split(": ", 1) for part in blocker.split("; ") if ": " in part)
    for name in ("memory", "pids", "cpu", "cpuset", "freezer"):
        feature = f"cgroup {name}"
        if name in names:
            yield Verdict(feature, OK, f"cgroup {mode}")
        else:
            reason = reasons.get(name, blocker)
            yield Verdict(feature, MISSING, reason, _cgroup_remedy(mode, reason, facts))


def _cgroup_remedy(mode: str, reason: str, facts: dict[str, Any]) -> str:
    if "read-only" in reason:
        return "Start the surrounding container with a writable /sys/fs/cgroup."
    if "does not list it" in reason:
        return "As root: systemctl edit user@.service, with Delegate=cpu cpuset memory pids."
    if "not delegated" in reason:
        return "Start it by: systemd-run --user --scope -p Delegate=yes jupyter lab"
    if "not writable" in reason:
        return "Start as root, or boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1)."
    if "no cgroup file system" in reason:
        return "As root: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    return (
        _first_remedy(facts)
        if mode == "none" and _untried(facts)
        else ("Boot Linux with this controller enabled.")
    )


def _seccomp(facts: dict[str, Any]) -> Verdict:
    if reason := _untried(facts):
        return Verdict("seccomp", MISSING, f"not tried: {reason}", _first_remedy(facts))
    if facts["zygote"]["seccomp"]:
        return Verdict("seccomp", OK, "filters can be installed")
    remedy = "Use a Linux with CONFIG_SECCOMP_FILTER."
    return Verdict("seccomp", MISSING, "this Linux knows no filters", remedy)


def _mqueue(facts: dict[str, Any]) -> Verdict:
    if reason := _untried(facts):
        return Verdict("mqueue", MISSING, f"not tried: {reason}", _first_remedy(facts))
    if error := facts["zygote"]["mqueue"]:
        remedy = "Use a Linux with CONFIG_POSIX_MQUEUE if a program needs /dev/mqueue."
        return Verdict("mqueue", LIMITED, error, remedy)
    return Verdict("mqueue", OK, "mounted")


def _hard_limits(facts: dict[str, Any]) -> Verdict:
    if reason := _untried(facts):
        return Verdict("hard limits", MISSING, f"not tried: {reason}", _first_remedy(facts))
    zygote = facts["zygote"]
    files, processes = zygote["nofile_hard"], zygote["nproc_hard"]
    shown = [
        f"{n} {'unlimited' if v < 0 else v}"
        for n, v in (("files", files), ("processes", processes))
    ]
    detail = ", ".join(shown) + "; a larger --ulimit is lowered to these"
    if 0 <= files < _ENOUGH_FILES or 0 <= processes < _ENOUGH_PROCESSES:
        remedy = "Raise nofile and nproc in /etc/security/limits.conf, then log in again."
        return Verdict("hard limits", LIMITED, detail, remedy)
    return Verdict("hard limits", OK, detail)


def _network(facts: dict[str, Any]) -> Verdict:
    found = facts["network_helpers"]
    if found:
        return Verdict("network helper", OK, ", ".join(found))
    if facts["is_root"]:
        return Verdict("network helper", OK, "not needed by root")
    detail = "neither pasta nor slirp4netns is installed; containers get out by a proxy of ours"
    return Verdict("network helper", LIMITED, detail, "Install the package passt or slirp4netns.")


def _tun(facts: dict[str, Any]) -> Verdict:
    if not facts["tun"]:
        return Verdict("/dev/net/tun", OK, "opened")
    if facts["is_root"]:
        return Verdict("/dev/net/tun", OK, f"not needed by root ({facts['tun']})")
    missing = facts["tun"].startswith("ENOENT")
    remedy = "As root: modprobe tun" if missing else "As root: chmod 666 /dev/net/tun"
    detail = f"{facts['tun']}; the network helpers need it"
    return Verdict("/dev/net/tun", LIMITED, detail, remedy)
