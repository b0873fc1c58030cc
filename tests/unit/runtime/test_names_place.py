"""The sockets for names are bound when somebody answers, beside port 53 where that can be."""

import socket
import subprocess

from nbcontainer.net import netlink
from nbcontainer.runtime import names_place
from tests.netspace import in_own_network

ADDRESS = "127.0.0.11"


def _sockets(rules):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    made = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    return [*made, netlink.open_socket(netlink.NETFILTER)] if rules else made


def _ports(rules, taken=0):
    def work():
        made = _sockets(rules)
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if taken:
            other.bind(("0.0.0.0", taken))
        for _ in range(2):
            names_place.take([sock.fileno() for sock in made], ADDRESS)
        return [sock.getsockname()[1] for sock in made[:2]]

    return in_own_network(work)


def test_another_port_is_taken_where_rules_can_be_made():
    assert _ports(rules=True) == [61053, 61053]


def test_a_port_that_somebody_has_is_passed_over():
    assert _ports(rules=True, taken=61053) == [61054, 61054]


def test_port_53_itself_is_taken_where_no_rules_can_be_made():
    assert _ports(rules=False) == [53, 53]
