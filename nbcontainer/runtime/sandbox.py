"""A sandbox: init in its namespaces, cgroup and ids, waiting for a rootfs and a program.

The foreman prepares sandboxes for the default configuration; any other is prepared when it is needed.
The shim is init's parent and clones it; all else outside of the container is done by who drives the
sandbox: the foreman, or for a container that is started anew the shim itself.

    order -> (the shim clones) -> cloned -> init builds its stage -> staged
          -> launch -> init assembles and executes -> heard, until the program runs

Its name is the shim's pid and start time, so whether its owner lives can be told from the name alone.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Callable
from typing import Any

from ..errors import EngineError, HelperGone, from_wire
from ..values import value
from . import advice, init, steps_outside, wire
from .lowers import Lowers
from .plan import ASSEMBLE, CLONE, CONNECT, LAST, OUTSIDE, STAGE, Plan, Step


@value
class Order:
    """What the shim needs to clone init: `joined` are pairs of a descriptor and its CLONE_NEW* kind."""

    flags: int
    joined: list[tuple[int, int]]
    has_ids: bool


class Sandbox:
    """One sandbox, driven through the calls above in their order; `undo` or `release` ends it."""

    def __init__(
        self,
        steps: tuple[Step, ...],
        programs: dict[str, bytes],
        name: str = "",
        init_pid: int = 0,
        lowers: Lowers | None = None,
    ) -> None:
        """`steps`: those of the phases PREPARED.  `programs`: the filters that init has in memory.

        `lowers`: what the foreman keeps for many; a shim, which is init's parent, has none.
        """
        self.name = name
        self.steps = steps
        self.box = steps_outside.Outside(name, lowers)
        self.box.init_pid = init_pid
        self.is_executing = False
        self._is_staged = bool(init_pid)
        self.master = -1
        self._programs = programs
        self.sock: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The pid of init as the host counts, 0 before it was cloned."""
        return self.box.init_pid

    @property
    def is_waiting(self) -> bool:
        """Tell whether init, which has no more to say, still waits for its program."""
        if self.sock is None:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def order(self) -> Order:
        """Carry out the steps before the clone.  Raises: StepFailed; then `release`."""
        for step in self._outside_steps(before=True):
            self._apply(step)
        cloned = [step for step in self.steps if step.do == "clone"]
        flags = steps_outside.clone_flags(cloned[0].args) if cloned else 0
        has_ids = any(step.do in ("map_ids", "join") for step in self.steps)
        return Order(flags, self.box.joined, has_ids)

    def cloned(self, name: str, init_pid: int, sock: socket.socket) -> None:
        """Carry out the steps between clone and stage; init builds its stage from then on.

        Raises: StepFailed; what was made by then is for `undo`.
        """
        self.name = self.box.sandbox = name
        self.box.init_pid = init_pid
        self.sock = sock
        for step in self._outside_steps(before=False):
            self._apply(step)
        # init moves itself into its cgroup: moving another process makes every processor wait
        self._send("begin", self.box.mode, tuple(self.box.entrances))
        self._send("stage", [[s.do, s.args] for s in self.steps if s.phase == STAGE])

    def staged(self) -> None:
        """Take init's word that /proc, /dev and /sys are ready.  Raises: why they are not."""
        if not self._receive():
            raise HelperGone("init ended while the sandbox was prepared")
        for step in self.steps:
            if step.phase == CONNECT:
                self._apply(step)
        self.box.keep_namespaces()

    def launch(self, plan: Plan, stdio: tuple[int, int, int]) -> None:
        """Give init its rootfs and its program.  Raises: StepFailed and its kin."""
        theirs = []
        for step in plan.of(ASSEMBLE):
            if step.do in steps_outside.APPLY:
                self._apply(step)
            else:
                theirs.append([step.do, step.args])
        last = plan.of(LAST)
        orders = json.dumps([theirs, [[step.do, step.args] for step in last]]).encode()
        filters = [
            os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            for path in init.missing_programs(last, self._programs)
        ]
        box = self.box
        descriptors = (*stdio, box.rootfs_fd, *box.source_fds, *filters)
        assert self.sock is not None
        try:
            wire.send_long(self.sock, orders, descriptors)
        except BrokenPipeError:
            pass  # it was killed: `heard` tells
        finally:
            for descriptor in filters:
                os.close(descriptor)
            box.close()

    def heard(self) -> bool:
        """Take one word of init's; True at the end of file, when the program was executed or init killed.

        `is_executing` tells which, `master` is the terminal's.  Raises: why there is no program.
        """
        if self._receive():
            return False
        self.forget_socket()
        return True

    def forget_socket(self) -> None:
        """Let go of init, which ends if it still waits.  Idempotent."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def release(self) -> None:
        """Let go of all that this process holds; init, if it still waits, ends.  Idempotent."""
        self.forget_socket()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
        self.box.release()

    def undo(self) -> None:
        """Release everything that was made on the host.  Idempotent."""
        self.forget_socket()
        if self._leaves_processes():
            self.box.kill_rest()
        self.release()
        steps_outside.undo(self.steps, self.name)

    def read_programs(self, plan: Plan) -> dict[str, bytes]:
        """Return the filters of a plan by their files; a file is read once."""
        for path in init.missing_programs(plan.of(LAST), self._programs):
            with open(path, "rb") as file:
                self._programs[path] = file.read()
        return self._programs

    def prepare_here(self, stage: str) -> None:
        """As init's parent: clone it and bring it to its stage, waiting for that."""
        order = self.order()
        ours, theirs = wire.pair()

        def child() -> None:
            ours.close()
            init.run(theirs, stage, self._programs, order.has_ids)

        try:
            pid = steps_outside.clone(order.flags, order.joined, child)
        except OSError as error:
            ours.close()
            raise advice.refused("clone", error) from error
        finally:
            theirs.close()
        self.cloned(self.name, pid, ours)
        self.staged()

    def launch_here(self, plan: Plan, stdio: tuple[int, int, int]) -> int:
        """Launch and wait until the program runs; return a terminal's master or -1.

        Raises: StepFailed and its kin; HelperGone if init was killed.
        """
        self.launch(plan, stdio)
        while not self.heard():
            pass
        if not self.is_executing:
            raise init_was_killed()
        master, self.master = self.master, -1
        return master

    def _outside_steps(self, *, before: bool) -> tuple[Step, ...]:
        """Return the outside steps before or after the clone."""
        steps = [step for step in self.steps if step.phase in (OUTSIDE, CLONE)]
        at = [step.do for step in steps].index("clone")
        return tuple(steps[:at] if before else steps[at + 1 :])

    def _apply(self, step: Step) -> None:
        apply = steps_outside.APPLY.get(step.do)
        if apply is None:
            return  # init's own part of it
        try:
            apply(self.box, step.args)
        except OSError as error:
            raise advice.refused(step.do, error) from error

    def _leaves_processes(self) -> bool:
        """Tell whether init's end is not the end of what it started."""
        cloned = [step for step in self.steps if step.do == "clone"]
        has_pids = not cloned or "pid" in cloned[0].args["namespaces"]
        return not has_pids and not self.box.controllers

    def _send(self, what: str, content: Any, descriptors: tuple[int, ...] = ()) -> None:
        assert self.sock is not None
        try:
            wire.send_bytes(self.sock, json.dumps([what, content]).encode(), descriptors)
        except BrokenPipeError:
            return  # init said why before it ended: the answer tells

    def _receive(self) -> bool:
        """Take one packet of init's; False at end of file.  Raises: the error that it sent."""
        assert self.sock is not None
        data, descriptors = receive_or_raise(self.sock)
        if not self._is_staged:
            # its first word, that it is staged, brings what leads into its network
            self._is_staged = True
            self.box.cabling.took(descriptors)
        elif descriptors:
            self.master = descriptors[0]
        self.is_executing = self.is_executing or data == wire.EXECUTING
        return bool(data)


def init_was_killed() -> HelperGone:
    """Return the error for an init that ended between its orders and its program."""
    return HelperGone(
        "the container's first process was killed before its program began", "Try again."
    )


def receive_or_raise(sock: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """Return the next packet from init; empty bytes at end of file.

    Raises: the error that init sent.
    """
    try:
        data, descriptors = wire.receive(sock)
    except ConnectionResetError:
        return b"", ()
    if data[:1] == wire.MESSAGE:
        reply = wire.unpack(data)
        if isinstance(reply, wire.Failed):
            raise from_wire(reply.error)
    return data, descriptors


def await_program(
    receive: Callable[[], tuple[bytes, tuple[int, ...]]], forget: Callable[[], None]
) -> int:
    """Wait until the program was executed (end of file); return the terminal's master or -1."""
    master = -1
    try:
        while True:
            data, descriptors = receive()
            if not data:
                return master
            if descriptors:
                master = descriptors[0]
    except EngineError:
        if master >= 0:
            os.close(master)
        raise
    finally:
        forget()
