"""The foreman: a single-threaded process that takes the clients' requests and never forks.

It carries out the outside steps of every start, since its memory is warm: a page that is touched after a
fork costs more than the step that touches it.  What must be a process of its own the zygote forks.

    client --Spawn--> foreman --S--> zygote --fork--> shim --clone--> init --exec--> the program
                         |  start.py: claim, cgroup, ids, rootfs        ^
                         +-------------- the container ------> shim ----+
    client --Job----> foreman --W--> zygote --fork--> worker --answers--> client

It holds no container's state: kill it, start another, and containers go on.  One foreman a store, which is
proved by foreman.lock.  It leaves when nobody has been connected for IDLE_S seconds, or when its zygote has.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import time

from ..errors import EngineError
from ..spec.host import HostFeatures
from ..store.files import unlink_quietly
from ..store.layout import Layout
from . import wire
from .helpers import Helpers
from .loop import READ, Loop
from .lowers import Lowers
from .notes import Notes
from .plan import PREPARED, Plan, Step
from .pool import Pool
from .record import Record
from .running import Running
from .start import Start
from .waiting import Told, WaitingShim

IDLE_S = 60.0
QUIET_S = 0.2
_LAST_WORDS_S = 1.0


class Foreman:
    """The foreman's requests."""

    def __init__(
        self,
        layout: Layout,
        host: HostFeatures,
        zygote: socket.socket,
        programs: dict[str, bytes],
        steps: tuple[Step, ...],
    ) -> None:
        """`steps`: what is prepared beforehand, for everybody who wants nothing special."""
        self._layout = layout
        self._zygote = zygote
        self._programs = programs
        self._lowers = Lowers()
        self._loop = Loop()
        self._listener = wire.listen(layout.foreman_socket)
        self._clients: dict[int, socket.socket] = {}
        self.network = host.network
        self._starts: set[Start] = set()
        self._helpers = Helpers(self._loop, zygote)
        self._pool = Pool(self._loop, steps, self._make, self._is_quiet, self._helpers.fill)
        self._running = Running(self._loop, layout, self._lost)
        self._idle_since = time.monotonic()
        self._notes = Notes("foreman", most=1000)

    def run(self) -> None:
        """Serve until told to quit, or idle."""
        gc.enable()
        self._loop.watch(self._listener.fileno(), READ, self._accept)
        self._loop.watch(self._zygote.fileno(), READ, lambda events: self._leave())
        self._leave_when_terminated()
        self._loop.after(IDLE_S, self._look_idle)
        self._helpers.tidy_after(QUIET_S)
        while self._loop.running:
            self._step()
        # nobody finds us from here on; who did before is answered
        unlink_quietly(self._layout.foreman_socket)
        deadline = time.monotonic() + _LAST_WORDS_S
        while self._step(0.0) and time.monotonic() < deadline:
            pass
        while (self._starts or self._running.is_busy) and time.monotonic() < deadline:
            self._step(deadline - time.monotonic())

    def _step(self, limit_s: float | None = None) -> bool:
        try:
            return self._loop.step(limit_s)
        except (OSError, EngineError) as error:
            # no descriptor to be had: the client hears of it by end of file
            self._notes.add(error)
            return True

    def _leave(self) -> None:
        self._loop.running = False

    def _leave_when_terminated(self) -> None:
        """Let SIGTERM be a request like others, so that nothing stays of what only waited."""
        told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        signal.set_wakeup_fd(tell)
        self._loop.watch(told, READ, lambda events: self._leave())

    def _look_idle(self) -> None:
        if self._clients or self._starts:
            self._idle_since = time.monotonic()
        left_s = self._idle_since + IDLE_S - time.monotonic()
        if left_s <= 0.1:
            self._leave()
        else:
            self._loop.after(left_s, self._look_idle)

    # -- requests

    def _accept(self, events: int) -> None:
        client, _ = self._listener.accept()
        if _peer(client)[1] != os.getuid():
            client.close()
            return
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._loop.watch(client.fileno(), READ, lambda events: self._request(client))
        self._pool.fill_soon()

    def _left(self, client: socket.socket) -> None:
        """Let go of a client; what it was about to make, if it was killed, is swept soon."""
        self._loop.forget(client.fileno())
        del self._clients[client.fileno()]
        self._idle_since = time.monotonic()
        with client:
            mark = f"{_peer(client)[0]}_"
        if any(name.startswith(mark) for name in os.listdir(self._layout.tmp)):
            self._helpers.tidy_after(QUIET_S)

    def _request(self, client: socket.socket) -> None:
        try:
            data, descriptors = wire.receive(client)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", ()
        if not data:
            self._left(client)
            return
        try:
            message = wire.unpack(data)
        except EngineError:
            message = None
        if isinstance(message, wire.Quit):
            self._leave()
        elif isinstance(message, wire.Spawn):
            session = socket.socket(
                socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=os.dup(descriptors[0])
            )
            start = Start(self._loop, self._layout, self, message, session)
            self._starts.add(start)
            start.begin()
        elif isinstance(message, wire.Job):
            self._helpers.hand_over(data, descriptors)
            self._pool.fill_soon()
        for descriptor in descriptors:
            os.close(descriptor)

    # -- shims

    def take(self, plan: Plan) -> WaitingShim | None:
        """Return a waiting shim whose sandbox is what the plan asks for, if there is one."""
        return self._pool.take(plan)

    def prepare(self, plan: Plan, tell: Told) -> WaitingShim:
        """Have a shim made for this plan."""
        return self._make(plan.of(*PREPARED), tell)

    def _is_quiet(self) -> bool:
        return not self._starts and self._loop.running

    def _make(self, steps: tuple[Step, ...], tell: Told) -> WaitingShim:
        return WaitingShim(
            self._loop,
            self._layout,
            self._zygote,
            steps,
            self._programs,
            self._lowers,
            tell,
            self._lost,
        )

    @property
    def is_leaving(self) -> bool:
        """Tell whether the next foreman is to be asked."""
        return not self._loop.running

    def runs(self, control: socket.socket, record: Record) -> None:
        """Note a container that its shim has taken over."""
        self._running.add(control, record)

    def delete_soon(self, doomed: tuple[str, ...]) -> None:
        """Delete trees that nobody knows any more."""
        self._running.delete_soon(doomed)

    def is_over(self, start: Start) -> None:
        """Note a start that has come to its end, one or the other."""
        self._starts.discard(start)
        self._pool.fill_soon()

    def _lost(self) -> None:
        """A shim was killed: what it had made is nobody's now."""
        self._helpers.tidy_after(QUIET_S)


def _peer(client: socket.socket) -> tuple[int, int]:
    """Return the pid and the uid of who connected."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, _ = struct.unpack("3i", credentials)
    return pid, uid
