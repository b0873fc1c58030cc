import os

from nbcontainer.net import links, netlink
from tests.netspace import in_own_network


def _made(sock):
    bridge = links.make_bridge(sock, "br0", "02:42:0a:00:00:01", mtu=1400)
    links.add_address(sock, bridge, "10.0.0.1", 24)
    links.add_address(sock, bridge, "fd00::1", 64)
    links.make_veth(
        sock, "v0", bridge=bridge, pid=os.getpid(), peer="eth0", mac="02:42:0a:00:00:02", group=77
    )
    return bridge


def test_a_cable_leads_from_a_bridge_to_a_namespace():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            bridge = _made(sock)
            found = {link.name: link for link in links.links(sock)}
            return [
                found["br0"].kind,
                found["br0"].is_up,
                found["v0"].master == bridge,
                found["v0"].group,
                found["eth0"].mac,
                found["eth0"].is_up,
            ]

    expected = ["bridge", True, True, 77, "02:42:0a:00:00:02", False]
    assert in_own_network(work) == expected


def test_what_is_there_already_is_taken_as_it_is():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            first = links.make_bridge(sock, "br0", "02:42:0a:00:00:01")
            again = links.make_bridge(sock, "br0", "02:42:0a:00:00:01")
            links.add_address(sock, first, "10.0.0.1", 24)
            links.add_address(sock, first, "10.0.0.1", 24)
            return first == again

    assert in_own_network(work) is True


def test_routes_are_listed_with_their_links_and_the_way_out_is_not_among_them():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            bridge = _made(sock)
            eth0 = links.index_of(sock, "eth0")
            links.configure(sock, eth0, [("10.1.0.2", 16)], ["10.1.0.1"])
            found = {(r.destination, r.link == bridge) for r in links.routes(sock)}
            return sorted(map(list, found))

    found = in_own_network(work)
    assert ["10.0.0.0/24", True] in found
    assert ["10.1.0.0/16", False] in found
    assert not any(destination.endswith("/0") for destination, _ in found)


def test_without_an_address_of_version_6_a_link_gives_itself_none():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            _made(sock)
            links.configure(sock, links.index_of(sock, "eth0"), [("10.0.0.2", 24)], [])
        with open("/proc/self/net/if_inet6") as file:
            return [line.split()[-1] for line in file]

    assert "eth0" not in in_own_network(work)


def test_removing_what_is_not_there_is_fine():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            _made(sock)
            links.remove(sock, "v0")
            links.remove(sock, "v0")
            return [
                links.index_of(sock, "v0"),
                links.index_of(sock, "eth0"),
                links.may_change(sock),
            ]

    assert in_own_network(work) == [0, 0, True]


def test_a_link_that_lost_its_bridge_goes_onto_the_next():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            _made(sock)
            links.remove(sock, "br0")
            bridge = links.make_bridge(sock, "br0", "02:42:0a:00:00:01")
            links.add_to_bridge(sock, links.index_of(sock, "v0"), bridge)
            found = {link.name: link.master for link in links.links(sock)}
            return found["v0"] == bridge

    assert in_own_network(work) is True
