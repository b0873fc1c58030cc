"""A process's output to the log and to whoever is attached, and the attached ones' input to it.

A slow client makes the process wait, once QUEUE_LIMIT bytes are held for it, as a terminal would; a
client that left is dropped.  Followers of the log read the file and hold nothing up.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable

from ..errors import EngineError
from . import wire
from .logs import LogWriter
from .loop import READ, WRITE, Loop, is_gone
from .pipes import Ends, make_pipes

QUEUE_LIMIT = 1 << 20
_TAG = {"stdout": wire.STDOUT, "stderr": wire.STDERR}


class Client:
    """One attached session."""

    __slots__ = ("finished", "owns", "queue", "queued", "sock", "stderr", "stdin", "stdout")

    def __init__(self, sock: socket.socket, *, stdin: bool, stdout: bool, stderr: bool) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.queue: deque[bytes] = deque()
        self.queued = 0
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.finished = False
        self.owns = False


class Streams:
    """The streams of one process.

    `on_idle` is called when the last client of a finished one is gone, `on_abandoned` when a client
    that `owns` the process vanished without a word.
    """

    def __init__(self, loop: Loop, log: LogWriter | None) -> None:
        self._loop = loop
        self._log = log
        self._clients: list[Client] = []
        self._outputs: dict[int, str] = {}
        self._paused = False
        self._stdin = -1
        self._pending = bytearray()
        self._stdin_ends = False
        self.master = -1
        self.on_idle: Callable[[], None] = lambda: None
        self.on_abandoned: Callable[[], None] = lambda: None
        self.keep_stdin = False

    def open_pipes(self, *, stdin: bool, owner: int) -> Ends:
        """Make the pipes; return the process's ends of 0, 1 and 2."""
        theirs, ours = make_pipes(stdin=stdin, owner=owner)
        self.take_pipes(ours)
        return theirs

    def take_pipes(self, ours: Ends) -> None:
        """Take our ends of the process's pipes."""
        self._stdin, out_read, err_read = ours
        if self._stdin >= 0:
            os.set_blocking(self._stdin, False)
        self._follow(out_read, "stdout")
        self._follow(err_read, "stderr")

    def open_terminal(self, master: int) -> None:
        """Take the terminal's master in place of pipes."""
        self.master = self._stdin = master
        os.set_blocking(self.master, False)
        self._follow(self.master, "stdout")

    def _follow(self, descriptor: int, stream: str) -> None:
        os.set_blocking(descriptor, False)
        self._outputs[descriptor] = stream
        self._watch_output(descriptor)

    def attach(
        self, sock: socket.socket, *, stdin: bool = False, stdout: bool = True, stderr: bool = True
    ) -> Client:
        """Add a client; from now on it gets what the process writes."""
        client = Client(sock, stdin=stdin, stdout=stdout, stderr=stderr)
        self._clients.append(client)
        self._watch_client(client)
        return client

    def resize(self, rows: int, columns: int) -> None:
        """Set the terminal's size; without a terminal there is nothing to do."""
        if self.master >= 0:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def _readable(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, wire.CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # EIO: the terminal's last process has ended
        if not data:
            self._end_output(descriptor)
            return
        stream = self._outputs[descriptor]
        if self._log is not None:
            self._log.write(stream, data)
        for client in list(self._clients):
            if getattr(client, stream):
                self._put(client, _TAG[stream] + data)

    def _end_output(self, descriptor: int) -> None:
        self._loop.forget(descriptor)
        del self._outputs[descriptor]
        if descriptor != self.master:
            os.close(descriptor)

    def _put(self, client: Client, packet: bytes) -> None:
        if not client.queue:
            try:
                client.sock.send(packet, socket.MSG_NOSIGNAL)
                return
            except BlockingIOError:
                pass
            except OSError:
                self._drop(client)
                return
        client.queue.append(packet)
        client.queued += len(packet)
        if len(client.queue) == 1:
            self._watch_client(client)
        self._set_paused(client.queued > QUEUE_LIMIT or self._paused)

    def _set_paused(self, paused: bool) -> None:
        if paused == self._paused:
            return
        self._paused = paused
        for descriptor in self._outputs:
            self._watch_output(descriptor)

    def _watch_output(self, descriptor: int) -> None:
        """Wait for output unless clients are slow; at a terminal's master also for room for input."""
        is_master = descriptor == self.master
        events = READ if descriptor in self._outputs and not self._paused else 0
        if is_master and self._pending:
            events |= WRITE
        if not events:
            self._loop.forget(descriptor)
        elif is_master:
            self._loop.watch(descriptor, events, self._master_ready)
        else:
            self._loop.watch(descriptor, events, lambda events: self._readable(descriptor))

    def _client_ready(self, client: Client, events: int) -> None:
        if events & WRITE:
            self._flush(client)
        if client in self._clients and (events & READ or is_gone(events)):
            self._from_client(client)

    def _flush(self, client: Client) -> None:
        while client.queue:
            try:
                client.sock.send(client.queue[0], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:
                self._drop(client)
                return
            client.queued -= len(client.queue.popleft())
        self._watch_client(client)
        if self._paused and all(c.queued <= QUEUE_LIMIT // 2 for c in self._clients):
            self._set_paused(False)
        if client.finished:
            self._drop(client)

    def _from_client(self, client: Client) -> None:
        try:
            data, descriptors = wire.receive(client.sock)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", ()
        for descriptor in descriptors:
            os.close(descriptor)
        if not data:
            self._drop(client)
            if client.stdin and not self.keep_stdin:
                self.close_stdin()
        elif data[:1] == wire.STDIN and client.stdin:
            self._input(data[1:])
        elif data[:1] == wire.MESSAGE:
            try:
                message = wire.unpack(data)
            except EngineError:
                return
            if isinstance(message, wire.Resize):
                self.resize(message.rows, message.columns)
            elif isinstance(message, wire.Detach):
                client.owns = False

    def _input(self, data: bytes) -> None:
        if self._stdin < 0:
            return
        if not data:
            if self.keep_stdin and self.master < 0:
                return
            self._stdin_ends = True
        self._pending += data
        self._write_stdin()

    def _write_stdin(self) -> None:
        while self._pending:
            try:
                written = os.write(self._stdin, self._pending)
            except BlockingIOError:
                self._wait_for_stdin()
                return
            except OSError:
                self._pending.clear()  # the process reads no more
                break
            del self._pending[:written]
        if self._stdin_ends:
            self.close_stdin()
        elif self.master < 0 and self._stdin >= 0:
            self._loop.forget(self._stdin)
        elif self.master >= 0:
            self._watch_output(self.master)
        self._watch_writers()

    def _wait_for_stdin(self) -> None:
        if self._stdin == self.master:
            self._watch_output(self.master)
        else:
            self._loop.watch(self._stdin, WRITE, lambda events: self._write_stdin())
        self._watch_writers()

    def _master_ready(self, events: int) -> None:
        if self._pending and (events & WRITE or is_gone(events)):
            self._write_stdin()
        if (events & READ or is_gone(events)) and self.master in self._outputs and not self._paused:
            self._readable(self.master)

    def _watch_writers(self) -> None:
        for client in self._clients:
            if client.stdin:
                self._watch_client(client)

    def _watch_client(self, client: Client) -> None:
        """Wait for what a client sends, unless enough of its input is held; for room where it is slow."""
        has_enough = client.stdin and len(self._pending) > QUEUE_LIMIT // 4
        events = (0 if has_enough else READ) | (WRITE if client.queue else 0)
        self._loop.watch(
            client.sock.fileno(), events, lambda ready: self._client_ready(client, ready)
        )

    def close_stdin(self) -> None:
        """Let the process see the end of its input; a terminal gets its end-of-file character."""
        if self._stdin < 0:
            return
        if self._stdin == self.master:
            self._pending += b"\x04"
            self._stdin_ends = False
            self._write_stdin()
            return
        self._loop.forget(self._stdin)
        os.close(self._stdin)
        self._stdin = -1

    def drain(self) -> None:
        """Take what the ended process left in its pipes; the order of each stream is kept."""
        self._paused = False
        for descriptor in list(self._outputs):
            while descriptor in self._outputs:
                before = self._size_hint(descriptor)
                if not before:
                    break
                self._readable(descriptor)
        for descriptor in list(self._outputs):
            self._end_output(descriptor)

    def _size_hint(self, descriptor: int) -> bool:
        import select

        poll = select.poll()
        poll.register(descriptor, READ)
        return bool(poll.poll(0))

    def finish(self, message: object) -> None:
        """Tell every client the end, and let each go once it has read all that came before."""
        for client in list(self._clients):
            client.finished = True
            self._put(client, wire.pack(message))
            if client in self._clients and not client.queue:
                self._drop(client)
        if self._log is not None:
            self._log.close()

    def tell(self, message: object) -> None:
        """Send a message to every client."""
        for client in list(self._clients):
            self._put(client, wire.pack(message))

    @property
    def is_idle(self) -> bool:
        """Tell whether nobody is attached any more."""
        return not self._clients

    def _drop(self, client: Client) -> None:
        if client not in self._clients:
            return
        self._clients.remove(client)
        self._loop.forget(client.sock.fileno())
        client.sock.close()
        if self._paused and all(c.queued <= QUEUE_LIMIT // 2 for c in self._clients):
            self._set_paused(False)
        if not self._clients:
            self.on_idle()
        if client.owns and not client.finished:
            self.on_abandoned()

    def close(self) -> None:
        """Let go of every descriptor."""
        for descriptor in list(self._outputs):
            self._end_output(descriptor)
        self.close_stdin() if self.master < 0 else None
        if self.master >= 0:
            self._loop.forget(self.master)
            os.close(self.master)
            self.master = self._stdin = -1
