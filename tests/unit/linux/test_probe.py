"""The probe in the namespaces that a zygote has: real root, many ids, one id."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.linux.probe import FIRST_ID, ID_COUNT, LAST_ID, choose_id_base, taken_ids
from tests.needs import needs

CODE = """
import json, os, sys, time
from nbcontainer.linux import mounts, namespaces, probe, syscalls as s
home, count = sys.argv[1], int(sys.argv[2])
uid, gid = os.getuid(), os.getgid()
def show():
    fds = len(os.listdir("/proc/self/fd"))
    found = probe.probe_features(home, id_base=probe.FIRST_ID, prepare_cgroups=False)
    started = time.perf_counter()
    again = probe.probe_features(home, id_base=probe.FIRST_ID, prepare_cgroups=False)
    took = time.perf_counter() - started
    assert again == found
    names = [n for n in found.__slots__ if n != "cgroup"]
    out = {n: getattr(found, n) for n in names}
    out["fds"] = len(os.listdir("/proc/self/fd")) - fds
    out["took"] = took
    print(json.dumps(out), flush=True)
if count == 0:
    show()
else:
    r, w = os.pipe()
    pid = s.clone_process(s.CLONE_NEWUSER | s.CLONE_NEWNS)
    if pid == 0:
        os.close(w)
        os.read(r, 1)
        os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)
        try: show()
        finally: os._exit(0)
    rest = lambda own: ((0, own, 1),) + (((1, 300000, count - 1),) if count > 1 else ())
    namespaces.write_maps(pid, rest(uid), rest(gid), setgroups=count > 1)
    os.close(w)
    os.waitpid(pid, 0)
"""


def probe(home: Path, count: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(home), str(count)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["fds"] == 0
    assert os.listdir(home / "tmp") == []
    assert found["uid"] == os.getuid()
    assert found["gid"] == os.getgid()
    assert found["machine"] == os.uname().machine
    return found


@needs("root")
def test_root_has_a_range_of_its_own_and_shifts_layers_into_it(tmp_path: Path) -> None:
    found = probe(tmp_path, 0)
    assert (found["id_mode"], found["id_base"], found["id_count"]) == ("root", FIRST_ID, ID_COUNT)
    assert not found["overlay_userxattr"]
    assert found["snapshotter"] in ("overlay", "copy")


@needs("root")
def test_many_ids_are_the_containers_own(tmp_path: Path) -> None:
    found = probe(tmp_path, 1001)
    assert (found["id_mode"], found["id_base"], found["id_count"]) == ("subuid", 0, 1001)
    assert found["overlay_userxattr"]
    assert not found["idmapped_mounts"]
    assert found["mqueue"]


def test_a_single_id_is_enough_for_a_verdict_on_everything(tmp_path: Path) -> None:
    found = probe(tmp_path, 1)
    assert (found["id_mode"], found["id_base"], found["id_count"]) == ("single", 0, 1)
    assert found["seccomp"]
    assert found["last_capability"] >= 37
    assert found["nofile_hard"] > 0


def test_a_place_where_overlay_is_refused_gets_copies(tmp_path: Path) -> None:
    """An overlay is refused where the store itself lies on one."""
    code = """
import os, sys
from nbcontainer.linux import mounts, namespaces, probe, syscalls as s
base, uid, gid = sys.argv[1], os.getuid(), os.getgid()
pid = s.clone_process(s.CLONE_NEWUSER | s.CLONE_NEWNS)
if pid == 0:
    try:
        namespaces.write_maps("self", ((0, uid, 1),), ((0, gid, 1),), setgroups=False)
        for name in ("l", "u", "w", "m"): os.mkdir(f"{base}/{name}")
        mounts.attach(mounts.overlay([base + "/l"], base + "/u", base + "/w", userxattr=True), base + "/m")
        print(probe.probe_features(base + "/m", prepare_cgroups=False).snapshotter, flush=True)
    finally: os._exit(0)
os.waitpid(pid, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=20
    )
    assert done.stdout == "copy\n", done.stderr


def test_a_store_that_cannot_be_written_is_an_error() -> None:
    code = (
        "from nbcontainer.linux import probe\n"
        "try: probe.probe_features('/proc/nothing', prepare_cgroups=False)\n"
        "except OSError as error: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout == "refused\n", done.stderr


def test_a_store_always_gets_the_same_range() -> None:
    first = choose_id_base("/var/lib/nbcontainer", ())
    assert first == choose_id_base("/var/lib/nbcontainer", ())
    assert first != choose_id_base("/var/lib/other", ())
    assert first % ID_COUNT == 0
    assert FIRST_ID <= first <= LAST_ID + 1 - ID_COUNT


def test_a_range_that_is_given_away_is_passed_over() -> None:
    first = choose_id_base("/x", ())
    second = choose_id_base("/x", ((first + ID_COUNT - 1, 1),))
    assert second != first
    assert choose_id_base("/x", ((first + ID_COUNT, 5), (first - 5, 5))) == first


def test_the_last_range_is_followed_by_the_first() -> None:
    assert choose_id_base("/x", ((FIRST_ID + ID_COUNT, LAST_ID),)) == FIRST_ID


def test_when_everything_is_given_away_it_is_said() -> None:
    with pytest.raises(OverflowError, match="no range"):
        choose_id_base("/x", ((0, 1 << 31),))


def test_ranges_of_this_host_are_read() -> None:
    assert all(count > 0 for _, count in taken_ids())
