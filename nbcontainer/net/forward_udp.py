"""Forward datagrams: each peer outside has a socket of its own inside, so that answers find their way."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .forward import Forwarder

_LARGEST = 65_535
_AT_ONCE = 64
# Docker's: a peer that was silent for so long is forgotten
_IDLE_S = 90.0
_MOST_PEERS = 1024
_V4_PKTINFO_SIZE = 12
_IP_PKTINFO = 8

Peer = tuple[object, ...]


class _Conversation:
    __slots__ = ("ancillary", "heard", "inner", "peer")

    def __init__(
        self, peer: Peer, inner: socket.socket, ancillary: list[tuple[int, int, bytes]]
    ) -> None:
        self.peer = peer
        self.inner = inner
        self.ancillary = ancillary
        self.heard = time.monotonic()


class Datagrams:
    """One published UDP port."""

    def __init__(self, loop: Forwarder, outer: socket.socket, target: tuple[str, int]) -> None:
        self._loop = loop
        self._outer = outer
        self._target = target
        self._by_peer: dict[Peer, _Conversation] = {}
        if outer.family == socket.AF_INET6:
            outer.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            outer.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        loop.watch(outer.fileno(), self._from_outside)

    def close(self) -> None:
        """Forget every peer."""
        for found in self._by_peer.values():
            found.inner.close()
        self._by_peer = {}

    def _from_outside(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, peer = self._outer.recvmsg(_LARGEST, 128)
            except BlockingIOError:
                return
            except OSError:
                continue  # an answer that could not be delivered is reported here
            found = self._by_peer.get(peer)
            if found is None:
                try:
                    found = self._begin(peer, _reply_from(ancillary))
                except OSError:
                    continue  # no room: a datagram may be lost
            found.heard = time.monotonic()
            try:
                found.inner.send(data)
            except OSError:
                continue  # nobody listens inside, or it is too slow

    def _begin(self, peer: Peer, ancillary: list[tuple[int, int, bytes]]) -> _Conversation:
        self._forget_idle()
        family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
        inner = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            inner.connect(self._target)
            made = _Conversation(peer, inner, ancillary)
            self._loop.watch(inner.fileno(), lambda: self._from_inside(made))
        except BaseException:
            inner.close()
            raise
        self._by_peer[peer] = made
        return made

    def _from_inside(self, found: _Conversation) -> None:
        for _ in range(_AT_ONCE):
            try:
                data = found.inner.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                return  # nobody listens inside
            found.heard = time.monotonic()
            try:
                self._outer.sendmsg([data], found.ancillary, 0, found.peer)
            except OSError:
                continue

    def _forget_idle(self) -> None:
        now = time.monotonic()
        for peer, found in list(self._by_peer.items()):
            # the order is that of beginning, so with too many the oldest goes, silent or not
            if now - found.heard > _IDLE_S or len(self._by_peer) >= _MOST_PEERS:
                self._loop.forget(found.inner.fileno())
                found.inner.close()
                del self._by_peer[peer]


def _reply_from(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Return what makes the answer come from the address that was asked."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(data) >= _V4_PKTINFO_SIZE:
            return [(level, kind, bytes(4) + data[4:8] + bytes(4))]
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            return [(level, kind, data[:16] + bytes(4))]
    return []
