import socket

import pytest

from nbcontainer.net import forward_udp
from nbcontainer.net.forward import Forwarder


@pytest.fixture(params=["127.0.0.1", "::1"])
def setup(request):
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(10)
    outer = socket.socket(family, socket.SOCK_DGRAM)
    try:
        outer.bind((request.param, 0))
    except OSError as error:
        pytest.skip(f"no address {request.param}: {error}")
    forwarder = Forwarder([(outer, server.getsockname())])
    yield forwarder, outer, server
    forwarder.close()
    for sock in (outer, server):
        sock.close()


def client_of(outer):
    client = socket.socket(outer.family, socket.SOCK_DGRAM)
    client.connect(outer.getsockname()[:2])
    client.settimeout(10)
    return client


def test_an_answer_goes_back_to_who_asked(setup):
    forwarder, outer, server = setup
    clients = [client_of(outer) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(b"question %d" % number)
        forwarder.step(10)
    for _ in clients:
        data, peer = server.recvfrom(100)
        server.sendto(data.replace(b"question", b"answer"), peer)
        forwarder.step(10)
    for number, client in enumerate(clients):
        assert client.recv(100) == b"answer %d" % number
        client.close()


def test_a_large_datagram_stays_whole(setup):
    forwarder, outer, server = setup
    with client_of(outer) as client:
        client.send(b"x" * 60_000)
        forwarder.step(10)
        assert len(server.recv(65_535)) == 60_000


def test_where_nobody_listens_the_next_datagram_is_tried_all_the_same(setup):
    forwarder, outer, server = setup
    address = server.getsockname()
    server.close()  # closing it again does nothing
    with client_of(outer) as client:
        for _ in range(3):
            client.send(b"lost")
            forwarder.step(1)
        again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with again:
            again.bind(address)
            again.settimeout(0.05)
            for _ in range(100):
                client.send(b"found")
                forwarder.step(1)
                try:
                    assert again.recv(100) == b"found"
                    break
                except TimeoutError:
                    continue
            else:
                pytest.fail("no datagram arrived")


def test_the_oldest_peer_makes_room_when_there_are_too_many(setup, monkeypatch):
    forwarder, outer, server = setup
    monkeypatch.setattr(forward_udp, "_MOST_PEERS", 2)
    clients = [client_of(outer) for _ in range(4)]
    for client in clients:
        client.send(b"x")
        forwarder.step(10)
    peers = {server.recvfrom(10)[1] for _ in clients}
    assert len(peers) == 4
    for peer in peers:
        server.sendto(b"y", peer)
    for _ in range(3):
        forwarder.step(0.1)
    clients[3].settimeout(10)
    assert clients[3].recv(10) == b"y"
    for client in clients:
        client.close()
