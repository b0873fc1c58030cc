"""Limits as pure values."""

from __future__ import annotations

import pytest

from nbcontainer.errors import HostLacks
from nbcontainer.linux.cgroup_limits import limits, require
from nbcontainer.spec.host import CgroupFeatures
from nbcontainer.spec.runtime import Resources


def test_nothing_asked_for_is_nothing_written() -> None:
    assert limits(Resources(), "v1") == ()
    assert limits(Resources(), "v2") == ()


def test_memory_alone_allows_as_much_swap_again() -> None:
    r = Resources(memory_bytes=100)
    assert limits(r, "v1") == (
        ("memory", "memory.limit_in_bytes", "100"),
        ("memory", "memory.memsw.limit_in_bytes", "200"),
    )
    assert limits(r, "v2") == (
        ("memory", "memory.max", "100"),
        ("memory", "memory.swap.max", "100"),
    )


@pytest.mark.parametrize(
    ("swap", "v1", "v2"), [(100, "100", "0"), (150, "150", "50"), (-1, "-1", "max")]
)
def test_swap_is_counted_with_memory_by_docker_and_v1_and_apart_by_v2(
    swap: int, v1: str, v2: str
) -> None:
    r = Resources(memory_bytes=100, memory_swap_bytes=swap)
    assert limits(r, "v1")[1][2] == v1
    assert limits(r, "v2")[1][2] == v2


def test_cpus_are_quota_and_period() -> None:
    r = Resources(cpu_quota_us=150_000, cpu_period_us=100_000)
    assert limits(r, "v1") == (
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("cpu", "cpu.cfs_quota_us", "150000"),
    )
    assert limits(r, "v2") == (("cpu", "cpu.max", "150000 100000"),)
    assert limits(Resources(cpu_period_us=50_000), "v2") == (("cpu", "cpu.max", "max 50000"),)


@pytest.mark.parametrize(
    ("shares", "weight"), [(2, "1"), (1024, "39"), (262144, "10000"), (1, "1")]
)
def test_shares_become_weights(shares: int, weight: str) -> None:
    assert limits(Resources(cpu_shares=shares), "v2") == (("cpu", "cpu.weight", weight),)


def test_pids_without_limit_are_max() -> None:
    assert limits(Resources(pids_limit=-1), "v2") == (("pids", "pids.max", "max"),)
    assert limits(Resources(pids_limit=9), "v1") == (("pids", "pids.max", "9"),)


def test_a_limit_that_cannot_be_enforced_is_refused_with_the_hosts_reason() -> None:
    host = CgroupFeatures(
        "v2", (("pids", "/x"),), "memory: /own/cgroup.controllers does not list it; cpu: other"
    )
    require(Resources(pids_limit=5), host)
    with pytest.raises(HostLacks) as caught:
        require(Resources(memory_bytes=5), host)
    assert caught.value.message == (
        "this host cannot limit memory: /own/cgroup.controllers does not list it"
    )
    assert caught.value.feature == "cgroup memory"
    with pytest.raises(HostLacks, match="limit cpu: other"):
        require(Resources(cpu_shares=5), host)


def test_without_any_control_groups_the_one_reason_counts_for_all() -> None:
    host = CgroupFeatures("none", (), "no cgroup file system is mounted")
    with pytest.raises(HostLacks, match="choose processors: no cgroup file system is mounted"):
        require(Resources(cpuset_cpus="0"), host)
    require(Resources(), host)
