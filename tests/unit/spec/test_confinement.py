"""The default profile of /proc, /sys and /dev, and what --privileged takes away from it."""

from __future__ import annotations

import pytest

from nbcontainer.spec import confinement
from nbcontainer.spec.confinement import (
    kernel_mounts,
    masked_paths,
    network_sysctls,
    read_only_paths,
)


@pytest.mark.parametrize(
    "path",
    [
        *("/proc/" + name for name in ("acpi", "asound", "interrupts", "kcore", "keys")),
        *("/proc/" + name for name in ("latency_stats", "sched_debug", "scsi")),
        *("/proc/" + name for name in ("timer_list", "timer_stats")),
        "/sys/firmware",
        "/sys/devices/virtual/powercap",
        "/sys/devices/system/cpu/cpu*/thermal_throttle",
    ],
)
def test_paths_of_the_promised_profile_are_masked(path: str) -> None:
    assert path in masked_paths()
    assert path not in masked_paths(privileged=True)


def test_paths_that_steer_linux_are_read_only() -> None:
    promised = {"/proc/" + name for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")}
    assert set(read_only_paths()) == promised
    assert read_only_paths(privileged=True) == ()


def test_every_default_mount_ignores_set_user_id_programs() -> None:
    for privileged in (False, True):
        for mount in kernel_mounts(privileged=privileged):
            assert "nosuid" in mount.options
            assert "noexec" in mount.options


def test_mounts_come_parents_first() -> None:
    targets = [mount.target for mount in kernel_mounts()]
    for place, target in enumerate(targets):
        parent = target.rsplit("/", 1)[0]
        assert parent == "" or parent == "/sys/fs" or parent in targets[:place]


def test_sysfs_and_cgroup_are_read_only_unless_privileged() -> None:
    def writable(privileged: bool) -> set[str]:
        mounts = kernel_mounts(privileged=privileged)
        return {mount.target for mount in mounts if not mount.read_only}

    assert not {"/sys", "/sys/fs/cgroup"} & writable(False)
    assert {"/sys", "/sys/fs/cgroup"} <= writable(True)


def test_the_hosts_sys_stays_read_only_even_for_a_privileged_container() -> None:
    (sys,) = [m for m in kernel_mounts(privileged=True, own_network=False) if m.target == "/sys"]
    assert sys.type == "bind"
    assert sys.read_only


def test_a_single_id_has_no_group_for_ttys() -> None:
    def pts(single_id: bool) -> str:
        return next(m.data for m in kernel_mounts(single_id=single_id) if m.target == "/dev/pts")

    assert "gid=5" in pts(False)
    assert "gid=" not in pts(True)
    assert "newinstance" in pts(True)


def test_a_shared_ipc_namespace_brings_its_own_shm() -> None:
    targets = {mount.target for mount in kernel_mounts(private_ipc=False)}
    assert not {"/dev/shm", "/dev/mqueue"} & targets
    shm = next(m for m in kernel_mounts(shm_size_bytes=4096) if m.target == "/dev/shm")
    assert shm.data == "mode=1777,size=4096"


def test_no_device_that_reaches_memory_disks_or_the_network_is_made() -> None:
    assert {name for name, _, _ in confinement.DEVICE_NODES} == {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
    }
    assert dict(confinement.DEVICE_LINKS)["ptmx"] == "pts/ptmx"


def test_the_ping_range_stays_within_the_mapped_ids() -> None:
    assert dict(network_sysctls(65536))["net/ipv4/ping_group_range"] == "0 65535"
    assert dict(network_sysctls(1))["net/ipv4/ping_group_range"] == "0 0"
