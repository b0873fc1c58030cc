"""Answer the requests that come to a container's socket.

One connection carries one request, so a client that dies leaves nothing behind.  Only the owner of the
store may ask: the peer's uid must be our own.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import Denied, EngineError, HelperGone, InvalidArgument, WrongStatus
from ..spec.lifecycle import Status, require
from ..spec.signals import signal_number
from . import dialing, wire
from .execs import ExecProcess
from .loop import READ, is_gone
from .streams import Streams

if TYPE_CHECKING:
    from .shim import Shim


class Service:
    """The requests of one shim."""

    def __init__(self, shim: Shim) -> None:
        self._shim = shim
        self._waiting: list[socket.socket] = []
        self._stopping: list[socket.socket] = []
        self._too_late: list[socket.socket] = []
        self._sessions = 0
        self._exited: wire.Exited | None = None
        # the last run that ended by a restart, by its start, and how it ended
        self._restarted = (0, wire.Exited(0))
        self._answers: dict[type, Callable[[Any, socket.socket, tuple[int, ...]], None]] = {
            wire.Signal: self._signal,
            wire.Stop: self._stop,
            wire.Pause: self._pause,
            wire.Wait: self._wait,
            wire.Top: self._top,
            wire.Rewire: self._rewire,
            wire.Dial: self._dial,
            wire.Look: self._look,
            wire.Exec: self._exec,
            wire.Attach: self._attach,
        }

    @property
    def is_idle(self) -> bool:
        """Tell whether no exec's client still reads."""
        return self._sessions == 0

    def accept(self, events: int) -> None:
        """Take a connection; its request is read when it is there."""
        connection, _ = self._shim.listener.accept()
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", peer)[1] != os.getuid():
            self._reply(connection, wire.failure(Denied("this container belongs to somebody else")))
            return
        connection.setblocking(False)
        self._shim.loop.watch(
            connection.fileno(), READ, lambda ready: self._request(connection, ready)
        )

    def _request(self, connection: socket.socket, events: int) -> None:
        try:
            data, descriptors = wire.receive(connection)
        except OSError:
            data, descriptors = b"", ()
        if not data:
            self._close(connection)
            return
        connection.setblocking(True)
        try:
            message = wire.unpack(data)
            answer = self._answers.get(type(message))
            if answer is None:
                raise InvalidArgument(f"a shim does not answer {type(message).__name__}")
            answer(message, connection, descriptors)
        except EngineError as error:
            self._reply(connection, wire.failure(error))
        except OSError as error:
            self._reply(connection, wire.failure(EngineError(str(error))))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _reply(self, connection: socket.socket, message: object) -> None:
        try:
            connection.send(wire.pack(message), socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        except OSError:
            pass  # the client left: nobody to tell
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        if connection.fileno() >= 0:
            self._shim.loop.forget(connection.fileno())
            connection.close()
        for waiting in (self._waiting, self._stopping, self._too_late):
            if connection in waiting:
                waiting.remove(connection)

    def _require(self, verb: str) -> None:
        shim = self._shim
        status = shim.state.status
        word = "paused" if status is Status.PAUSED else "not running"
        sentences = {
            "exec": f"container {shim.id} is {word}",
            "kill": f"Cannot kill container: {shim.id[:12]}: container {shim.id} is not running",
            "pause": f"Container {shim.id} is " + ("already paused" if word == "paused" else word),
            "unpause": f"Container {shim.id} is not paused",
            "attach": "cannot attach to a stopped container, start it first",
        }
        require(verb, status, sentences[verb])

    def _signal(
        self, message: wire.Signal, connection: socket.socket, extra: tuple[int, ...]
    ) -> None:
        if message.exec_id:
            self._shim.signal_exec(message.exec_id, message.number)
            self._reply(connection, wire.Done())
            return
        self._require("kill")
        if self._shim.state.status is Status.RESTARTING:
            raise WrongStatus(
                f"Container {self._shim.id} is restarting", "`stop` ends the restarts."
            )
        if message.number in (signal.SIGKILL, signal_number(self._shim.config.stop_signal)):
            # who ends the program by hand ends its restarts, too
            self._shim.stopping = True
        if message.number == signal.SIGKILL:
            self._shim.kill()
        else:
            self._shim.signal(message.number)
        self._shim.publish("kill", signal=str(message.number))
        self._reply(connection, wire.Done(self._shim.state.started_ns))

    def _stop(self, message: wire.Stop, connection: socket.socket, extra: tuple[int, ...]) -> None:
        if self._exited is not None:
            raise _has_ended()
        if message.again and self._shim.has_exited:
            # too late to start it anew here: who asked does that once all is written down
            self._too_late.append(connection)
            return
        # answered once it has ended, or by `started` after a restart
        self._stopping.append(connection)
        self._watch_for_leaving(connection)
        self._shim.stop(message.number, message.timeout_s, message.again)

    def _wait(self, message: wire.Wait, connection: socket.socket, extra: tuple[int, ...]) -> None:
        if self._exited is not None:
            self._reply(connection, self._exited)
            return
        if 0 < message.started_ns <= self._restarted[0]:
            self._reply(connection, self._restarted[1])
            return
        self._waiting.append(connection)
        self._watch_for_leaving(connection)

    def _watch_for_leaving(self, connection: socket.socket) -> None:
        self._shim.loop.watch(connection.fileno(), READ, lambda ready: self._close(connection))

    def _pause(
        self, message: wire.Pause, connection: socket.socket, extra: tuple[int, ...]
    ) -> None:
        self._require("pause" if message.on else "unpause")
        self._shim.pause(message.on)
        self._reply(connection, wire.Done())

    def _top(self, message: wire.Top, connection: socket.socket, extra: tuple[int, ...]) -> None:
        self._reply(connection, wire.Done(self._shim.sandbox.box.processes()))

    def _rewire(
        self, message: wire.Rewire, connection: socket.socket, extra: tuple[int, ...]
    ) -> None:
        self._require("exec")
        self._shim.network.rewire(message.resolvers)
        self._reply(connection, wire.Done())

    def _dial(self, message: wire.Dial, connection: socket.socket, extra: tuple[int, ...]) -> None:
        self._require("exec")
        self._shim.network.dial(message.port, extra[0])
        self._reply(connection, wire.Done())

    def _look(self, message: wire.Look, connection: socket.socket, extra: tuple[int, ...]) -> None:
        self._require("exec")
        dialing.look(self._shim.sandbox.box.init_pid, extra[0])
        self._reply(connection, wire.Done())

    def _attach(
        self, message: wire.Attach, connection: socket.socket, extra: tuple[int, ...]
    ) -> None:
        self._require("attach")
        session = socket.socket(fileno=os.dup(extra[0]))
        self._shim.streams.attach(
            session, stdin=message.stdin, stdout=message.stdout, stderr=message.stderr
        )
        self._shim.publish("attach")
        self._reply(connection, wire.Done())

    def _exec(self, message: wire.Exec, connection: socket.socket, extra: tuple[int, ...]) -> None:
        self._require("exec")
        shim = self._shim
        streams = Streams(shim.loop, None)
        if extra:
            session = socket.socket(fileno=os.dup(extra[0]))
            streams.attach(session, stdin=message.stdin)
            self._sessions += 1
            streams.on_idle = self._session_left
        command = " ".join(message.args)
        shim.publish(f"exec_create: {command}", execID=message.exec_id)

        def ended(code: int) -> None:
            shim.publish("exec_die", execID=message.exec_id, exitCode=str(code))
            streams.finish(wire.Exited(code))
            streams.close()

        process = ExecProcess(shim.sandbox, shim.plan, message, streams, ended)
        try:
            process.start(shim.plan.owner)
        except EngineError:
            streams.finish(wire.Exited(126))
            raise
        shim.execs[process.pid] = process
        process.watch(shim.loop)
        shim.publish(f"exec_start: {command}", execID=message.exec_id)
        self._reply(connection, wire.Done(process.pid))

    def _session_left(self) -> None:
        self._sessions -= 1
        self._shim.leave_if_idle()

    def probe(self, request: wire.Exec, done: Callable[[int, bytes], None]) -> Callable[[], None]:
        """Run a health check's command; see `health.HealthMonitor`."""
        shim = self._shim
        ours, theirs = wire.pair()
        ours.setblocking(False)
        streams = Streams(shim.loop, None)
        streams.attach(theirs)
        output = bytearray()

        def take(events: int = READ) -> None:
            while True:
                try:
                    data, _ = wire.receive(ours)
                except OSError:
                    data = b""
                if not data:
                    return
                if data[:1] in (wire.STDOUT, wire.STDERR):
                    output.extend(data[1:])
                if is_gone(events):
                    return

        def ended(code: int) -> None:
            take()
            shim.loop.forget(ours.fileno())
            streams.close()
            streams.finish(wire.Exited(code))
            ours.close()
            done(code, bytes(output))

        process = ExecProcess(shim.sandbox, shim.plan, request, streams, ended)
        shim.loop.watch(ours.fileno(), READ, take)
        try:
            process.start(shim.plan.owner)
        except EngineError:
            shim.loop.forget(ours.fileno())
            ours.close()
            raise
        shim.execs[process.pid] = process
        process.watch(shim.loop)
        return process.kill

    def started(self) -> None:
        """Answer who asked for a restart."""
        for connection in list(self._stopping):
            self._reply(connection, wire.Done())

    def answer_waiting(self, exited: wire.Exited) -> None:
        """Answer who waits for an end of the program, also who asks later for the run that ended."""
        self._restarted = (self._shim.state.started_ns, exited)
        for connection in list(self._waiting):
            self._reply(connection, exited)

    def finish(self, exited: wire.Exited) -> None:
        """Answer everybody who waits for the end, now and while a slow client keeps the shim here."""
        self._exited = exited
        self.answer_waiting(exited)
        for connection in list(self._stopping):
            self._reply(connection, wire.Done())
        for connection in list(self._too_late):
            self._reply(connection, wire.failure(_has_ended()))


def _has_ended() -> HelperGone:
    return HelperGone("the container has ended")
