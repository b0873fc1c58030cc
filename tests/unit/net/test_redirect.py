"""Questions to port 53 of one address are answered at another port of it, and 53 stays free."""

import socket
import subprocess

from nbcontainer.net import netlink, redirect
from tests.netspace import in_own_network

NAMES, PORT, OTHER = "127.0.0.11", 53, 61053


def _echo(kind, to_port):
    with (
        socket.socket(socket.AF_INET, kind) as server,
        socket.socket(socket.AF_INET, kind) as asker,
    ):
        server.bind((NAMES, to_port))
        asker.settimeout(5)
        if kind == socket.SOCK_STREAM:
            server.listen()
        asker.connect((NAMES, PORT))
        asker.send(b"?")
        if kind == socket.SOCK_STREAM:
            with server.accept()[0] as stream:
                return stream.recv(9).decode()
        packet, peer = server.recvfrom(9)
        server.sendto(packet + b"!", peer)
        return asker.recv(9).decode()


def test_both_protocols_are_led_and_the_port_itself_is_free():
    def work():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with netlink.open_socket(netlink.NETFILTER) as sock:
            for number in (OTHER + 1, OTHER):
                redirect.lead(sock, NAMES, PORT, number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("0.0.0.0", PORT))
            return [_echo(socket.SOCK_DGRAM, OTHER), _echo(socket.SOCK_STREAM, OTHER)]

    assert in_own_network(work) == ["?!", "?"]


def test_forgetting_is_idempotent():
    def work():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            redirect.lead(sock, NAMES, PORT, OTHER)
            redirect.forget(sock)
            redirect.forget(sock)
        return True

    assert in_own_network(work)
