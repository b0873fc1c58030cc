"""The forwarder between real sockets: `step` is called here, so that everything happens in one thread."""

import os
import resource
import select
import socket
import threading

import pytest

from nbcontainer.net.forward import Forwarder


class Server:
    """What runs in the container: takes connections when it is told to."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = self.listener.getsockname()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.listener.close()


@pytest.fixture
def forwarder(server):
    """A forwarder that runs in a thread of the test's until the test ends."""
    outer = socket.create_server(("127.0.0.1", 0), backlog=256)
    made = Forwarder([(outer, server.address)])
    wake_read, wake_write = os.pipe()
    made.watch(wake_read, lambda: setattr(made, "is_running", False))
    thread = threading.Thread(target=made.run)
    thread.start()
    made.address = outer.getsockname()
    yield made
    os.write(wake_write, b"x")
    thread.join(10)
    outer.close()
    for descriptor in (wake_read, wake_write):
        os.close(descriptor)
    assert not thread.is_alive()


def connect(forwarder, server):
    outside = socket.create_connection(forwarder.address, timeout=10)
    inside, _ = server.listener.accept()
    inside.settimeout(10)
    return outside, inside


def read_all(sock):
    parts = []
    while part := sock.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def test_bytes_go_both_ways_and_the_end_is_passed_on(forwarder, server):
    outside, inside = connect(forwarder, server)
    with outside, inside:
        outside.sendall(b"hello")
        assert inside.recv(100) == b"hello"
        inside.sendall(b"world")
        assert outside.recv(100) == b"world"
        outside.shutdown(socket.SHUT_WR)
        assert inside.recv(100) == b""


def test_a_half_closed_connection_goes_on_in_the_other_direction(forwarder, server):
    outside, inside = connect(forwarder, server)
    with outside, inside:
        outside.shutdown(socket.SHUT_WR)
        assert inside.recv(1) == b""
        inside.sendall(b"late" * 100_000)
        inside.shutdown(socket.SHUT_WR)
        assert read_all(outside) == b"late" * 100_000


@pytest.mark.parametrize("size", [1, 65_536, 65_537, 8_000_000])
def test_every_byte_arrives_however_many_there_are(forwarder, server, size):
    outside, inside = connect(forwarder, server)
    data = os.urandom(size)

    def send():
        outside.sendall(data)
        outside.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    with outside, inside:
        assert read_all(inside) == data
        sender.join(10)


def test_who_does_not_read_stops_who_writes_and_nobody_else(forwarder, server):
    outside, inside = connect(forwarder, server)
    other, its_inside = connect(forwarder, server)
    with outside, inside, other, its_inside:
        outside.setblocking(False)
        sent = 0
        # as long as there is room for more within a moment
        while select.select([], [outside], [], 0.3)[1]:
            try:
                sent += outside.send(b"x" * 1_000_000)
            except BlockingIOError:
                continue
        assert sent < 64 << 20
        other.sendall(b"still here")
        assert its_inside.recv(100) == b"still here"
        got = 0
        while got < sent:
            got += len(inside.recv(1 << 20))
        assert got == sent


def test_a_reset_is_passed_on_as_a_reset(forwarder, server):
    outside, inside = connect(forwarder, server)
    with outside:
        outside.sendall(b"x")
        assert inside.recv(1) == b"x"
        inside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        inside.close()
        with pytest.raises(ConnectionResetError):
            while True:
                outside.sendall(b"y")
                select.select([outside], [], [], 0.05)


def test_where_nobody_listens_inside_the_connection_is_reset(forwarder, server):
    server.listener.close()
    # the reset may come while the connection is only being made
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(forwarder.address, timeout=10) as outside,
    ):
        outside.recv(1)


def test_a_hundred_at_once_are_all_served(forwarder, server):
    outsides = [socket.create_connection(forwarder.address, timeout=10) for _ in range(100)]
    for number, outside in enumerate(outsides):
        outside.sendall(b"%03d" % number)
    seen = set()
    for _ in outsides:
        inside, _ = server.listener.accept()
        with inside:
            inside.settimeout(10)
            seen.add(inside.recv(3))
    assert len(seen) == 100
    for outside in outsides:
        outside.close()


def test_with_no_descriptor_left_it_waits_until_somebody_leaves(server):
    outer = socket.create_server(("127.0.0.1", 0), backlog=64)
    made = Forwarder([(outer, server.address)])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    clients = [socket.create_connection(outer.getsockname(), timeout=10) for _ in range(8)]
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 6, before[1]))
    try:
        for _ in range(20):
            made.step(0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    server.listener.settimeout(10)
    first, _ = server.listener.accept()
    first.close()
    for client in clients[:2]:
        client.close()
    accepted = 1
    server.listener.setblocking(False)
    for _ in range(200):
        made.step(0.01)
        try:
            server.listener.accept()[0].close()
            accepted += 1
        except BlockingIOError:
            continue
        if accepted == len(clients):
            break
    assert accepted == len(clients)
    made.close()
    for sock in (*clients, outer):
        sock.close()
