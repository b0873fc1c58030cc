"""Kills in the middle of networks: nothing is left, and what lives goes on."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbcontainer.errors import Conflict, EngineError
from nbcontainer.net import links, netlink
from nbcontainer.runtime import networks
from nbcontainer.store.networks import Leases
from tests.needs import needs
from tests.netspace import in_own_network
from tests.system.aftermath import scaled, wait_until
from tests.system.test_ports import echoed, published, serve

pytestmark = needs("userns", "bridge")


def leased(engine):
    return Leases(engine.host.layout.run).sandboxes()


def state_of(engine, name):
    return engine.host.containers.state(engine.host.containers.resolve(name))


def test_a_killed_shims_address_and_port_are_free_again(fresh_store):
    engine = fresh_store.engine()
    engine.network_create("front", subnet="10.221.0.0/24")
    serve(engine, network="front", ip="10.221.0.7", publish=["7"])
    port = published(engine)
    state = state_of(engine, "web")
    os.kill(state.shim_pid, signal.SIGKILL)
    wait_until(lambda: engine.ps(all=True)[0]["State"] == "exited", "the kill is noticed")
    # whatever could not be undone from here is swept by the next helper
    fresh_store.quit()
    again = fresh_store.engine()
    again.host.features  # noqa: B018
    wait_until(lambda: state.sandbox not in leased(again), "the address is free")
    serve(again, name="next", network="front", ip="10.221.0.7", publish=[f"{port}:7"])
    assert echoed("127.0.0.1", port) == b"hello"


def test_shims_killed_at_any_moment_leave_no_address(fresh_store):
    engine = fresh_store.engine()
    engine.network_create("front")
    engine.run("toolbox", ["true"], rm=True, network="front")
    for number in range(scaled(8, 100)):
        session = engine.run_session("toolbox", ["sleep", "1000"], network="front", publish=["7"])
        try:
            session.read(timeout=0.001 + 0.002 * number)
        except TimeoutError:
            pass
        state = state_of(engine, session.container_id)
        if state.shim_pid:
            os.kill(state.shim_pid, signal.SIGKILL)
        session.close()
    ids = engine.ps(all=True).ids
    engine.rm(*ids, force=True)
    fresh_store.quit()
    again = fresh_store.engine()
    again.host.features  # noqa: B018
    network = again.host.networks.get("front")
    leases = Leases(again.host.layout.run)
    wait_until(lambda: not leases.of_network(network.id), "no address of the network is held")
    again.network_rm("front")


def test_containers_and_names_outlive_the_zygote(fresh_store):
    engine = fresh_store.engine()
    engine.network_create("front")
    serve(engine, network="front", publish=["7"])
    port = published(engine)
    fresh_store.quit()
    assert echoed("127.0.0.1", port) == b"hello"
    again = fresh_store.engine()
    again.run("python", ["sleep", "1000"], detach=True, name="client", network="front")
    program = (
        "import socket; print(socket.create_connection(('web', 7), timeout=10).getpeername()[0])"
    )
    found = again.exec("client", ["python3", "-c", program]).text.strip()
    assert found == again.inspect("web")["NetworkSettings"]["Networks"]["front"]["IPAddress"]


def test_a_killed_keeper_keeps_the_stores_own_namespace(fresh_store):
    engine = fresh_store.engine()
    if engine.host.features.network != "own":
        pytest.skip("bridges are beside the host's own links here")
    from tests.system.test_names import _keeper

    serve(engine)
    with open(f"{engine.host.layout.run}/space") as file:
        space = file.read()
    os.kill(_keeper(engine), signal.SIGKILL)
    engine.network_create("front")
    engine.run("python", ["sleep", "1000"], detach=True, name="client", network=["front", "bridge"])
    with open(f"{engine.host.layout.run}/space") as file:
        assert file.read() == space
    address = engine.inspect("web")["NetworkSettings"]["IPAddress"]
    program = f"import socket; socket.create_connection(('{address}', 7), timeout=10)"
    assert engine.exec("client", ["python3", "-c", program]).exit_code == 0


def test_a_bridge_is_made_while_linux_takes_down_who_was_on_the_last(monkeypatch):
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            index = links.make_bridge(sock, "nbc00000-ffffff", "02:42:0a:00:00:01")
            ghost = links.Link(999, "gone", "veth", True, 0, "", int("f" * 7, 16))
            monkeypatch.setattr(links, "links", lambda sock: [ghost])
            networks._take_back(sock, index, {"network": "f" * 64})
            return "done"

    assert in_own_network(work) == "done"


def test_two_notebooks_create_networks_at_once(store):
    engines = [store.engine() for _ in range(4)]
    engines[0].host.features  # noqa: B018

    def create(number):
        try:
            engines[number % 4].network_create(f"n{number // 2}")
        except Conflict:
            return 1
        return 0

    with ThreadPoolExecutor(4) as pool:
        refused = sum(pool.map(create, range(16)))
    assert refused == 8
    subnets = [network.subnets[0].subnet for network in engines[0].host.networks.list()]
    assert len(set(subnets)) == len(subnets) == 9


def test_many_containers_on_one_network_have_an_address_each(engine):
    count = scaled(24, 200)
    engine.network_create("crowd")

    def start(number):
        engine.run("toolbox", ["sleep", "1000"], detach=True, name=f"c{number}", network="crowd")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(count)))
    members = engine.inspect("crowd", type="network")["Containers"].values()
    assert len({member["IPv4Address"] for member in members}) == count


def test_a_start_that_is_refused_leaves_neither_address_nor_port(fresh_store):
    engine = fresh_store.engine()
    engine.network_create("front")
    network = engine.host.networks.get("front")
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(EngineError):
            engine.run("toolbox", ["true"], network="front", publish=["7", f"{number}:8"])
    leases = Leases(engine.host.layout.run)
    wait_until(lambda: not leases.of_network(network.id), "the address is given back")
