import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.net import proxy
from nbcontainer.net.proxy import Refused, is_allowed, parse_head


@pytest.mark.parametrize(
    ("head", "host", "port", "first"),
    [
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test", "a.test", 443, b""),
        (b"CONNECT [fd00::1]:443 HTTP/1.1", "fd00::1", 443, b""),
        (b"GET http://a.test/x?y HTTP/1.1\r\nHost: a.test", "a.test", 80, b"GET /x?y HTTP/1.1"),
        (b"GET http://a.test HTTP/1.0", "a.test", 80, b"GET / HTTP/1.0"),
        (b"POST http://me:pw@a.test:81/ HTTP/1.1", "a.test", 81, b"POST / HTTP/1.1"),
    ],
)
def test_a_request_says_where_it_is_to_go(head, host, port, first):
    found = parse_head(head)
    assert found[:2] == (host, port)
    assert found[2].split(b"\r\n")[0] == first


def test_what_is_for_the_proxy_alone_is_not_passed_on():
    sent = parse_head(
        b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: Basic x\r\n"
        b"Connection: keep-alive\r\nX: y"
    )[2]
    assert b"Proxy-" not in sent
    assert sent.count(b"Connection: close") == 1
    assert sent.endswith(b"X: y\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [b"", b"GET / HTTP/1.1", b"GET ftp://a/ HTTP/1.1", b"CONNECT a HTTP/1.1", b"x", b"a b c d",
     b"CONNECT :443 HTTP/1.1", b"GET http://a:99999/ HTTP/1.1", b"GET http://a/ SPDY/3"],
)  # fmt: skip
def test_what_is_no_request_to_a_proxy_is_refused(head):
    with pytest.raises(Refused):
        parse_head(head)


@given(st.binary(max_size=100))
def test_no_head_breaks_the_parser(head):
    try:
        parse_head(head)
    except Refused:
        pass


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "169.254.169.254",
     "fe80::1%eth0", "224.0.0.1", "ff02::1"],
)  # fmt: skip
def test_the_hosts_own_affairs_are_out_of_reach(address):
    assert not is_allowed(address)


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_others_are_within_reach(address):
    assert is_allowed(address)


@pytest.fixture
def running(monkeypatch):
    """A proxy whose names all mean the server of the test, which is let through by that alone."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)
    listener = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()
    monkeypatch.setattr(proxy, "is_allowed", lambda found: found == address[0])

    def look_up(name, port):
        if name == "gone.test":
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, ("127.0.0.9", 1) if name == "secret.test" else address)]

    thread = threading.Thread(target=proxy.Proxy(listener, look_up).run)
    thread.start()
    yield listener.getsockname(), server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.close()
    thread.join(10)


def ask(address, data):
    sock = socket.create_connection(address, timeout=10)
    try:
        sock.sendall(data)
    except BaseException:
        sock.close()
        raise
    return sock


def test_a_tunnel_carries_whatever_is_said(running):
    address, server = running
    with ask(address, b"CONNECT a.test:443 HTTP/1.1\r\n\r\nearly") as client:
        inside, _ = server.accept()
        with inside:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            assert inside.recv(100) == b"early"
            inside.sendall(b"x" * 300_000)
            inside.shutdown(socket.SHUT_WR)
            got = 0
            while part := client.recv(65536):
                got += len(part)
            assert got == 300_000
            client.sendall(b"late")
            assert inside.recv(100) == b"late"


def test_a_request_is_passed_on_with_its_body(running):
    address, server = running
    head = b"POST http://a.test/form HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    with ask(address, head) as client:
        inside, _ = server.accept()
        with inside:
            data = inside.recv(1000)
            assert data.startswith(b"POST /form HTTP/1.1\r\n")
            assert data.endswith(b"\r\n\r\nabc")
            inside.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"CONNECT secret.test:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403 "),
        (b"CONNECT gone.test:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 502 "),
        (b"hello\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET http://a.test/ HTTP/1.1\r\n" + b"X: y\r\n" * 11_000, b"HTTP/1.1 431 "),
    ],
)
def test_a_refusal_says_why(running, head, status):
    with ask(running[0], head) as client:
        assert client.recv(1000).startswith(status)
