"""The name service: answers at sockets that containers' inits bound, and asks the host's servers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from ..net import dns
from ..spec.network import Endpoint
from .loop import READ, Loop, Timer

_PORT = 53
_LARGEST = 65_535
_AT_ONCE = 64
# as the resolver of libc does it
_PATIENCE_S = 5.0
_MOST_WAITING = 512
_MOST_STREAMS = 8

Reply = Callable[[bytes], None]


class _Client:
    """One container: whose names it sees, whom to ask for others, the sockets that it asks at."""

    __slots__ = ("networks", "servers", "sockets", "streams")

    def __init__(self, networks: tuple[str, ...], servers: tuple[str, ...]) -> None:
        self.networks = networks
        self.servers = servers
        self.sockets: list[socket.socket] = []
        self.streams: list[socket.socket] = []


class NameService:
    """All containers' questions."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._names = dns.Names()
        self._clients: dict[int, _Client] = {}
        self._waiting = 0

    def add(
        self,
        who: int,
        endpoints: tuple[Endpoint, ...],
        servers: tuple[str, ...],
        descriptors: tuple[int, ...],
    ) -> None:
        """Know a container's names, and answer at its sockets (UDP, TCP), which are ours from now on."""
        self.remove(who)
        # what is asked for is looked up on user networks first
        client = _Client(tuple([endpoint.network_id for endpoint in endpoints]), servers)
        self._clients[who] = client
        self._names.add(who, endpoints)
        for descriptor in descriptors:
            sock = socket.socket(fileno=descriptor)
            sock.setblocking(False)
            client.sockets.append(sock)
            take = self._datagrams if sock.type == socket.SOCK_DGRAM else self._accept
            self._watch(sock, client, take)

    def _watch(
        self,
        sock: socket.socket,
        client: _Client,
        take: Callable[[_Client, socket.socket], None],
    ) -> None:
        self._loop.watch(sock.fileno(), READ, lambda events: take(client, sock))

    def remove(self, who: int) -> None:
        """Forget a container; idempotent."""
        client = self._clients.pop(who, None)
        if client is None:
            return
        self._names.remove(who)
        for sock in (*client.sockets, *client.streams):
            self._loop.forget(sock.fileno())
            sock.close()
        client.sockets, client.streams = [], []

    def _datagrams(self, client: _Client, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                packet, peer = sock.recvfrom(_LARGEST)
            except OSError:
                return

            def reply(data: bytes, peer: Any = peer) -> None:
                try:
                    sock.sendto(dns.fits(data), peer)
                except OSError:
                    return  # it has gone

            self._answer(client, packet, reply, stream=False)

    def _answer(self, client: _Client, packet: bytes, reply: Reply, *, stream: bool) -> None:
        found = self._names.answer(packet, client.networks)
        if found is not None:
            if found:
                reply(found)
        elif not client.servers:
            reply(dns.no_such_name(packet))
        elif self._waiting >= _MOST_WAITING:
            reply(dns.failure(packet))
        else:
            _Question(self, packet, list(client.servers), reply, stream=stream).ask()

    def _accept(self, client: _Client, listener: socket.socket) -> None:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        if len(client.streams) >= _MOST_STREAMS:
            stream.close()
            return
        stream.setblocking(False)
        client.streams.append(stream)
        buffer = bytearray()

        def take(client: _Client, sock: socket.socket) -> None:
            try:
                data = sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            buffer.extend(data)
            if not data or len(buffer) > 2 * _LARGEST:
                self._loop.forget(sock.fileno())
                client.streams.remove(sock)
                sock.close()
                return
            while len(buffer) >= 2 and len(buffer) >= 2 + (size := buffer[0] << 8 | buffer[1]):
                packet = bytes(buffer[2 : 2 + size])
                del buffer[: 2 + size]
                self._answer(client, packet, lambda data: _send_framed(sock, data), stream=True)

        self._watch(stream, client, take)

    def neighbour(self, asker: str, host: str) -> str:
        """Return the address of the container that another one means; "" for whoever is outside."""
        return self._names.neighbour(asker, host)

    def count(self, change: int) -> None:
        """Note how many questions wait for others' answers."""
        self._waiting += change

    @property
    def loop(self) -> Loop:
        """The loop that all of it runs in."""
        return self._loop


def _send_framed(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(len(data).to_bytes(2) + data)
    except OSError:
        return  # it has gone, or does not read


class _Question:
    """A question passed on to the host's servers, one after another until one answers."""

    def __init__(
        self, service: NameService, packet: bytes, servers: list[str], reply: Reply, *, stream: bool
    ) -> None:
        self._service = service
        self._packet = packet
        self._servers = servers
        self._reply = reply
        self._stream = stream
        self._sock: socket.socket | None = None
        self._timer: Timer | None = None
        # an id of our own: nobody who does not see our packets can answer in the server's place
        self._id = os.urandom(2)

    def ask(self) -> None:
        """Ask the next server; when there is none left, say so."""
        if not self._servers:
            self._reply(dns.failure(self._packet))
            return
        server = self._servers.pop(0)
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        try:
            self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._sock.connect((server, _PORT))
            self._sock.send(self._id + self._packet[2:])
        except OSError:
            self._close(counted=False)
            self.ask()
            return
        self._service.count(1)
        self._service.loop.watch(self._sock.fileno(), READ, lambda events: self._answered())
        self._timer = self._service.loop.after(_PATIENCE_S, self._next)

    def _answered(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError:
            self._next()  # nobody listens there
            return
        if len(data) < 12 or data[:2] != self._id:
            return
        self._close()
        self._reply(self._packet[:2] + data[2:])

    def _next(self) -> None:
        self._close()
        self.ask()

    def _close(self, *, counted: bool = True) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sock is not None:
            if counted:
                self._service.count(-1)
                self._service.loop.forget(self._sock.fileno())
            self._sock.close()
            self._sock = None
