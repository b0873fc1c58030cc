"""An HTTP proxy for containers whose network leads nowhere: CONNECT, and requests with a whole URL.

Runs in a process of its own beside the host's links; it listens in the store's network namespace.  What
means this host itself, its neighbours' clouds' secrets or nobody (loopback, link-local, unspecified and
multicast addresses) is refused, and an address that was looked at is the one that is connected to.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable

_LONGEST_HEAD = 65_536
_PATIENCE_S = 30.0
_IDLE_S = 300.0
_CHUNK = 1 << 16
_MOST = 128

Resolve = Callable[[str, int], list[tuple[int, tuple[str, int]]]]
Neighbour = Callable[[str, str], tuple[str, socket.socket] | None]


class Refused(Exception):
    """A request that is answered by a status and a sentence."""

    def __init__(self, status: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def resolve(name: str, port: int) -> list[tuple[int, tuple[str, int]]]:
    """Return the (family, address) pairs of a name, as the host sees it."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]


def is_allowed(address: str) -> bool:
    """Tell whether a container may be led to an address."""
    import ipaddress

    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        found = mapped
    closed = (found.is_loopback, found.is_unspecified, found.is_link_local, found.is_multicast)
    return not any(closed)


def parse_head(head: bytes) -> tuple[str, int, bytes]:
    """Return (host, port, what is sent on) of a request's head; nothing is sent on for CONNECT.

    Raises: Refused.
    """
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refused("400 Bad Request", "this is no request to a proxy")
    method, target, version = words
    if method == "CONNECT":
        host, port = _place(target, 0)
        return host, port, b""
    scheme, found, rest = target.partition("://")
    if not found or scheme.lower() != "http":
        raise Refused("400 Bad Request", "a proxy is asked with a whole http URL, or by CONNECT")
    place, slash, path = rest.partition("/")
    host, port = _place(place, 80)
    kept = [
        line
        for line in lines[1:]
        if line
        and line.partition(":")[0].strip().lower() not in ("connection", "keep-alive")
        and not line.lower().startswith("proxy-")
    ]
    first = f"{method} {slash}{path} {version}" if slash else f"{method} / {version}"
    # one request a connection: what follows is the body, and then the answer
    return host, port, "\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1")


def _place(text: str, default: int) -> tuple[str, int]:
    text = text.rpartition("@")[2]
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        number = rest.removeprefix(":")
    else:
        host, _, number = text.partition(":")
    number = number or str(default)
    if not host or not (number.isascii() and number.isdigit() and 0 < int(number[:6]) < 65536):
        raise Refused("400 Bad Request", f"{text[:200]!r} is no host and port")
    return host, int(number)


class Proxy:
    """The proxy on one listening socket: a thread a connection, at most so many at once.

    `neighbour(client, host)` returns the address of a container that the client means, with a socket
    that can reach it: programs ask the proxy for those too, since few can be told of exceptions.
    """

    def __init__(
        self,
        listener: socket.socket,
        look_up: Resolve = resolve,
        neighbour: Neighbour = lambda client, host: None,
    ) -> None:
        self._listener = listener
        self._look_up = look_up
        self._neighbour = neighbour
        self._room = threading.BoundedSemaphore(_MOST)

    def run(self) -> None:
        """Serve until the listening socket is closed."""
        while True:
            self._room.acquire()
            try:
                client, _ = self._listener.accept()
            except OSError:
                self._room.release()
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(_PATIENCE_S)
                try:
                    self._answer(client)
                except Refused as refused:
                    text = f"nbcontainer: {refused.sentence}\n"
                    head = f"HTTP/1.1 {refused.status}\r\nContent-Type: text/plain\r\n"
                    head += f"Content-Length: {len(text.encode())}\r\nConnection: close\r\n\r\n"
                    client.sendall((head + text).encode())
        except OSError:
            return  # the client left
        finally:
            self._room.release()

    def _answer(self, client: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = client.recv(_CHUNK)
            if not part:
                return
            data += part
            if len(data) > _LONGEST_HEAD:
                raise Refused("431 Request Header Fields Too Large", "the request is too long")
        head, _, rest = data.partition(b"\r\n\r\n")
        host, port, sent = parse_head(head)
        server = self._inside(client.getpeername()[0], host, port)
        with server or self._connect(host, port) as server:
            if sent:
                server.sendall(sent + rest)
            else:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(rest)
            relay(client, server)

    def _inside(self, client: str, host: str, port: int) -> socket.socket | None:
        found = self._neighbour(client, host)
        if found is None:
            return None
        address, sock = found
        sock.settimeout(_PATIENCE_S)
        try:
            sock.connect((address, port))
        except OSError as error:
            sock.close()
            raise Refused("502 Bad Gateway", f"{host}:{port}: {error.strerror or error}") from None
        return sock

    def _connect(self, host: str, port: int) -> socket.socket:
        try:
            found = self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise Refused("502 Bad Gateway", f"no address of {host}: {error}") from None
        problem = f"no address of {host}"
        for family, address in found:
            if not is_allowed(address[0]):
                problem = f"{host} is {address[0]}, which is the host's own affair"
                continue
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(_PATIENCE_S)
            try:
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = f"{host}:{port}: {error.strerror or error}"
                continue
            return sock
        status = "403 Forbidden" if problem.endswith("affair") else "502 Bad Gateway"
        raise Refused(status, problem)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until both have ended, or neither has said anything for long."""
    peers = {one.fileno(): (one, other), other.fileno(): (other, one)}
    poll = select.poll()
    for descriptor in peers:
        poll.register(descriptor, select.POLLIN)
    while peers:
        ready = poll.poll(_IDLE_S * 1000)
        if not ready:
            return
        for descriptor, _ in ready:
            source, target = peers[descriptor]
            data = source.recv(_CHUNK)
            if data:
                target.sendall(data)
                continue
            poll.unregister(descriptor)
            del peers[descriptor]
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                return
