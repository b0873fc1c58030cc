"""The directories above containers' groups, on directories that stand for a hierarchy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbcontainer.linux import cgroup, cgroup_above


def test_forgetting_leaves_what_is_in_use(tmp_path: Path) -> None:
    controllers = [(name, str(tmp_path / name)) for name in ("pids", "freezer", "memory")]
    for _, parent in controllers[:2]:
        cgroup_above.make("v1", parent, ["pids"])
    (tmp_path / "pids/box").mkdir()
    cgroup_above.forget(controllers)
    assert (tmp_path / "pids/box").exists()
    assert not (tmp_path / "freezer").exists()


def test_a_cpuset_gets_the_processors_of_what_it_lies_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.mkdir

    def mkdir(path: str, mode: int = 0o777) -> None:
        real(path, mode)
        # as Linux does
        for name in ("cpuset.cpus", "cpuset.mems"):
            Path(path, name).write_text("\n")

    (tmp_path / "cpuset.cpus").write_text("0-3\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    monkeypatch.setattr(os, "mkdir", mkdir)
    for _ in range(2):
        cgroup_above.make("v1", str(tmp_path / "above"), ["cpuset"])
    assert (tmp_path / "above/cpuset.cpus").read_text() == "0-3"


def test_v2_hands_on_what_was_not(tmp_path: Path) -> None:
    parent = tmp_path / "above"
    parent.mkdir()
    control = parent / "cgroup.subtree_control"
    control.write_text("memory\n")
    cgroup_above.make("v2", str(parent), ["memory", "freezer"])
    assert control.read_text() == "memory\n"
    cgroup_above.make("v2", str(parent), ["memory", "pids", "freezer"])
    assert control.read_text().startswith("+pids")


def test_a_group_is_made_though_what_is_above_goes_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another store's last group goes at the very moment."""
    parent, left = str(tmp_path / "above"), [2]
    real = cgroup_above.make

    def make(mode: str, parent: str, names: list[str]) -> None:
        real(mode, parent, names)
        left[0] -= 1
        if left[0] >= 0:
            cgroup_above.forget([("pids", parent)])

    monkeypatch.setattr(cgroup_above, "make", make)
    cgroup.make("v1", [("pids", parent)], "box")
    assert os.path.isdir(f"{parent}/box")
    assert cgroup.remove("v1", [("pids", parent)], "box")
    left[0] = 100
    cgroup_above.forget([("pids", parent)])
    with pytest.raises(FileNotFoundError):
        cgroup.make("v1", [("pids", parent)], "box")
