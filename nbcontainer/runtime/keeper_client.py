"""Reach the store's keeper, and start it where it does not run.

What the keeper does for a container it does while the container's shim stays connected, so a shim that is
killed leaves nothing to undo.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import EngineError, HelperGone, from_wire
from ..spec.codec import encode
from ..spec.network import Endpoint
from ..store.files import Lock
from . import wire

_START_LIMIT_S = 10.0
_ANSWER_LIMIT_S = 10.0


def socket_path(run: str) -> str:
    """Return where the keeper listens."""
    return f"{run}/keeper.sock"


def space_note(run: str) -> str:
    """Return the file that says which network namespace is the store's."""
    return f"{run}/space"


def connect(run: str, start: Callable[[str, int], None] | None = None) -> socket.socket:
    """Connect to the keeper; `start(run, ready)` is the life of a new one, in a fresh child.

    Raises: HelperGone if none runs and none could be started.
    """
    try:
        return wire.connect(socket_path(run))
    except OSError:
        if start is None:
            raise HelperGone("no process keeps the networks of this store") from None
    with Lock(f"{run}/keeper.start", timeout_s=_START_LIMIT_S):
        try:
            return wire.connect(socket_path(run))
        except OSError:
            pass
        _start(run, start)
        try:
            return wire.connect(socket_path(run))
        except OSError as error:
            raise HelperGone("the keeper of this store's networks ends at once") from error


def dismiss_foreign(run: str) -> None:
    """End a keeper of another user namespace: nobody who lives needs it, and we have no rights in it.

    Who starts where containers run enters their user namespace, which then is the keeper's, too.
    """
    try:
        sock = wire.connect(socket_path(run))
    except OSError:
        return
    with sock:
        peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if _user_namespace(str(struct.unpack("3i", peer)[0])) == _user_namespace("self"):
            return
        try:
            ask(sock, {"op": "leave"})
            while sock.recv(1):
                pass
        except (OSError, EngineError):
            return  # it left before it was asked


def _user_namespace(pid: str) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/user").st_ino
    except OSError:
        return -1  # of another one, or gone


def _start(run: str, start: Callable[[str, int], None]) -> None:
    """Fork the keeper, as nobody's child; returns once it listens, or has ended."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            os.setsid()
            if os.fork() == 0:
                start(run, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass  # reaped with others' children
    os.read(read_end, 1)
    os.close(read_end)


def ask(
    sock: socket.socket, request: dict[str, Any], descriptors: tuple[int, ...] = ()
) -> tuple[Any, tuple[int, ...]]:
    """Send a request; return the answer and its descriptors.  Raises: HelperGone, what was refused."""
    sock.settimeout(_ANSWER_LIMIT_S)
    try:
        wire.send_bytes(sock, json.dumps(request).encode(), descriptors)
        data, received = wire.receive(sock)
    except OSError as error:
        raise HelperGone("the keeper of this store's networks does not answer") from error
    if not data:
        raise HelperGone("the keeper of this store's networks ended before it answered")
    answer = json.loads(data)
    if "error" in answer:
        for descriptor in received:
            os.close(descriptor)
        raise from_wire(answer["error"])
    return answer.get("value"), received


def netlink_socket(run: str, protocol: int) -> socket.socket:
    """Return a netlink socket of the store's own network namespace.

    Raises: OSError where the keeper does not run or cannot make one.
    """
    from ..net import netlink

    try:
        with connect(run) as keeper:
            _, descriptors = ask(keeper, {"op": "netlink", "protocol": protocol})
    except EngineError as error:
        raise OSError(111, error.message, socket_path(run)) from error
    sock = socket.socket(fileno=descriptors[0])
    netlink.prepare(sock)
    return sock


class Hold:
    """A hold on the store's own network namespace: it stays while this does, whoever is killed."""

    def __init__(self, sock: socket.socket, descriptor: int) -> None:
        self._sock = sock
        self._descriptor = descriptor

    @classmethod
    def taken(cls, run: str, start: Callable[[str, int], None]) -> Hold:
        """Take hold.  Raises: HelperGone."""
        sock = connect(run, start)
        _, descriptors = ask(sock, {"op": "space"})
        return cls(sock, descriptors[0])

    @property
    def descriptors(self) -> list[int]:
        """What another process needs to hold it, too."""
        return [self._sock.fileno(), self._descriptor]

    def close(self) -> None:
        """Let go; idempotent."""
        if self._descriptor >= 0:
            self._sock.close()
            os.close(self._descriptor)
            self._descriptor = -1


class Registration:
    """A container's name with the name service; it ends when this does."""

    def __init__(
        self,
        run: str,
        servers: Sequence[str],
        name_sockets: tuple[int, ...],
        start: Callable[[str, int], None],
    ) -> None:
        self._run = run
        self._servers = list(servers)
        self._name_sockets = name_sockets
        self._start = start
        self._sock: socket.socket | None = None

    def tell(self, endpoints: Sequence[Endpoint], internal: bool) -> None:
        """Say what the container is called now; replaces what was said before."""
        self.close()
        sock = connect(self._run, self._start)
        request = {
            "op": "names",
            "endpoints": [encode(endpoint) for endpoint in endpoints],
            "servers": [] if internal else self._servers,
        }
        try:
            ask(sock, request, self._name_sockets)
        except BaseException:
            sock.close()
            raise
        self._sock = sock

    def give(self) -> dict[str, Any]:
        """Return what another process needs to go on with it, beside the descriptor."""
        return {"run": self._run, "servers": self._servers}

    def take(self, descriptor: int) -> None:
        """Go on with what another process registered."""
        self._sock = socket.socket(fileno=descriptor)

    def fileno(self) -> int:
        """Return the descriptor that can be read once the keeper has gone."""
        return self._sock.fileno() if self._sock is not None else -1

    def close(self) -> None:
        """Let the name be forgotten; idempotent."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
