"""Our packets against pyroute2, which reads and writes them on its own."""

import errno
import socket
import struct

import pytest

from nbcontainer.net import netlink
from tests.netspace import in_own_network


def test_attributes_are_padded_and_read_back():
    data = (
        netlink.text(3, "eth0") + netlink.number(10, 7) + netlink.nested(18, netlink.text(1, "x"))
    )
    found = netlink.parse(data)
    assert found[3] == b"eth0\0"
    assert struct.unpack("=I", found[10]) == (7,)
    assert netlink.parse(found[18]) == {1: b"x\0"}


@pytest.mark.parametrize("data", [b"", b"\0", b"\3\0\1\0", b"\xff\xff\1\0", b"\4\0\1\0\4"])
def test_damaged_attributes_end_the_reading(data):
    assert len(netlink.parse(data)) <= 1


def test_pyroute2_reads_what_we_write():
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    body = (
        struct.pack("=BBHiII", 0, 0, 0, 5, 1, 1) + netlink.text(3, "eth0") + netlink.number(4, 1400)
    )
    message = ifinfmsg(netlink.message(16, netlink.CREATE, body, 9))
    message.decode()
    assert (message["index"], message["header"]["sequence_number"]) == (5, 9)
    assert (message.get_attr("IFLA_IFNAME"), message.get_attr("IFLA_MTU")) == ("eth0", 1400)


def test_a_refusal_is_an_error_with_linuxs_number():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            body = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + netlink.text(3, "nothing")
            try:
                netlink.ask(sock, (17, 0, body))
            except OSError as error:
                first = error.errno
            # the socket is in step: the next question gets its own answer
            names = [netlink.parse(d[16:])[3] for d in netlink.dump(sock, 18, bytes(16))]
            return [first, names[0].decode()]

    assert in_own_network(work) == [errno.ENODEV, "lo\0"]


def test_a_socket_from_elsewhere_is_made_ready():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.ROUTE)
    with sock:
        sock.bind((0, 0))
        netlink.prepare(sock)
        assert sock.gettimeout()
