"""Parts of init's steps that need no namespace; the steps themselves run in tests/system."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcontainer.linux import syscalls
from nbcontainer.runtime.steps_inside import Inside, _present, flags_of


def test_a_star_stands_for_every_name_that_begins_so(tmp_path: Path) -> None:
    for name in ("cpu0", "cpu1", "cpu17", "online"):
        (tmp_path / "sys" / name).mkdir(parents=True)
    box = Inside(-1)
    box.stage = str(tmp_path)
    found = set(_present(box, ["/sys/cpu*/thermal_throttle", "/proc/kcore", "/gone/cpu*/x"]))
    cpus = {f"{tmp_path}/sys/{name}/thermal_throttle" for name in ("cpu0", "cpu1", "cpu17")}
    assert found == cpus | {f"{tmp_path}/proc/kcore"}


def test_mount_options_become_the_flags_of_mount() -> None:
    assert flags_of(["ro", "nosuid"]) == syscalls.MS_RDONLY | syscalls.MS_NOSUID
    assert flags_of(["rw"]) == 0
    with pytest.raises(KeyError):
        flags_of(["bogus"])
