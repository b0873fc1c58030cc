"""Verdicts from facts of hosts that nobody has, and from this one."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.linux import doctor, examine
from nbcontainer.linux.doctor import Verdict, verdicts

GOOD: dict[str, Any] = {
    "uid": 1000,
    "gid": 1000,
    "user": "ann",
    "linux": "6.18",
    "machine": "x86_64",
    "is_root": False,
    "sysctl": {
        "kernel/unprivileged_userns_clone": "1",
        "kernel/apparmor_restrict_unprivileged_userns": "0",
        "user/max_user_namespaces": "5000",
    },
    "filtered": False,
    "no_new_privileges": False,
    "chroot": False,
    "home": "/home/ann/store",
    "store": "",
    "tun": "",
    "network_helpers": ["pasta"],
    "id_helpers": {"newuidmap": "", "newgidmap": ""},
    "subuid": [[100000, 65536]],
    "subgid": [[100000, 65536]],
    "free_range": 165536,
    "namespaces": dict.fromkeys(("user", "cgroup", "ipc", "uts", "net", "pid", "time", "mnt"), ""),
    "zygote": {
        "note": "",
        "id_mode": "subuid",
        "id_count": 65537,
        "snapshotter": "overlay",
        "seccomp": True,
        "nofile_hard": 524288,
        "nproc_hard": -1,
        "filesystem": "ext4",
        "overlay": "",
        "idmapped": "needs real root",
        "mqueue": "",
        "container": "",
        "cgroup": ["v2", ["memory", "pids", "cpu", "cpuset", "freezer"], ""],
    },
}


def having(**changes: Any) -> dict[str, Any]:
    """Return the facts of the good host with changes; a key a__b changes facts[a][b]."""
    facts = copy.deepcopy(GOOD)
    for key, value in changes.items():
        first, _, second = key.partition("__")
        if second:
            facts[first][second] = value
        else:
            facts[first] = value
    return facts


def verdict(facts: dict[str, Any], feature: str) -> Verdict:
    (found,) = [v for v in verdicts(facts) if v.feature == feature]
    return found


def test_a_good_host_has_nothing_to_remedy() -> None:
    found = verdicts(GOOD)
    assert {v.verdict for v in found} == {"ok"}
    assert {v.remedy for v in found} == {""}
    assert len({v.feature for v in found}) == len(found)


def test_whatever_is_not_ok_has_a_remedy_of_one_sentence() -> None:
    broken = having(
        namespaces=dict.fromkeys(GOOD["namespaces"], "EPERM: Operation not permitted"),
        zygote={"error": "EPERM: Operation not permitted", "path": ""},
        tun="ENOENT: No such file or directory",
        network_helpers=[],
    )
    for found in verdicts(broken):
        assert bool(found.remedy) == (found.verdict != "ok"), found
        assert "\n" not in found.remedy
        assert found.detail


EPERM = "EPERM: Operation not permitted"
ALL_EPERM = dict.fromkeys(GOOD["namespaces"], EPERM)


@pytest.mark.parametrize(
    ("changes", "detail", "remedy"),
    [
        (
            {"sysctl__user/max_user_namespaces": "0"},
            "user.max_user_namespaces is 0",
            "As root: sysctl user.max_user_namespaces=28633",
        ),
        (
            {"sysctl__kernel/unprivileged_userns_clone": "0"},
            "kernel.unprivileged_userns_clone is 0",
            "As root: sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            {"sysctl__kernel/apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            "As root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ({"chroot": True}, "a chroot surrounds", "Start Jupyter outside of the chroot."),
        ({"filtered": True}, "a seccomp filter surrounds", "seccomp=unconfined"),
        ({}, EPERM, "Ask the administrator"),
    ],
)
def test_why_there_is_no_user_namespace(changes: Any, detail: str, remedy: str) -> None:
    facts = having(namespaces=ALL_EPERM, zygote={"error": EPERM, "path": ""}, **changes)
    found = verdict(facts, "user namespace")
    assert found.verdict == "missing"
    assert detail in found.detail
    assert remedy in found.remedy
    assert verdict(facts, "mount namespace").detail.startswith("needs a user namespace: ")
    assert verdict(facts, "overlay").remedy == found.remedy


def test_apparmor_that_takes_the_rights_away_afterwards_is_found_out() -> None:
    facts = having(
        namespaces={**ALL_EPERM, "user": ""},
        zygote={"error": EPERM, "path": ""},
        **{"sysctl__kernel/apparmor_restrict_unprivileged_userns": "1"},
    )
    assert verdict(facts, "user namespace").verdict == "missing"
    assert verdict(facts, "AppArmor").verdict == "missing"


def test_apparmors_switch_concerns_neither_root_nor_a_program_with_a_profile() -> None:
    switch = {"sysctl__kernel/apparmor_restrict_unprivileged_userns": "1"}
    assert verdict(having(is_root=True, **switch), "AppArmor").verdict == "ok"
    assert "profile allows" in verdict(having(**switch), "AppArmor").detail


def test_linux_without_time_namespaces_is_named() -> None:
    found = verdict(having(namespaces__time="EINVAL: Invalid argument"), "time namespace")
    assert found == Verdict(
        "time namespace",
        "missing",
        "this Linux was built without it",
        "Use a Linux that has time namespaces.",
    )


def test_a_store_that_cannot_be_written_is_said_before_anything_is_tried() -> None:
    found = verdict(having(store="/srv is mounted read-only"), "store")
    assert found.verdict == doctor.MISSING
    assert "read-only" in found.detail
    assert "NBCONTAINER_HOME" in found.remedy


def test_a_store_is_unwritable_below_a_file_and_writable_where_it_can_be_made(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    assert examine._unwritable(f"{tmp_path}/file/store") == f"{tmp_path}/file is not a directory"
    assert examine._unwritable(f"{tmp_path}/a/b/store") == ""
    assert "not writable" in examine._unwritable("/proc/self/store") or os.geteuid() == 0


def single(**changes: Any) -> Verdict:
    return verdict(having(zygote__id_mode="single", **changes), "user ids")


def test_a_single_id_is_limited_and_each_cause_has_its_remedy() -> None:
    found = single(zygote__note="/etc/subuid: no range for ann", subuid=[])
    assert found.verdict == "limited"
    assert found.detail == "one id only: /etc/subuid: no range for ann"
    assert found.remedy == (
        "As root: usermod --add-subuids 165536-231071 --add-subgids 165536-231071 ann"
    )
    assert "Install newuidmap" in single(id_helpers={"newuidmap": "not installed"}).remedy
    assert "no_new_privs" in single(no_new_privileges=True).remedy
    assert "set-user-ID" in single(id_helpers__newuidmap="x is neither set-user-ID root").remedy


def test_a_store_that_cannot_be_written_is_the_blocker() -> None:
    facts = having(zygote={"error": "EACCES: Permission denied", "path": "/home/ann/store"})
    found = verdict(facts, "overlay")
    assert found.detail == "not tried: /home/ann/store: EACCES: Permission denied"
    assert found.remedy.startswith("Make /home/ann/store writable")


def test_a_store_on_an_overlay_is_limited_to_copies() -> None:
    found = verdict(having(zygote__overlay="EINVAL: Invalid argument"), "overlay")
    assert found.verdict == "limited"
    assert "ext4 at /home/ann/store: EINVAL" in found.detail


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("/sys/fs/cgroup is mounted read-only", "writable /sys/fs/cgroup"),
        ("/x/cgroup.controllers does not list it", "Delegate=cpu cpuset memory pids"),
        ("/x is not writable for uid 1: the own group is not delegated", "systemd-run --user"),
        ("/x is not writable for uid 1", "Start as root"),
        ("no v1 hierarchy has this controller", "Boot Linux with this controller"),
    ],
)
def test_a_missing_controller_has_its_reason_and_remedy(reason: str, remedy: str) -> None:
    facts = having(zygote__cgroup=["v1", ["pids"], f"memory: {reason}; cpu: other"])
    found = verdict(facts, "cgroup memory")
    assert (found.verdict, found.detail) == ("missing", reason)
    assert remedy in found.remedy
    assert verdict(facts, "cgroup pids").verdict == "ok"
    assert verdict(facts, "cgroup cpu").detail == "other"


def test_low_hard_limits_are_told() -> None:
    assert verdict(having(zygote__nofile_hard=1024), "hard limits").verdict == "limited"
    assert "processes unlimited" in verdict(GOOD, "hard limits").detail


def test_this_host_is_diagnosed_quickly_and_nothing_is_left(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    first = doctor.diagnose(str(home))
    times = []
    for _ in range(3):
        started = time.perf_counter()
        found = doctor.diagnose(str(home))
        times.append(time.perf_counter() - started)
    assert found == first
    assert min(times) < 0.3
    assert list(tmp_path.iterdir()) == []
    assert {v.verdict for v in found} <= {"ok", "limited", "missing"}


def test_a_host_that_allows_no_user_namespaces_is_diagnosed_for_real(tmp_path: Path) -> None:
    code = """
import os, sys
from nbcontainer.linux import doctor, namespaces, syscalls as s
uid, gid = os.getuid(), os.getgid()
s.unshare(s.CLONE_NEWUSER)
namespaces.write_maps("self", ((0, uid, 1),), ((0, gid, 1),), setgroups=False)
with open("/proc/sys/user/max_user_namespaces", "w") as file: file.write("0")
for v in doctor.diagnose(sys.argv[1]): print(*v, sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=20
    )
    assert "user namespace|missing|user.max_user_namespaces is 0|As root: sysctl" in done.stdout
    assert os.listdir(tmp_path) == []


def test_a_python_that_does_not_start_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    (found,) = doctor.diagnose("/tmp/x")
    assert found.verdict == "missing"
    assert "/no/such/python" in found.detail
    monkeypatch.setattr(sys, "executable", "/bin/false")
    (found,) = doctor.diagnose("/tmp/x")
    assert found.detail.startswith("the trial failed")
