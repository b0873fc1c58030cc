"""What is written down of a running container for others: its state.json and its events."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import EngineError
from ..linux import process
from ..spec.codec import decode, encode
from ..spec.event import Event
from ..spec.lifecycle import Health, State, Status
from ..spec.network import Endpoint
from ..spec.runtime import RuntimeConfig
from ..store.events import Events
from ..store.files import dump_json, read_json, write_in_any_case
from ..store.layout import Layout
from .sandbox_name import owner_of

if TYPE_CHECKING:
    from .cabling import Cabling


def running(
    pid: int,
    sandbox: str,
    *,
    restart_count: int = 0,
    is_checked: bool = False,
    cabling: Cabling | None = None,
) -> State:
    """Return the state of a container whose program `pid` was just executed, in this sandbox."""
    shim, shim_start = owner_of(sandbox)
    return State(
        status=Status.RUNNING,
        pid=pid,
        pid_start=_start_time(pid),
        shim_pid=shim,
        shim_start=shim_start,
        boot_id=process.boot_id(),
        sandbox=sandbox,
        started_ns=time.time_ns(),
        restart_count=restart_count,
        health=Health() if is_checked else None,
        endpoints=tuple(cabling.endpoints) if cabling is not None else (),
        ports=cabling.ports if cabling is not None else (),
    )


def _start_time(pid: int) -> int:
    try:
        return process.start_time(pid)
    except ProcessLookupError:
        return 0  # it was killed with its shim


def of_network(action: str, container_id: str, endpoint: Endpoint) -> Event:
    """Return the event of a network that a container came onto or left."""
    about = {"container": container_id, "name": endpoint.network, "type": "bridge"}
    return Event(time.time_ns(), "network", action, endpoint.network_id, about)


class Record:
    """The one writer of a container's state.  A full disk loses a word, never the container."""

    __slots__ = ("_events", "_id", "_path", "config")

    def __init__(self, layout: Layout, container_id: str) -> None:
        self._id = container_id
        self._path = layout.container(container_id, "state.json")
        self._events = Events(layout)
        self.config: RuntimeConfig | None = None

    def state(self) -> State:
        """Return what was written last; the state of a new container where nothing was."""
        try:
            return decode(State, read_json(self._path), lenient=True)
        except (OSError, EngineError):
            return State()

    def save(self, state: State) -> None:
        """Write the state; where that fails the lock still tells readers whether the shim lives."""
        try:
            write_in_any_case(self._path, dump_json(encode(state)))
        except (OSError, EngineError):
            return

    def publish(
        self,
        action: str,
        attributes: dict[str, str],
        *,
        joined: Iterable[Endpoint] = (),
        left: Iterable[Endpoint] = (),
    ) -> None:
        """Publish an event of the container, and the networks that it came onto before or left then."""
        everything = dict(attributes)
        if self.config is not None:
            names = {"image": self.config.image, "name": self.config.name}
            everything = {**self.config.labels, **names, **attributes}
        own = Event(time.time_ns(), "container", action, self._id, everything)
        before = [of_network("connect", self._id, endpoint) for endpoint in joined]
        after = [of_network("disconnect", self._id, endpoint) for endpoint in left]
        try:
            self._events.publish(*before, own, *after)
        except (OSError, EngineError):
            return
