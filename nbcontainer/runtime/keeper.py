"""The keeper: one process a store that holds what networks need while somebody is connected to it.

    request              descriptors    answer
      names              UDP, TCP       done; the names are known until this connection ends
      leave              -              done, and the keeper goes
      netlink            -              a netlink socket of the store's own network namespace
      space              -              that namespace
      way_out            -              what carries what leaves it, in words

As root it is started with the first container on a network that has names; where the store has a network
namespace of its own, with the zygote.  It leaves when nobody is connected any more.  Killed, it is started
anew by whoever misses it: shims tell it their containers' names again.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import Any

from ..errors import EngineError, InvalidArgument, to_wire
from ..linux import process
from ..spec.codec import decode
from ..spec.network import Endpoint
from . import wire
from .keeper_client import socket_path
from .keeper_names import NameService
from .loop import READ, Loop
from .notes import note

_GRACE_S = 2.0

Descriptors = tuple[int, ...]
Answer = tuple[Any, list[int]]
Answering = Callable[[Any, int, Descriptors], Answer]


class Keeper:
    """The keeper's loop."""

    def __init__(self, run: str) -> None:
        self.loop = Loop()
        self._path = socket_path(run)
        self._listener = wire.listen(self._path)
        self._connections: dict[int, socket.socket] = {}
        self.names = NameService(self.loop)
        self._answers: dict[str, Answering] = {
            "names": self._register,
            "leave": self._leave,
        }
        self.loop.watch(self._listener.fileno(), READ, self._accept)
        self._leave_soon()

    def answers(self, op: str, answer: Answering) -> None:
        """Answer one more kind of request."""
        self._answers[op] = answer

    def run(self) -> None:
        """Serve until nobody is connected any more."""
        while self.loop.running:
            try:
                self.loop.step()
            except OSError as error:
                note("keeper", error)
        self._listener.close()

    def _accept(self, events: int) -> None:
        connection, _ = self._listener.accept()
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", peer)[1] != os.getuid():
            connection.close()
            return
        self._connections[connection.fileno()] = connection
        self.loop.watch(connection.fileno(), READ, lambda ready: self._request(connection))

    def _request(self, connection: socket.socket) -> None:
        number = connection.fileno()
        try:
            data, descriptors = wire.receive(connection)
        except OSError:
            data, descriptors = b"", ()
        if not data:
            self._left(connection)
            return
        reply: dict[str, Any] = {}
        sent: list[int] = []
        try:
            request = json.loads(data)
            answer = self._answers.get(request["op"])
            if answer is None:
                raise InvalidArgument(f"the keeper does not answer {request['op']}")
            reply["value"], sent = answer(request, number, descriptors)
            descriptors = ()
        except EngineError as error:
            reply["error"] = to_wire(error)
        except (OSError, ValueError, KeyError, TypeError) as error:
            reply["error"] = to_wire(EngineError(f"{type(error).__name__}: {error}"))
        try:
            wire.send_bytes(connection, json.dumps(reply).encode(), tuple(sent))
        except OSError:
            self._left(connection)
        for descriptor in (*descriptors, *sent):
            os.close(descriptor)

    def _register(self, request: Any, number: int, descriptors: Descriptors) -> Answer:
        endpoints = tuple([decode(Endpoint, each) for each in request["endpoints"]])
        self.names.add(number, endpoints, tuple(request["servers"]), descriptors)
        return None, []

    def _leave(self, request: Any, number: int, descriptors: Descriptors) -> Answer:
        os.unlink(self._path)
        self.loop.running = False
        return None, []

    def _left(self, connection: socket.socket) -> None:
        number = connection.fileno()
        self.names.remove(number)
        self.loop.forget(number)
        self._connections.pop(number, None)
        connection.close()
        self._leave_soon()

    def _leave_soon(self) -> None:
        if not self._connections:
            self.loop.after(_GRACE_S, self._leave_if_alone)

    def _leave_if_alone(self) -> None:
        if self._connections or not self.loop.running:
            return
        # nobody finds us from here on; who connected just now is served all the same
        try:
            os.unlink(self._path)
        except OSError:
            pass
        self.loop.step(0)
        if self._connections:
            # it asks whoever comes next to start another one, and keeps this one while it needs it
            return
        self.loop.running = False


def become(ready: int) -> None:
    """In a fresh child: let go of all that belongs to who forked us, but for the log."""
    process.close_all_but(ready)
    # whoever started the zygote reads its standard output to the end
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    os.close(null)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.chdir("/")


def main(run: str, ready: int) -> None:
    """Be the keeper of a store whose bridges are in the host's network namespace."""
    try:
        become(ready)
        keeper = Keeper(run)
        os.write(ready, b"r")
        os.close(ready)
        keeper.run()
    except BaseException as error:
        note("keeper", error, trace=True)
    os._exit(0)
