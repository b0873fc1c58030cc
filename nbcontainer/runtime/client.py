"""The client's end: reach the foreman (start it if need be), have it spawn and work, ask shims.

Runs in any process, with any threads; it never forks, mounts or unshares.  The foreman is started by
`subprocess` with an empty environment and no descriptor of ours, so nothing of the notebook's memory,
environment or files is ever in a container's ancestry.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import Any

from ..errors import (
    EngineError,
    HelperGone,
    HostLacks,
    InvalidArgument,
    StateUnreadable,
    StepFailed,
    Unavailable,
    from_wire,
)
from ..spec import codec
from ..spec.host import HostFeatures
from ..store.files import Lock, read_json
from ..store.layout import Layout
from . import wire
from .edition import edition
from .session import Session

_START_LIMIT_S = 20.0
_QUIT_LIMIT_S = 5.0
# a foreman that is killed makes room for another; where each is killed at once there is no point
_TRIES = 8


class Runtime:
    """One store's foreman and shims, as seen by a client."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._host: HostFeatures | None = None
        self._beginning: tuple[subprocess.Popen[bytes], Lock] | None = None

    def begin(self) -> None:
        """Start the helper processes, where there are none, and do not wait for them.

        For who has some work to do meanwhile; whatever goes wrong is told to the first who needs them.
        """
        with self._lock:
            lock = Lock(self._start_lock)
            if self._sock is not None or self._beginning is not None or not lock.try_acquire():
                return
            try:
                self._sock = self._reach(replace=True)
                if self._sock is None:
                    self._beginning = self._launch(), lock
                    return
            except (OSError, EngineError):
                pass
            lock.release()

    @property
    def _start_lock(self) -> str:
        return f"{self._layout.run}/start.lock"

    @property
    def host(self) -> HostFeatures:
        """What the helpers found that this host can do; starts it if need be."""
        if self._host is None:
            with self._lock:
                self._connected()
                features = read_json(self._layout.features)
                self._host = codec.decode(HostFeatures, features, lenient=True)
        return self._host

    def close(self) -> None:
        """Let go of the foreman; it leaves when idle.  Containers go on."""
        with self._lock:
            if self._beginning is not None:
                # nobody needed it; it leaves when idle too
                (process, lock), self._beginning = self._beginning, None
                with lock.hold():
                    self._is_ready(process)
            if self._sock is not None:
                self._sock.close()
                self._sock = None

    def quit(self) -> None:
        """End the foreman, and return when it has gone; containers go on.  Nothing runs: nothing to do."""
        self.close()
        try:
            sock = wire.connect(self._layout.foreman_socket)
        except OSError:
            return
        self._dismiss(sock)

    def _dismiss(self, sock: socket.socket) -> None:
        """Ask a foreman to leave, and end one that does not; returns when it has gone."""
        with sock:
            peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            try:
                wire.send(sock, wire.Quit())
                sock.settimeout(_QUIT_LIMIT_S)
                while sock.recv(1024):
                    pass
            except TimeoutError:
                # stopped or stuck; the descriptor that we hold tells that the pid is still its own
                os.kill(struct.unpack("3i", peer)[0], signal.SIGKILL)
            except OSError:
                pass
        # its lock goes last: once it is free the process has ended
        with Lock(self._layout.foreman_lock, shared=True, timeout_s=_START_LIMIT_S):
            return

    def spawn(self, container_id: str, *, tty: bool = False, owned: bool = False) -> Session:
        """Have the container's plan carried out; the session is attached from the first byte.

        Returns at once: `Session.started` waits for the program.  `owned`: the program ends if this
        process vanishes, or closes the session, without `Session.detach`.
        """

        told: list[socket.socket] = []

        def send() -> socket.socket:
            ours, theirs = wire.pair()
            with theirs:
                told.append(self._tell(wire.Spawn(container_id, owned), (theirs.fileno(),)))
            return ours

        state = self._layout.container(container_id, "state.json")
        before = _mark(state)

        def again() -> socket.socket | None:
            # a start writes this file once the program runs: unchanged it says that nothing has begun
            gone = not os.path.exists(self._layout.container(container_id))
            if gone or len(told) == _TRIES or _mark(state) != before:
                return None
            # it may still read what it is sent, and forks no more
            self._forget(told[-1])
            return send()

        session = Session(self, send(), container_id, container_id, tty=tty)
        session.owned = owned
        session.again = again
        return session

    def job(self, function: str, descriptors: tuple[int, ...] = (), **arguments: Any) -> Any:
        """Run a function of `store.jobs` in a worker and return its value.

        Raises: what the job raised.
        """
        ours, theirs = wire.pair()
        with ours:
            with theirs:
                self._tell(wire.Job(function, arguments), (theirs.fileno(), *descriptors))
            reply = wire.answered(ours)
            if reply is None:
                raise HelperGone(f"{function}: the worker ended before it answered", "Try again.")
            if isinstance(reply, wire.Failed):
                raise from_wire(reply.error)
            return reply.value

    def ask(self, sandbox: str, message: Any, descriptors: tuple[int, ...] = ()) -> Any:
        """Ask a container's shim and return its answer.

        Raises: HelperGone if there is no such shim; what the shim answered.
        """
        with self.open(sandbox) as sock:
            return wire.ask(sock, message, descriptors)

    def sandbox_of(self, container_id: str) -> str:
        """Return the name by which a container's shim is asked; empty for one that never ran."""
        try:
            state = read_json(self._layout.container(container_id, "state.json"))
        except FileNotFoundError:
            return ""
        return str(state.get("sandbox", ""))

    def exec(self, sandbox: str, container_id: str, request: wire.Exec) -> Session:
        """Run one more process; returns once it was executed, attached from the first byte.

        Raises: WrongStatus, CommandNotFound, NotExecutable, StepFailed.
        """
        ours, theirs = wire.pair()
        try:
            with theirs:
                pid = self.ask(sandbox, request, () if request.detach else (theirs.fileno(),))
        except BaseException as error:
            ours.close()
            if isinstance(error, (StepFailed, InvalidArgument)) and error.exit_code == 1:
                # Docker's codes for a program that could not be begun
                error.exit_code = 127 if "no such file or directory" in error.message else 126
            raise
        return Session(
            self,
            ours,
            container_id,
            request.exec_id,
            tty=request.tty,
            pid=pid,
            exec_id=request.exec_id,
        )

    def attach(self, sandbox: str, container_id: str, request: wire.Attach, tty: bool) -> Session:
        """Join the streams of a container's first process."""
        ours, theirs = wire.pair()
        try:
            with theirs:
                self.ask(sandbox, request, (theirs.fileno(),))
        except BaseException:
            ours.close()
            raise
        return Session(self, ours, container_id, container_id, tty=tty, pid=-1)

    def open(self, sandbox: str) -> socket.socket:
        """Connect to a container's shim.  Raises: HelperGone."""
        try:
            return wire.connect(self._layout.shim_socket(sandbox))
        except OSError as error:
            raise HelperGone(
                "the container's shim does not answer", "`ps -a` shows how it ended."
            ) from error

    def _tell(self, message: Any, descriptors: tuple[int, ...]) -> socket.socket:
        """Send it to a foreman that takes it, and return the connection."""
        with self._lock:
            for _ in range(_TRIES):
                sock = self._connected()
                try:
                    wire.send(sock, message, descriptors)
                    return sock
                except OSError:
                    # it ended since we connected: nothing was begun, so a new one may begin
                    sock.close()
                    self._sock = None
        raise HelperGone("the engine's helper process ends at once", "Try again.")

    def _forget(self, sock: socket.socket) -> None:
        """Ask a foreman that has ended, or is about to, no more."""
        with self._lock:
            if self._sock is sock:
                sock.close()
                self._sock = None

    def _connected(self) -> socket.socket:
        if self._sock is None and self._beginning is not None:
            (process, lock), self._beginning = self._beginning, None
            with lock.hold():
                self._sock = self._started(process)
        if self._sock is None:
            self._sock = self._reach()
            if self._sock is None:
                # one client starts it, the others wait for the lock and then find it
                with Lock(self._start_lock, timeout_s=_START_LIMIT_S):
                    self._sock = self._reach(replace=True) or self._started(self._launch())
        return self._sock

    def _reach(self, *, replace: bool = False) -> socket.socket | None:
        """Return a connection to a living foreman of our own edition; another one is replaced."""
        try:
            sock = wire.connect(self._layout.foreman_socket)
        except OSError:
            return None
        try:
            theirs = read_json(self._layout.features).get("edition")
        except (OSError, StateUnreadable, AttributeError):
            theirs = None
        if theirs == edition(self._layout.home):
            return sock
        if replace:
            self._dismiss(sock)
        else:
            sock.close()
        return None

    def _started(self, process: subprocess.Popen[bytes]) -> socket.socket:
        """Wait until the foreman is there and connect; one that is just ending is waited for."""
        deadline = time.monotonic() + _START_LIMIT_S
        while True:
            if self._is_ready(process):
                try:
                    return wire.connect(self._layout.foreman_socket)
                except OSError:
                    pass  # it was killed a moment after its word
            if time.monotonic() > deadline:
                raise Unavailable("the helper processes of this store end at once", "Try again.")
            time.sleep(0.01)
            process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the foreman and its zygote."""
        paths = import_paths()
        code = (
            f"import sys; sys.path += {paths!r}; "
            f"from nbcontainer.runtime.launcher import main; "
            f"main({self._layout.home!r}, {self._layout.run!r}, {paths!r})"
        )
        log = os.open(
            f"{self._layout.run}/helpers.log",
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        try:
            return subprocess.Popen(
                [interpreter(), "-I", "-S", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the foreman's word; False if it was killed or another one still holds the store.

        Raises: HostLacks.
        """
        assert process.stdout is not None
        with process.stdout:
            answer = process.stdout.read()
        if answer == b"ready":
            # it outlives us; a process that was waited for by nobody must not be reported as lost
            process.returncode = 0
            return True
        code_left = process.wait()
        if answer == b"another" or code_left < 0:
            return False
        said = answer.decode(errors="replace") or self._last_words() or f"exit code {code_left}"
        # seldom needed, and slow
        from ..linux.doctor import blocker

        reason, remedy = blocker(self._layout.home)
        if reason:
            raise HostLacks(
                f"this host lets no container run: {reason}", remedy, feature="namespaces"
            )
        raise HostLacks(
            f"the engine's helper process could not start: {said}",
            "`doctor` shows what this host lacks.",
            feature="namespaces",
        )

    def _last_words(self) -> str:
        try:
            with open(f"{self._layout.run}/helpers.log", errors="replace") as file:
                lines = file.read()[-4000:].strip().splitlines()
        except OSError:
            return ""
        # what shims wrote is about their containers
        lines = [line for line in lines if not line.startswith("nbcontainer shim:")]
        return lines[-1] if lines else ""


def _mark(path: str) -> tuple[int, int]:
    """Return what tells one version of a file from another."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def interpreter() -> str:
    """Return the Python to start helpers with: the one below a virtual environment, where there is one."""
    return getattr(sys, "_base_executable", "") or sys.executable


def import_paths() -> list[str]:
    """Return where helpers find this package, and where what it needs from outside lies if elsewhere."""
    from importlib.util import find_spec

    found = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]
    spec = find_spec("dnslib")
    if spec is not None and spec.origin:
        found.append(os.path.dirname(os.path.dirname(spec.origin)))
    return list(dict.fromkeys(found))
