"""What a shim knows of its container: the state as it was given, and the two files once it needs them."""

from __future__ import annotations

from typing import Any

from ..errors import EngineError
from ..spec.codec import decode, encode
from ..spec.lifecycle import State
from ..spec.network import Endpoint
from ..spec.runtime import RuntimeConfig
from ..store.layout import Layout
from . import opening
from .plan import Plan
from .record import Record


class OwnRecord:
    """A record that is read as late as can be: what is not read costs its shim no memory."""

    __slots__ = ("_directory", "_given", "_id", "_left", "_opened", "_state", "record")

    def __init__(self, layout: Layout, container_id: str) -> None:
        self.record = Record(layout, container_id)
        self._id = container_id
        self._directory = layout.container(container_id)
        self._given: dict[str, Any] | None = None
        self._state = State()
        # the networks that were left when it ended, until that is told
        self._left: tuple[Endpoint, ...] = ()
        self._opened: tuple[RuntimeConfig, Plan] | None = None

    @property
    def state(self) -> State:
        """The container's state as it was written last."""
        if self._given is not None:
            self._state, self._given = decode(State, self._given), None
        return self._state

    @property
    def encoded(self) -> dict[str, Any]:
        """The same as JSON."""
        found: dict[str, Any] = encode(self._state) if self._given is None else self._given
        return found

    def give(self, state: dict[str, Any]) -> None:
        """Take the state that somebody else wrote."""
        self._given = state

    def set(self, state: State) -> None:
        """Take a state that is not to be written."""
        self._given, self._state = None, state

    def save(self, state: State) -> None:
        """Write the state."""
        if not state.endpoints:
            self._left = self.state.endpoints
        self.set(state)
        self.record.save(state)

    def open(self) -> tuple[RuntimeConfig, Plan]:
        """Return what the container was created with, and its plan.  Raises: StateUnreadable."""
        if self._opened is None:
            self._opened = opening.load(self._directory, self._id)
            self.record.config = self._opened[0]
        return self._opened

    def replan(self, plan: Plan) -> None:
        """Take another plan than the one that was read."""
        self._opened = self.open()[0], plan

    def publish(self, action: str, attributes: dict[str, str]) -> None:
        """Publish an event of the container."""
        try:
            self.open()
        except EngineError:
            pass  # its files are damaged: the event goes without names
        joined = self.state.endpoints if action == "start" else ()
        left, self._left = (self._left, ()) if action == "die" else ((), self._left)
        self.record.publish(action, attributes, joined=joined, left=left)
