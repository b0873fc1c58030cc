"""One start on its way: from a request to a program that runs below a shim of its own.

It never waits: each step ends in a watch or a timer of the foreman's loop, so that many starts go on side
by side.  Whatever stops it leaves the container as it was, with the reason, and nothing else.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Protocol

from ..errors import EngineError, HelperGone
from ..spec.lifecycle import State, Status
from ..spec.runtime import RuntimeConfig
from ..store.files import Lock
from ..store.layout import Layout
from ..values import replace
from . import adoption, advice, ending, opening, pipes, removal, wire
from .health import active_check
from .loop import READ, Loop
from .pipes import Ends
from .plan import Plan
from .record import Record, running
from .sandbox import init_was_killed
from .waiting import Told, WaitingShim

_CLAIM_S = 5.0
_AGAIN_S = 0.002


class Shims(Protocol):
    """Where a start gets its shim, and where it leaves a container that runs."""

    def take(self, plan: Plan) -> WaitingShim | None: ...

    def prepare(self, plan: Plan, tell: Told) -> WaitingShim: ...

    @property
    def is_leaving(self) -> bool: ...

    @property
    def network(self) -> str: ...

    def runs(self, control: socket.socket, record: Record) -> None: ...

    def delete_soon(self, doomed: tuple[str, ...]) -> None: ...

    def is_over(self, start: Start) -> None: ...


class Start:
    """The start of one container; `begin` once, then it goes on by itself."""

    def __init__(
        self, loop: Loop, layout: Layout, shims: Shims, request: wire.Spawn, session: socket.socket
    ) -> None:
        self._loop = loop
        self._layout = layout
        self._shims = shims
        self._id = request.container_id
        self._owned = request.owned
        self._session = session
        self._directory = layout.container(self._id)
        self._record = Record(layout, self._id)
        self._lock = Lock(f"{self._directory}/lock")
        self._deadline = time.monotonic() + _CLAIM_S
        self._old = State()
        self._config: RuntimeConfig
        self._plan: Plan
        self._shim: WaitingShim | None = None
        self._pipes: Ends = (-1, -1, -1)
        self._given = 0
        self._is_claimed = False
        self._was_repeated = False

    def begin(self) -> None:
        """Take the container's lock, and go on once it is ours."""
        self._guarded(self._claim)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except EngineError as error:
            self._fail(error)
        except OSError as error:
            self._fail(advice.refused("start", error))

    def _claim(self) -> None:
        if not opening.claim(self._lock, self._record, self._directory, self._id):
            if time.monotonic() > self._deadline:
                raise opening.being_changed(self._id)
            self._loop.after(_AGAIN_S, self.begin)
            return
        self._config, self._plan = opening.load(self._directory, self._id)
        self._record.config = self._config
        self._old = self._record.state()
        self._is_claimed = True
        self._shim = self._shims.take(self._plan)
        if self._shim is None:
            self._prepare()
        else:
            self._launch()

    def _prepare(self) -> None:
        shim = self._shims.prepare(self._plan, self._prepared)
        # it may have failed already
        if shim.control.fileno() >= 0:
            self._shim = shim

    def _prepared(self, shim: WaitingShim, error: EngineError | None) -> None:
        self._shim = shim
        if error is not None:
            self._fail(error)
        else:
            self._guarded(self._launch)

    def _launch(self) -> None:
        """Give init its orders."""
        shim = self._shim
        assert shim is not None
        shim.lost = self._shim_lost
        shim.take()
        if self._config.tty:
            stdio = pipes.no_streams()
        else:
            stdio, self._pipes = pipes.make_pipes(
                stdin=self._config.open_stdin, owner=self._plan.owner
            )
        try:
            self._give(shim)
            shim.sandbox.launch(self._plan, stdio)
        finally:
            pipes.close_all(stdio)
        assert shim.sandbox.sock is not None
        self._loop.watch(
            shim.sandbox.sock.fileno(), READ, lambda events: self._guarded(self._heard)
        )

    def _give(self, shim: WaitingShim) -> None:
        """Give the shim what it will hold; one that was killed meanwhile is told as lost."""
        assert shim.listener is not None
        self._given = len(shim.sandbox.box.kept)
        try:
            adoption.give(
                shim.control,
                self._config,
                shim.sandbox,
                owned=self._owned,
                session=self._session.fileno(),
                lock=self._lock.fileno(),
                listener=shim.listener.fileno(),
                pipes=self._pipes,
            )
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was killed: its connection tells

    def _heard(self) -> None:
        """Init says something, or has become the program."""
        shim = self._shim
        assert shim is not None
        sandbox = shim.sandbox
        assert sandbox.sock is not None
        descriptor = sandbox.sock.fileno()
        if not sandbox.heard():
            return
        self._loop.forget(descriptor)
        if sandbox.is_executing:
            self._started(shim)
        else:
            self._once_more(init_was_killed())

    def _once_more(self, error: EngineError) -> None:
        """Begin with another shim, once: nothing of the program has happened."""
        self._let_go()
        if self._was_repeated:
            self._fail(error)
        else:
            self._was_repeated = True
            self._guarded(self._prepare)

    def _started(self, shim: WaitingShim) -> None:
        """From here on the shim owns the container; one that was killed has ended it."""
        checked = active_check(self._config) is not None
        sandbox, control = shim.sandbox, shim.leave_control()
        cabling = sandbox.box.cabling
        state = running(sandbox.pid, sandbox.name, is_checked=checked, cabling=cabling)
        try:
            # first of all: it has some work to do meanwhile, and its word on the end comes after ours
            adoption.say_it_runs(control, state, sandbox, self._shims.network, self._given)
        except OSError:
            self._tell(state)
            lost = ending.exited(state, 137, oom=False, stopped=False)
            self._shims.delete_soon(
                ending.settle(self._layout, self._record, self._config, lost, stopped=False)
            )
            control.close()
        else:
            self._tell(state)
            self._shims.runs(control, self._record)
        # at once: the shim holds them all, and whoever lets go last has namespaces to take down
        cabling.let_go()
        shim.release()
        self._end()

    def _tell(self, state: State) -> None:
        self._record.save(state)
        self._record.publish("start", {}, joined=state.endpoints)
        try:
            wire.send_bytes(self._session, wire.pack(wire.Started(state.pid)))
        except OSError:
            pass  # who asked has left; the shim notices

    def _shim_lost(self) -> None:
        shim = self._shim
        if shim is not None and shim.sandbox.is_executing:
            self._fail(_shim_was_killed())
        else:
            self._once_more(_shim_was_killed())

    def _fail(self, error: EngineError) -> None:
        """Leave the container as it was, with the reason, and say so."""
        self._let_go()
        if self._shims.is_leaving and isinstance(error, HelperGone):
            # nothing has begun: by the end of file the client knows to ask the next foreman
            self._end()
            return
        if self._is_claimed and self._config.auto_remove:
            doomed = removal.take_out(self._layout, self._config)
            if doomed:
                self._record.publish("destroy", {})
            self._shims.delete_soon(removal.delete(doomed))
        elif self._is_claimed:
            old = self._old
            status = old.status if old.status in (Status.CREATED, Status.EXITED) else Status.EXITED
            self._record.save(
                replace(old, status=status, exit_code=ending.never_ran(error), error=error.message)
            )
        self._lock.release()
        try:
            wire.send_bytes(self._session, wire.pack(wire.failure(error)))
        except OSError:
            pass  # who asked has left
        self._end()

    def _end(self) -> None:
        self._close()
        self._shims.is_over(self)

    def _let_go(self) -> None:
        """Let go of the shim and of all that was made for it."""
        shim, self._shim = self._shim, None
        if shim is not None:
            shim.lost = lambda: None
            shim.take()
            shim.dismiss()
        pipes.close_all(self._pipes)
        self._pipes = (-1, -1, -1)

    def _close(self) -> None:
        self._session.close()
        self._lock.release()
        pipes.close_all(self._pipes)
        self._pipes = (-1, -1, -1)


def _shim_was_killed() -> HelperGone:
    return HelperGone("the container's shim was killed, and the container with it", "Try again.")
