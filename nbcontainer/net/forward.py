"""Forward published ports: accept on sockets of the host's network, connect in the container's.

Runs in a process of its own that is in the container's network namespace; the listening sockets were
bound before it entered.  One loop, edge-triggered: each socket is registered once, and what can be read
or written is remembered.  Short exchanges are copied, long ones spliced through a pipe, so that bulk data
never enters this process.  A full peer stops the reading of the other; an end of file is passed on as
one, and an error as a reset.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable

from .forward_udp import Datagrams

_CHUNK = 1 << 16
_PIPE_BYTES = 1 << 20
_PIPE_TURNS = 16
_ACCEPTS = 64
_PAUSE_S = 0.05
_F_SETPIPE_SZ = 1031
_BOTH = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_GONE = select.EPOLLERR | select.EPOLLHUP
_RESET = struct.pack("ii", 1, 0)
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Flow:
    """One direction of a connection: from `source` to `target`."""

    __slots__ = (
        "bulk",
        "end",
        "is_done",
        "pending",
        "pipe",
        "piped",
        "readable",
        "source",
        "target",
        "writable"
    )  # fmt: skip

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.readable = self.writable = False
        self.pending = memoryview(b"")
        self.bulk = False
        self.pipe: tuple[int, int] | None = None
        self.piped = 0
        self.end = False
        self.is_done = False

    def pump(self) -> bool:
        """Move what can be moved; tell whether there is more to do at once.

        Raises: OSError if the connection broke.
        """
        if self.bulk and not self.pending:
            return self._splice()
        return self._copy()

    def _copy(self) -> bool:
        while True:
            if self.pending:
                if not self._send():
                    return False
                continue
            if self.end:
                self._finish()
                return False
            if not self.readable or not self.writable:
                return False
            try:
                data = self.source.recv(_CHUNK)
            except BlockingIOError:
                self.readable = False
                return False
            self.end = not data
            self.pending = memoryview(data)
            if len(data) == _CHUNK:
                self.bulk = True
                return True

    def _send(self) -> bool:
        if not self.writable:
            return False
        try:
            sent = self.target.send(self.pending)
        except BlockingIOError:
            self.writable = False
            return False
        self.pending = self.pending[sent:]
        return True

    def _splice(self) -> bool:
        if self.pipe is None:
            try:
                self.pipe = _new_pipe()
            except OSError:
                # no descriptors left: copying needs none
                self.bulk = False
                return True
        read_end, write_end = self.pipe
        for _ in range(_PIPE_TURNS):
            moved = 0
            if self.readable and not self.end:
                try:
                    moved = os.splice(
                        self.source.fileno(), write_end, _PIPE_BYTES, flags=_SPLICE_FLAGS
                    )
                    self.end = not moved
                    self.piped += moved
                except BlockingIOError:
                    # the pipe may be full instead, and then it is emptied below
                    self.readable = bool(self.piped)
            if self.piped and self.writable:
                try:
                    sent = os.splice(
                        read_end, self.target.fileno(), self.piped, flags=_SPLICE_FLAGS
                    )
                    self.piped -= sent
                    moved += sent
                except BlockingIOError:
                    self.writable = False
            if not moved:
                break
        else:
            return True
        if self.end and not self.piped:
            self._finish()
        return False

    def _finish(self) -> None:
        if not self.is_done:
            self.is_done = True
            try:
                self.target.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the peer has gone altogether

    def close(self) -> None:
        """Give the pipe back."""
        if self.pipe is not None:
            if self.piped or len(_spare) >= 16:
                for descriptor in self.pipe:
                    os.close(descriptor)
            else:
                _spare.append(self.pipe)
            self.pipe = None


_SPLICE_FLAGS = os.SPLICE_F_NONBLOCK | os.SPLICE_F_MOVE
_spare: list[tuple[int, int]] = []


def _new_pipe() -> tuple[int, int]:
    if _spare:
        return _spare.pop()
    import fcntl

    pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        fcntl.fcntl(pipe[1], _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # the user's share of pipes is used up: the usual size does
    return pipe


def _new_socket(family: int) -> socket.socket:
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


class Connection:
    """An accepted connection and the one made for it."""

    __slots__ = ("flows", "inner", "outer")

    def __init__(self, outer: socket.socket, inner: socket.socket) -> None:
        self.outer = outer
        self.inner = inner
        self.flows = (Flow(outer, inner), Flow(inner, outer))

    def note(self, descriptor: int, events: int) -> None:
        """Remember what a socket can do now.  Raises: OSError if it broke."""
        inward, outward = self.flows
        mine, other = (inward, outward) if descriptor == self.outer.fileno() else (outward, inward)
        if events & select.EPOLLERR:
            error = mine.source.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
        if events & (select.EPOLLIN | select.EPOLLRDHUP | _GONE):
            mine.readable = True
        if events & (select.EPOLLOUT | _GONE):
            other.writable = True

    def pump(self) -> bool:
        """Move what can be moved in both directions; tell whether there is more to do at once."""
        again = False
        for flow in self.flows:
            again = flow.pump() or again
        return again

    @property
    def is_done(self) -> bool:
        """Tell whether both directions have ended."""
        return all(flow.is_done for flow in self.flows)

    def close(self, *, reset: bool = False) -> None:
        """Let go of both sides; `reset`: with the words that something broke."""
        for flow in self.flows:
            flow.close()
        for sock in (self.outer, self.inner):
            if reset:
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                except OSError:
                    pass
            sock.close()


class Forwarder:
    """The loop.  `targets`: a listening socket -> the address and port to connect to."""

    def __init__(self, targets: list[tuple[socket.socket, tuple[str, int]]]) -> None:
        self._epoll = select.epoll()
        self._listeners: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
        self._connections: dict[int, Connection] = {}
        self._again: dict[Connection, None] = {}
        self._handlers: dict[int, Callable[[], None]] = {}
        self._resting = False
        self._spare: dict[int, socket.socket] = {}
        self._datagrams: list[Datagrams] = []
        self.is_running = True
        for sock, target in targets:
            sock.setblocking(False)
            if sock.type == socket.SOCK_STREAM:
                self._listeners[sock.fileno()] = (sock, target)
                self._epoll.register(sock.fileno(), select.EPOLLIN)
            else:
                self._datagrams.append(Datagrams(self, sock, target))

    def watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        """Call `handler` whenever `descriptor` can be read."""
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        """Undo `watch`."""
        del self._handlers[descriptor]
        self._epoll.unregister(descriptor)

    def run(self) -> None:
        """Serve until told to end."""
        try:
            while self.is_running:
                self.step()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of all but the listening sockets."""
        for connection in set(self._connections.values()):
            self._close(connection, reset=True)
        for datagrams in self._datagrams:
            datagrams.close()
        for sock in self._spare.values():
            sock.close()
        self._spare = {}
        self._epoll.close()

    def step(self, timeout_s: float = -1) -> None:
        """Serve what is there; wait for something if there is nothing."""
        for descriptor, events in self._epoll.poll(0 if self._again else timeout_s, 256):
            connection = self._connections.get(descriptor)
            if connection is not None:
                self._serve(connection, descriptor, events)
            elif descriptor in self._handlers:
                self._handlers[descriptor]()
            elif descriptor in self._listeners:
                self._accept(*self._listeners[descriptor])
        again, self._again = self._again, {}
        for connection in again:
            self._pump(connection)

    def _accept(self, listener: socket.socket, target: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        for _ in range(_ACCEPTS):
            try:
                # room for the inner side comes first: who was accepted is not sent away
                inner = self._spare.pop(family, None) or _new_socket(family)
                self._spare[family] = inner
                outer, _ = listener.accept()
            except OSError as error:
                if error.errno in _FULL:
                    self._rest()
                return  # nobody more, or one that has gone already
            del self._spare[family]
            self._connect(outer, inner, target)

    def _connect(self, outer: socket.socket, inner: socket.socket, target: tuple[str, int]) -> None:
        outer.setblocking(False)
        connection = Connection(outer, inner)
        try:
            for sock in (outer, inner):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            problem = inner.connect_ex(target)
            if problem not in (0, errno.EINPROGRESS):
                raise OSError(problem, os.strerror(problem))
            for sock in (outer, inner):
                self._connections[sock.fileno()] = connection
                self._epoll.register(sock.fileno(), _BOTH)
        except OSError:
            self._close(connection, reset=True)

    def _serve(self, connection: Connection, descriptor: int, events: int) -> None:
        try:
            connection.note(descriptor, events)
        except OSError:
            self._close(connection, reset=True)
            return
        self._pump(connection)

    def _pump(self, connection: Connection) -> None:
        if connection.outer.fileno() < 0:
            return
        try:
            if connection.pump():
                self._again[connection] = None
        except OSError:
            self._close(connection, reset=True)
            return
        if connection.is_done:
            self._close(connection)

    def _close(self, connection: Connection, *, reset: bool = False) -> None:
        for sock in (connection.outer, connection.inner):
            self._connections.pop(sock.fileno(), None)
        self._again.pop(connection, None)
        connection.close(reset=reset)
        if self._resting:
            self._resting = False
            for descriptor in self._listeners:
                self._epoll.modify(descriptor, select.EPOLLIN)

    def _rest(self) -> None:
        """Take nobody more until somebody has left: there is no room."""
        if not self._connections:
            time.sleep(_PAUSE_S)
        elif not self._resting:
            self._resting = True
            for descriptor in self._listeners:
                self._epoll.modify(descriptor, 0)
