import pytest

from nbcontainer.runtime.plan import CLONE, STAGE
from nbcontainer.runtime.planner import plan_for, sandbox_steps
from nbcontainer.spec.runtime import Mount, Namespaces, Resources, Security
from nbcontainer.values import replace
from tests.golden.hosts import HOSTS
from tests.plans import CONFIG, PLACES, names, one


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_of_the_image_is_reachable_before_the_kernels_files_are_masked(host):
    order = names(host=host)
    assert order.index("mask") < order.index("attach_rootfs")
    assert order.index("make_read_only") < order.index("attach_rootfs")


@pytest.mark.parametrize("host", HOSTS)
def test_a_user_namespace_is_made_whoever_runs_it(host):
    assert "user" in one("clone", host=host)["namespaces"]


def test_a_host_without_cgroups_makes_none_and_enters_none():
    assert {"make_cgroup", "enter_cgroup", "mount_cgroup"}.isdisjoint(names(host="user-single"))


def test_a_shared_network_brings_its_user_namespace():
    config = replace(CONFIG, namespaces=Namespaces(network="container:b"))
    places = replace(PLACES, shared=(("b", 5, 6),))
    assert one("join", config, places=places)["namespaces"] == {"user": "b", "network": "b"}
    clone = one("clone", config, places=places)["namespaces"]
    assert {"user", "network"}.isdisjoint(clone)


def test_the_hosts_network_is_neither_made_nor_changed():
    order = names(replace(CONFIG, namespaces=Namespaces(network="host")))
    assert {"loopback", "sysctl"}.isdisjoint(order)


def test_privileged_gives_the_confinement_up_and_keeps_the_user_namespace():
    config = replace(CONFIG, security=Security(("ALL",), privileged=True))
    order = names(config)
    assert {"mask", "seccomp", "no_new_privileges"}.isdisjoint(order)
    assert "user" in one("clone", config)["namespaces"]


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_made_beforehand_is_how_every_plan_begins(host):
    prepared = sandbox_steps(CONFIG, HOSTS[host], PLACES)
    assert {step.phase for step in prepared} == {CLONE, STAGE}
    other = replace(CONFIG, args=("ls",), env=("A=1",), mounts=(Mount("tmpfs", "/a"),))
    assert plan_for(other, HOSTS[host], PLACES).steps[: len(prepared)] == prepared


def test_the_same_values_give_the_same_plan():
    assert plan_for(CONFIG, HOSTS["root-v1"], PLACES) == plan_for(CONFIG, HOSTS["root-v1"], PLACES)


def test_cpus_are_chosen_in_a_controller_that_is_else_left_alone():
    config = replace(CONFIG, resources=Resources(cpuset_cpus="0"))
    with_cpus = dict(one("make_cgroup", config)["controllers"])
    assert with_cpus.keys() - dict(one("make_cgroup")["controllers"]).keys() == {"cpuset"}


def test_a_joined_container_that_ended_is_named_by_no_process():
    config = replace(CONFIG, namespaces=Namespaces(ipc="container:b"))
    assert one("join", config)["processes"] == {"b": [0, 0]}
    assert one("bind_shared", config)["process"] == [0, 0]
