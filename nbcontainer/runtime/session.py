"""A session: the streams and the end of a live process, as its client sees them."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..errors import EngineError, HelperGone, from_wire
from ..results import Chunk
from . import wire

if TYPE_CHECKING:
    from .client import Runtime


class Session:
    """A live attached process: its streams, its end.  See `under_way.Session` for the contract."""

    def __init__(
        self,
        runtime: Runtime,
        sock: socket.socket,
        container_id: str,
        session_id: str,
        *,
        tty: bool = False,
        pid: int = 0,
        exec_id: str = "",
    ) -> None:
        self.id = session_id
        self._exec_id = exec_id
        self.tty = tty
        self.pid = pid
        self.has_begun = bool(pid)
        self.container_id = container_id
        self.oom_killed = False
        self.owned = False
        # begins anew, where nothing has begun; None where it has
        self.again: Callable[[], socket.socket | None] | None = None
        # called if it never begins, and whoever was asked is not there to clear up
        self.unborn: Callable[[], None] | None = None
        self._runtime = runtime
        self._sock = sock
        self._exit_code: int | None = None
        self._detached = False
        self._pending: list[Chunk] = []

    def warn(self, texts: Iterable[str]) -> None:
        """Have warnings read before anything of the program's."""
        end = "\r\n" if self.tty else "\n"
        self._pending += [Chunk("stderr", f"WARNING: {text}{end}".encode()) for text in texts]

    def started(self) -> Session:
        """Wait until the program runs.  Raises: why it does not."""
        while not self.pid and self._exit_code is None:
            chunk = self._next()
            if chunk is not None:
                self._pending.append(chunk)
        return self

    def read(self, timeout: float | None = None) -> Chunk | None:
        """Return what came next; None at the end of the streams."""
        if self._pending:
            return self._pending.pop(0)
        while self._exit_code is None and not self._detached:
            chunk = self._next(timeout)
            if chunk is not None:
                return chunk
        return None

    def _next(self, timeout: float | None = None) -> Chunk | None:
        """Take one packet: a chunk is returned, a message is noted."""
        try:
            # another thread may have let go of it a moment ago
            self._sock.settimeout(timeout)
            data, _ = wire.receive(self._sock)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise
        except OSError:
            if self._detached:
                return None
            raise
        if not data and self._begun_anew():
            return None
        has_begun = self.again is None
        self.again = None
        tag = data[:1]
        if tag in (wire.STDOUT, wire.STDERR):
            # what it says may be faster than the word that it runs
            self.has_begun = True
            return Chunk("stdout" if tag == wire.STDOUT else "stderr", data[1:])
        if not data:
            self.close()
            if self._detached:
                return None
            if not has_begun:
                if self.unborn is not None:
                    self.unborn()
                raise HelperGone(
                    "the engine's helper process was killed before the program ran", "Try again."
                )
            raise HelperGone(
                "the container's shim was killed, and the container with it",
                "`ps -a` shows its state.",
            )
        message = wire.unpack(data)
        if isinstance(message, wire.Started):
            self.pid = message.pid
            self.has_begun = True
        elif isinstance(message, wire.Exited):
            self._exit_code = message.exit_code
            self.oom_killed = message.oom_killed
            self.close()
        elif isinstance(message, wire.Failed):
            self._exit_code = 125
            self.close()
            raise from_wire(message.error)
        return None

    def _begun_anew(self) -> bool:
        """The foreman was killed before the program ran: ask the next one."""
        if self.again is None or self._detached:
            return False
        sock = self.again()
        if sock is None:
            return False
        self._sock.close()
        self._sock = sock
        return True

    def write(self, data: bytes) -> None:
        """Send input; what has ended or closed its input reads no more, and that is no error."""
        for start in range(0, len(data), wire.CHUNK):
            self._send(wire.STDIN + data[start : start + wire.CHUNK])

    def close_stdin(self) -> None:
        """Let the program read the end of its input."""
        self._send(wire.STDIN)

    def feed(self, data: bytes) -> None:
        """Send all input and its end from a thread, so that output can be read meanwhile."""
        if len(data) <= wire.CHUNK:
            self.write(data)
            self.close_stdin()
            return

        def send() -> None:
            self.write(data)
            self.close_stdin()

        threading.Thread(target=send, daemon=True, name="nbcontainer-stdin").start()

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size."""
        if self.tty:
            self._send(wire.pack(wire.Resize(rows, cols)))

    def _send(self, packet: bytes) -> None:
        if self._exit_code is not None or self._detached:
            return
        self.again = None  # what was sent cannot be sent again
        try:
            self._sock.settimeout(None)
            wire.send_bytes(self._sock, packet)
        except OSError:
            return

    def signal(self, signal_: str | int) -> None:
        """Send a signal to the process; one that has ended is no error."""
        number = (
            signal_
            if isinstance(signal_, int)
            else getattr(signal, f"SIG{signal_.removeprefix('SIG')}")
        )
        if self._exit_code is None:
            try:
                self._kill(int(number))
            except EngineError:
                return

    def _kill(self, number: int) -> None:
        sandbox = self._runtime.sandbox_of(self.container_id)
        self._runtime.ask(sandbox, wire.Signal(number, self._exec_id))

    def detach(self) -> None:
        """Let go: the process goes on."""
        if self.owned and self._exit_code is None:
            try:
                self._sock.send(wire.pack(wire.Detach()), socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
            except OSError:
                pass  # it has ended
        self._detached = True
        try:
            # closing alone does not wake a thread that waits in `read`
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended
        self.close()

    def wait(self) -> int:
        """Return the exit code, once there is one; output that was not read is dropped."""
        while self._exit_code is None and not self._detached:
            self._next()
        return self._exit_code or 0

    def close(self) -> None:
        """Release the socket; idempotent."""
        self._sock.close()
