"""A shim that has no container yet, seen from its two sides.

foreman -> zygote   S + the JSON of the order, with     a shim is forked
                    control, init's socket, namespaces to join
shim -> foreman     its pid and init's, or Failed       on control
foreman -> shim     see `adoption`; end of file         a container; or there will be none
shim -> foreman     GONE                                all that was made for it is undone
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import NoReturn

from ..errors import EngineError, HelperGone
from ..store.layout import Layout
from . import advice, init, quiet, sandbox_name, steps_outside, wire
from .adoption import BUSY, Adoption, ItRuns, as_session, close_all, to_watch
from .loop import READ, Loop
from .lowers import Lowers
from .mend import forget_socket
from .plan import CLONE, CONNECT, OUTSIDE, Step
from .sandbox import Order, Sandbox, receive_or_raise
from .shim import Shim

FORK, GONE = b"S", b"gone"
Told = Callable[["WaitingShim", EngineError | None], None]


class WaitingShim:
    """The foreman's side: has a shim forked and its sandbox prepared, and tells when that is done.

    `tell(self, None)` is called once when init waits for a program, or with the error that stopped it;
    `lost` when the shim or its init ends afterwards; `orphaned` when the shim was killed and could not
    undo what was made for it.
    """

    def __init__(
        self,
        loop: Loop,
        layout: Layout,
        zygote: socket.socket,
        steps: tuple[Step, ...],
        programs: dict[str, bytes],
        lowers: Lowers,
        tell: Told,
        orphaned: Callable[[], None],
    ) -> None:
        self.sandbox = Sandbox(steps, programs, lowers=lowers)
        self.pid = 0
        self.listener: socket.socket | None = None
        self.is_ready = False
        self.lost: Callable[[], None] = lambda: None
        self._loop = loop
        self._layout = layout
        self._tell: Told | None = tell
        self._orphaned = orphaned
        self._is_dismissed = False
        self.control, theirs = wire.pair()
        self._init_sock, init_theirs = wire.pair()
        loop.watch(self.control.fileno(), READ, self._heard)
        with theirs, init_theirs:
            try:
                order = self.sandbox.order()
                descriptors = [theirs.fileno(), init_theirs.fileno()]
                descriptors += [descriptor for descriptor, _ in order.joined]
                wire.send_bytes(zygote, _order_text(order, steps), tuple(descriptors))
            except OSError:
                # the zygote was killed, and no other process can fork for us
                self._failed(HelperGone("the engine's helper process has ended", "Try again."))
            except EngineError as error:
                self._failed(error)

    def _heard(self, events: int) -> None:
        """The shim says that init is there; or it has ended."""
        try:
            data, _ = receive_or_raise(self.control)
            if not data:
                self._orphaned()
                raise HelperGone("the container's shim was killed before it began", "Try again.")
            self._cloned(*map(int, data.split()))
        except EngineError as error:
            self._failed(error)
        except (OSError, ValueError) as error:
            self._failed(EngineError(f"{type(error).__name__}: {error}"))

    def _cloned(self, shim_pid: int, init_pid: int) -> None:
        self.pid = shim_pid
        name = sandbox_name.name_of(shim_pid)
        # the socket tells that there is this sandbox: it comes first, and goes last
        self.listener = wire.listen(self._layout.shim_socket(name))
        self._loop.watch(self._init_sock.fileno(), READ, self._staged)
        self.sandbox.cloned(name, init_pid, self._init_sock)

    def _staged(self, events: int) -> None:
        assert self.sandbox.sock is not None
        try:
            if self.is_ready:
                raise HelperGone("init was killed while it waited")
            self.sandbox.staged()
        except EngineError as error:
            self._failed(error)
            return
        except OSError as error:
            self._failed(advice.refused("start", error))
            return
        self.is_ready = True
        self._say(None)

    def take(self) -> None:
        """Stop looking whether init lives: from here on it has somebody else's orders."""
        if self.sandbox.sock is not None:
            self._loop.forget(self.sandbox.sock.fileno())

    def _failed(self, error: EngineError) -> None:
        self.dismiss()
        if self.is_ready:
            self.lost()
        else:
            self._say(error)

    def _say(self, error: EngineError | None) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(self, error)

    def leave_control(self) -> socket.socket:
        """Return the control socket; whoever takes it listens to it from here on."""
        self._loop.forget(self.control.fileno())
        return self.control

    def release(self) -> None:
        """Let go of what the shim holds by now."""
        if self.listener is not None:
            self.listener.close()
        self.sandbox.release()

    def dismiss(self) -> None:
        """Let the shim and its init go; the shim undoes what was made for it.  Idempotent."""
        for sock in (self._init_sock, self.listener):
            if sock is not None and sock.fileno() >= 0:
                self._loop.forget(sock.fileno())
                sock.close()
        self.sandbox.release()
        if self.control.fileno() >= 0 and not self._is_dismissed:
            self._is_dismissed = True
            farewell(self._loop, self.control, self._orphaned)


def farewell(loop: Loop, control: socket.socket, orphaned: Callable[[], None]) -> None:
    """Let a shim go, and hear whether it undid what was made for it or was killed before."""

    def heard(events: int) -> None:
        try:
            word = control.recv(64)
        except OSError:
            word = b""
        if word and word != GONE:
            return
        loop.forget(control.fileno())
        control.close()
        if not word:
            orphaned()

    try:
        control.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it was killed
    loop.watch(control.fileno(), READ, heard)


def say_gone(control: socket.SocketType) -> None:
    """A shim's last word: nothing is left of what was made for it."""
    try:
        wire.send_bytes(control, GONE)
    except OSError:
        pass  # the foreman left before


def _order_text(order: Order, steps: tuple[Step, ...]) -> bytes:
    """Return the packet: numbers for the clone; then, for who has to undo, what was done outside."""
    numbers = [order.flags, int(order.has_ids), *(kind for _, kind in order.joined)]
    outside = [[s.phase, s.do, s.args] for s in steps if s.phase in (OUTSIDE, CLONE, CONNECT)]
    return FORK + f"{' '.join(map(str, numbers))}\n{json.dumps(outside)}".encode()


def wait(
    layout: Layout, programs: dict[str, bytes], data: bytes, descriptors: tuple[int, ...]
) -> NoReturn:
    """The shim's side, in a fresh child of the zygote: clone init, wait for a container, live its life."""
    numbers, _, outside = data[1:].partition(b"\n")
    flags, has_ids, *kinds = [int(number) for number in numbers.split()]
    control = socket.SocketType(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, descriptors[0])
    joined = list(zip(descriptors[2:], kinds, strict=True))

    def child() -> None:
        os.close(descriptors[0])
        init.run(as_session(descriptors[1]), layout.stage, programs, bool(has_ids))

    try:
        pid = steps_outside.clone(flags, joined, child)
    except OSError as error:
        control.send(wire.pack(wire.failure(advice.refused("clone", error))))
        os._exit(0)
    close_all(descriptors[1:])
    given: tuple[bytes, tuple[int, ...]] = (b"", ())
    try:
        control.send(f"{os.getpid()} {pid}".encode())
        given = wire.receive(control)
    except OSError:
        pass  # the foreman left meanwhile
    if given[0]:
        _live(layout, programs, control, outside, pid, given)
    # init ends when it reads the end of file, or with us
    name = sandbox_name.name_of(os.getpid())
    steps_outside.undo(_steps(outside), name)
    forget_socket(layout, name)
    say_gone(control)
    os._exit(0)


def _live(
    layout: Layout,
    programs: dict[str, bytes],
    control: socket.SocketType,
    outside: bytes,
    init_pid: int,
    given: tuple[bytes, tuple[int, ...]],
) -> None:
    """Take over the container, and live as long as it does; returns if its program did not begin."""
    data, descriptors = given
    shim = None
    if data[:1] == BUSY:
        # while init assembles
        shim = _shim(layout, programs, control, outside, init_pid, given)
    state, more = wire.receive(control)
    if not state:
        return
    if shim is None:
        watched = to_watch(data, descriptors, state, more)
        if not quiet.stay(control.fileno(), descriptors[0], watched, init_pid):
            given = data, (-1, *descriptors[1:])
        shim = _shim(layout, programs, control, outside, init_pid, given)
    shim.begin(ItRuns(state, more, has_terminal=shim.has_terminal))
    shim.run()
    say_gone(control)
    os._exit(0)


def _shim(
    layout: Layout,
    programs: dict[str, bytes],
    control: socket.SocketType,
    outside: bytes,
    init_pid: int,
    given: tuple[bytes, tuple[int, ...]],
) -> Shim:
    adoption, steps = Adoption(*given), _steps(outside)
    sandbox = Sandbox(steps, programs, adoption.sandbox, init_pid)
    sandbox.box.take(steps, adoption.kept, adoption.entrances)
    return Shim(layout, sandbox, programs, control, adoption)


def _steps(outside: bytes) -> tuple[Step, ...]:
    return tuple([Step(phase, do, args) for phase, do, args in json.loads(outside)])
