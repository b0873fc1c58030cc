from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.flags_limits import resources, shm_size
from nbcontainer.spec.runtime import Resources


def test_nothing_asked_is_nothing_limited() -> None:
    assert resources({}) == Resources()
    assert resources({"memory": "", "cpus": "", "cpuset_cpus": ""}) == Resources()


def test_quota_and_period_stand_as_they_were_given() -> None:
    limits = resources({"cpu_quota": "50000", "cpu_period": 100000, "cpu_shares": "512"})
    assert limits == Resources(cpu_quota_us=50000, cpu_period_us=100000, cpu_shares=512)
    assert resources({"cpu_quota": -1}).cpu_quota_us == 0


def test_a_number_of_cpus_is_compared_only_where_it_is_known() -> None:
    assert resources({"cpus": "100"}).cpu_quota_us == 10_000_000
    assert resources({"cpuset_cpus": "0-3,7"}).cpuset_cpus == "0-3,7"
    for flags in ({"cpus": "0.001"}, {"cpus": "-1"}, {"cpuset_cpus": "3-1"}, {"cpuset_cpus": ","}):
        with pytest.raises(InvalidArgument):
            resources(flags)


@pytest.mark.parametrize(
    "flags",
    [{"pids_limit": "x"}, {"cpu_shares": -3}, {"cpu_shares": "1.5"}, {"memory": "-1"}],
)
def test_what_is_no_number_is_refused(flags: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        resources(flags)


def test_shm_size_of_zero_is_dockers_default() -> None:
    assert shm_size(None) == shm_size(0) == 64 << 20
    assert shm_size("1g") == 1 << 30
    with pytest.raises(InvalidArgument, match="--shm-size"):
        shm_size("-1")
