import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbcontainer.errors import Conflict, InvalidArgument, NetworkNotFound
from nbcontainer.net import ipam
from nbcontainer.spec.network import Network, Subnet
from nbcontainer.store.layout import Layout
from nbcontainer.store.networks import Leases, Networks

SUBNET = Subnet("10.0.0.0/24", "10.0.0.1")


def network(name, number=1):
    return Network(f"{number:064x}", name, number, f"nbc00000-{number:06x}", (SUBNET,))


@pytest.fixture
def layout(tmp_path):
    layout = Layout(f"{tmp_path}/home", f"{tmp_path}/run")
    layout.make()
    return layout


@pytest.fixture
def networks(layout):
    return Networks(layout)


@pytest.fixture
def leases(layout):
    return Leases(layout.run)


def lowest(taken):
    return ipam.free_address(SUBNET, taken)


def test_a_network_is_found_by_name_id_and_the_start_of_its_id(networks):
    made = network("web", 0xA << 252)
    networks.create(made)
    assert networks.get("web") == networks.resolve(made.id) == networks.resolve("a00") == made
    assert networks.list() == [made]


def test_a_name_is_given_once(networks, layout):
    networks.create(network("web"))
    with pytest.raises(Conflict, match="network with name web already exists"):
        networks.create(network("web", 2))
    assert networks.get("web") == network("web")
    assert os.listdir(layout.tmp) == []


def test_one_of_many_who_create_at_once_does(networks):
    def create(number):
        try:
            networks.create(network("web", number))
        except Conflict:
            return 0
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(create, range(1, 9)) if number]
    assert len(winners) == 1
    assert networks.get("web") == network("web", winners[0])


def test_a_start_that_fits_several_is_refused(networks):
    networks.create(network("a1", 1))
    networks.create(network("a2", 2))
    with pytest.raises(InvalidArgument, match="ambiguous"):
        networks.resolve("00")


@pytest.mark.parametrize("name", ["", "nothing", "../x", ".", "a/b", "a\0b", "x" * 300])
def test_what_is_not_there_is_not_found_whatever_it_is_called(networks, name):
    with pytest.raises(NetworkNotFound):
        networks.resolve(name)


def test_a_damaged_definition_is_left_out(networks, layout):
    networks.create(network("web"))
    with open(layout.network("bad"), "w") as file:
        file.write("{")
    assert [each.name for each in networks.list()] == ["web"]


def test_a_removed_network_is_gone(networks):
    networks.create(network("web"))
    networks.remove("web")
    with pytest.raises(NetworkNotFound):
        networks.remove("web")


def test_an_address_is_one_sandboxes_until_it_is_released(leases):
    assert leases.claim("n1", "1.a.b", lowest) == "10.0.0.2"
    assert leases.claim("n1", "2.a.b", lowest) == "10.0.0.3"
    assert leases.of_network("n1") == {"10.0.0.2": "1.a.b", "10.0.0.3": "2.a.b"}
    assert leases.of_sandbox("2.a.b") == {"n1": ["10.0.0.3"]}
    assert leases.sandboxes() == {"1.a.b", "2.a.b"}
    for _ in range(2):
        leases.release("n1", "1.a.b")
    assert leases.claim("n1", "3.a.b", lowest) == "10.0.0.2"
    for sandbox in ("2.a.b", "3.a.b"):
        leases.release("n1", sandbox)
    assert leases.networks() == []


def test_no_address_is_given_twice_however_many_ask(leases):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: leases.claim("n1", f"{n}.a.b", lowest), range(100)))
    assert len(set(found)) == 100


def test_the_lock_is_no_network(leases):
    with leases.lock():
        assert leases.networks() == []
