"""Hosts of every kind, made of directories: v1, hybrid, v2 of a user's session, v2 of a pod, none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nbcontainer.linux import cgroup_above, cgroup_discovery, mounts
from nbcontainer.linux.cgroup_discovery import discover, prepare
from nbcontainer.spec.host import CgroupFeatures
from tests.needs import needs

V1 = ("memory", "pids", "cpu,cpuacct", "cpuset", "freezer")


def v1_host(root: Path, own: str = "/job", seen: str = "/") -> tuple[str, list[mounts.MountEntry]]:
    """Make hierarchies whose mounts show the part `seen`, with the own group in each."""
    lines, table = [], []
    for number, names in enumerate(V1, 2):
        below = own if seen == "/" else own[len(seen) :]
        (root / names / below.lstrip("/")).mkdir(parents=True)
        lines.append(f"{number}:{names}:{own}")
        table.append(
            f"3{number} 31 0:3{number} {seen} {root}/{names} rw - cgroup cgroup rw,{names}"
        )
    return "\n".join(lines) + "\n0::/\n", mounts.parse("\n".join(table))


def v2_host(root: Path, own: str, given: str) -> tuple[str, list[mounts.MountEntry]]:
    directory = root / own.lstrip("/")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cgroup.procs").write_text("11\n12\n")
    (directory / "cgroup.subtree_control").write_text("")
    (directory / "cgroup.controllers").write_text(given + "\n")
    return f"0::{own}\n", mounts.parse(f"30 23 0:26 / {root} rw - cgroup2 cgroup2 rw,nsdelegate\n")


def test_v1_maps_each_controller_to_its_own_hierarchy(tmp_path: Path) -> None:
    found = discover(*v1_host(tmp_path))
    assert found.mode == "v1"
    assert found.parent("memory") == f"{tmp_path}/memory/job/nbcontainer"
    assert found.parent("cpu") == found.parent("cpuacct")
    assert found.blocker == ""


def test_a_hybrid_host_counts_as_v1(tmp_path: Path) -> None:
    own, table = v1_host(tmp_path)
    _, unified = v2_host(tmp_path / "unified", "/", "hugetlb")
    assert discover(own, table + unified) == discover(own, table)


def test_a_part_of_a_hierarchy_mounted_by_docker_is_understood(tmp_path: Path) -> None:
    found = discover(*v1_host(tmp_path, "/docker/abc/x", seen="/docker/abc"))
    assert found.parent("pids") == f"{tmp_path}/pids/x/nbcontainer"


def test_another_part_of_a_hierarchy_is_of_no_use(tmp_path: Path) -> None:
    own, table = v1_host(tmp_path, "/docker/abc", seen="/docker/abc")
    found = discover(own.replace("/docker/abc", "/docker/abcd"), table)
    assert found.mode == "none"
    assert (
        f"memory: the own group /docker/abcd is not seen under {tmp_path}/memory" in found.blocker
    )
    outside = discover(own.replace("/docker/abc", "/../other"), table)
    assert outside.mode == "none"


def test_a_group_that_is_not_there_is_named(tmp_path: Path) -> None:
    own, table = v1_host(tmp_path)
    (tmp_path / "memory/job").rmdir()
    found = discover(own, table)
    assert found.parent("memory") is None
    assert found.parent("pids")
    assert found.blocker == f"memory: {tmp_path}/memory/job: No such file or directory"


@needs("user")
def test_v1_that_belongs_to_root_is_of_no_use_to_a_user(tmp_path: Path) -> None:
    own, table = v1_host(tmp_path)
    for names in V1:
        (tmp_path / names / "job").chmod(0o555)
    found = discover(own, table)
    assert found.mode == "none"
    assert f"{tmp_path}/pids/job is not writable for uid {os.getuid()}" in found.blocker


def test_v2_of_a_session_that_was_given_some_controllers(tmp_path: Path) -> None:
    own = "/user.slice/user@1000.service/app.slice/jupyter.scope"
    found = discover(*v2_host(tmp_path, own, "memory pids"))
    assert found.mode == "v2"
    assert found.parent("memory") == found.parent("freezer") == f"{tmp_path}{own}/nbcontainer"
    assert found.blocker == "; ".join(
        f"{name}: {tmp_path}{own}/cgroup.controllers does not list it" for name in ("cpu", "cpuset")
    )


def test_v2_of_a_pod_with_its_own_root(tmp_path: Path) -> None:
    found = discover(*v2_host(tmp_path, "/", "cpuset cpu memory pids"))
    assert found.parent("cpu") == f"{tmp_path}/nbcontainer"
    assert found.blocker == ""


def test_the_leaf_that_processes_were_moved_to_is_not_the_own_group(tmp_path: Path) -> None:
    v2_host(tmp_path, "/a.scope", "memory pids")
    own, table = v2_host(tmp_path, "/a.scope/nbcontainer.leaf", "")
    assert discover(own, table).parent("memory") == f"{tmp_path}/a.scope/nbcontainer"


def test_v2_that_was_not_delegated_says_which_file(tmp_path: Path) -> None:
    own, table = v2_host(tmp_path, "/session-3.scope", "memory pids")
    path = tmp_path / "session-3.scope/cgroup.subtree_control"
    path.unlink()
    found = discover(own, table)
    assert found.mode == "none"
    assert found.blocker.startswith(f"{path} is not writable for uid ")
    assert found.blocker.endswith("the own group is not delegated")


def test_without_any_mount_there_is_nothing() -> None:
    found = discover("", [])
    assert found == CgroupFeatures("none", (), "no cgroup file system is mounted")


def test_this_host_is_discovered_and_forgotten() -> None:
    found = prepare(cgroup_discovery.host())
    assert found.mode in ("v1", "v2", "none")
    if found.mode == "none":
        assert found.blocker
    cgroup_above.forget(found.parents)


class FakeV2:
    """The one rule of v2 that matters: a group with processes hands no controllers on."""

    def __init__(self, own: Path) -> None:
        self.own = own
        self.refusals = 0

    def enable(self, directory: str, names: list[str]) -> None:
        path = Path(directory)
        if path == self.own and self.procs(path):
            self.refusals += 1
            raise OSError(errno.EBUSY, "busy", str(path / "cgroup.subtree_control"))
        control = path / "cgroup.subtree_control"
        have = control.read_text().split() if control.exists() else []
        control.write_text(" ".join([*have, *names]))

    def procs(self, path: Path) -> list[str]:
        """Leave out those that were moved: a file keeps what was written last."""
        leaf = path / "nbcontainer.leaf/cgroup.procs"
        moved = leaf.exists() and leaf.read_text()
        return [] if moved else (path / "cgroup.procs").read_text().split()


def test_v2_moves_what_is_there_into_a_leaf_and_hands_controllers_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "a.scope"
    features = discover(*v2_host(tmp_path, "/a.scope", "memory pids cpu cpuset"))
    fake = FakeV2(own)
    monkeypatch.setattr(cgroup_above, "enable", fake.enable)
    (own / "nbcontainer.leaf").mkdir()
    (own / "nbcontainer.leaf/cgroup.procs").write_text("")
    assert prepare(features) == features
    assert fake.refusals == 1
    assert (own / "nbcontainer.leaf/cgroup.procs").read_text() == "12"  # the last one written
    for directory in (own, own / "nbcontainer"):
        handed = (directory / "cgroup.subtree_control").read_text().split()
        assert sorted(handed) == ["cpu", "cpuset", "memory", "pids"]


def test_a_controller_that_linux_refuses_is_given_up_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = discover(*v2_host(tmp_path, "/", "memory pids"))

    def enable(directory: str, names: list[str]) -> None:
        if names == ["memory"]:
            raise OSError(errno.ENOENT, "No such file or directory", f"{directory}/x")

    monkeypatch.setattr(cgroup_above, "enable", enable)
    found = prepare(features)
    assert found.mode == "v2"
    assert found.parent("memory") is None
    assert found.parent("pids")
    assert f"memory: {tmp_path}/x: No such file or directory" in found.blocker
