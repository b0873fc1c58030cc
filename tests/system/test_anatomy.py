"""A real container looked over."""

import json
import os

import pytest

from nbcontainer.errors import ContainerNotFound
from tests.needs import needs

pytestmark = needs("userns")


def test_what_runs_is_a_process_of_this_host(engine):
    engine.run("toolbox", ["sh", "-c", "sleep 600 & exec sleep 700"], name="web", detach=True)
    found = engine.anatomy("web")
    assert (found.name, found.status, found.linux) == ("web", "running", os.uname().release)
    assert found.processes[0].pid_inside == 1
    assert "sleep 700" in found.processes[0].command
    for process in found.processes:
        assert os.path.exists(f"/proc/{process.pid_outside}")
    own = {each.kind for each in found.namespaces if each.is_own}
    assert own >= {"user", "mnt", "pid", "net", "ipc", "uts"}
    assert "CAP_SYS_ADMIN" in found.dropped
    assert len(found.kept) == 11
    assert found.layers
    assert {"/", "/proc", "/dev"} <= {mount.target for mount in found.mounts}
    assert not any(hop.detail.count("->") for hop in found.hops)
    assert found.hops[1].is_end


@pytest.mark.parametrize("network", ["bridge", "none", "host", "container:base"])
def test_the_way_of_a_packet_is_told_for_every_network(engine, network):
    engine.run("toolbox", ["sleep", "600"], name="base", detach=True)
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True, network=network)
    hops = engine.anatomy("web").hops
    assert (hops[0].name, hops[-1].detail) == ("outside", "sleep")
    ends = {"bridge": True, "none": True, "host": False, "container:base": False}
    assert hops[1].is_end == ends[network]


def test_a_published_port_is_on_the_way_of_a_packet(engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True, publish=["80"])
    hops = engine.anatomy("web").hops
    assert not any(hop.is_end for hop in hops)
    assert "->80/tcp" in hops[1].detail
    assert hops[2].name == "bridge"


@needs("cgroup")
def test_limits_stand_beside_what_is_used(engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True, memory="64m", cpus="0.5")
    limits = {each.name: each for each in engine.anatomy("web").limits}
    assert limits["memory"].limit == 64 << 20
    assert 0 < limits["memory"].used < 64 << 20
    assert limits["processors"].limit == 0.5
    assert limits["processes"].used == 1


def test_what_is_shared_with_the_host_is_the_hosts(engine):
    engine.run("toolbox", ["sleep", "600"], name="open", detach=True, network="host", pid="host")
    whose = {each.kind: each.is_own for each in engine.anatomy("open").namespaces}
    assert (whose["net"], whose["pid"], whose["mnt"]) == (False, False, True)


def test_what_does_not_run_has_files_only(engine):
    engine.create("toolbox", ["true"], name="still")
    found = engine.anatomy("still")
    assert (found.status, found.processes, found.namespaces) == ("created", (), ())
    assert found.layers
    with pytest.raises(ContainerNotFound):
        engine.anatomy("nope")


def test_the_command_prints_it_and_gives_the_facts(store, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    text = store.cli("anatomy", "web").stdout.decode()
    assert text.startswith("web (")
    assert "Namespaces" in text
    (facts,) = json.loads(store.cli("anatomy", "--format", "json", "web").stdout)
    assert facts["name"] == "web"
    assert store.cli("anatomy", "--format", "{{.status}}", "web").stdout == b"running\n"
    engine.create("toolbox", ["true"], name="still")
    assert "share the Linux kernel" in store.cli("anatomy", "web", "still").stdout.decode()


def test_addresses_stand_in_the_order_of_their_interfaces(engine):
    for name, subnet in (("one", "10.99.1.0/24"), ("two", "10.98.1.0/24")):
        engine.network_create(name, subnet=subnet)
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True, network=["one", "two"])
    hops = engine.anatomy("web").hops
    assert hops[2].name == "one, two"
    inner = hops[3]
    assert inner.name == "eth0, eth1"
    assert [each[:6] for each in inner.detail.split(", ")] == ["10.99.", "10.98."]
