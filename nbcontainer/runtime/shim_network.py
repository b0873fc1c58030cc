"""What a shim does for its container's networks while the program runs: watch, tell again, rewire."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..linux import syscalls
from . import dialing, opening, rewiring
from .loop import READ
from .notes import note
from .plan import PREPARED

_PAUSE_S = 1.0

if TYPE_CHECKING:
    from .shim import Shim


class ShimNetwork:
    """The network side of one shim."""

    def __init__(self, shim: Shim) -> None:
        self._shim = shim
        self._names = self._forwarder = -1

    def watch(self) -> None:
        """Hear of the end of who helps: the keeper, which knows the names, and the forwarder."""
        self.forget()
        cabling = self._shim.sandbox.box.cabling
        if cabling.registration is not None and cabling.registration.fileno() >= 0:
            self._names = cabling.registration.fileno()
            self._shim.loop.watch(self._names, READ, self._keeper_ended)
        if cabling.publisher is not None and cabling.publisher.pid:
            self._forwarder = syscalls.pidfd_open(cabling.publisher.pid)
            self._shim.loop.watch(self._forwarder, READ, self._forwarder_ended)

    def forget(self) -> None:
        """Undo `watch`; must precede the end of the sandbox.  Idempotent."""
        if self._names >= 0:
            self._shim.loop.forget(self._names)
        if self._forwarder >= 0:
            self._shim.loop.forget(self._forwarder)
            os.close(self._forwarder)
        self._names = self._forwarder = -1

    def _keeper_ended(self, events: int) -> None:
        self.forget()
        self._tell_again()

    def _tell_again(self) -> None:
        """Tell the container's names to a new keeper, as often as it takes."""
        try:
            rewiring.tell_again(self._shim.sandbox.box, self._shim.plan)
        except (OSError, EngineError) as error:
            note("shim", error)
            self._shim.loop.after(_PAUSE_S, self._tell_again)
        self.watch()

    def _forwarder_ended(self, events: int) -> None:
        publisher = self._shim.sandbox.box.cabling.publisher
        self.forget()
        try:
            if publisher is not None:
                publisher.again()
        finally:
            self.watch()

    def rewire(self, resolvers: str) -> None:
        """Come onto the networks of the plan on disk.  Raises: what connecting raises."""
        shim = self._shim
        plan = opening.load(shim.directory, shim.id)[1]
        self.forget()
        try:
            rewiring.rewire(shim.sandbox.box, shim.sandbox.steps, plan, resolvers)
            shim.replan(plan)
            shim.sandbox.steps = plan.of(*PREPARED)
        finally:
            self.watch()
        shim.tell_places(shim.sandbox.box.cabling)

    def dial(self, port: int, client: int) -> None:
        """Hand a socket that is connected to a port of the container to a client.

        By its own address where it has one, as others reach it; by its loopback if it has none.
        """
        box = self._shim.sandbox.box
        found = [a for e in box.cabling.endpoints for a in (e.address, e.address6) if a]
        dialing.dial(box.init_pid, found[0] if found else "127.0.0.1", port, client)
