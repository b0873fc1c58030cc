"""Host: the parts that every verb works with, joined for one store."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, NotFound, Unavailable
from ..runtime.client import Runtime
from ..runtime.mend import is_lost, mend
from ..settings import Settings
from ..spec.event import Event
from ..spec.host import HostFeatures
from ..spec.lifecycle import State, Status
from ..store.blobs import Blobs
from ..store.containers import Containers, Listing
from ..store.events import Events
from ..store.images import Images
from ..store.lately import Lately
from ..store.layout import Layout
from ..store.networks import Networks
from ..store.version import open_store
from ..store.volumes import Volumes
from .chance import Chance

if TYPE_CHECKING:
    from ..registry.access import Access

_SETTLE_S = 10.0
# a request is one packet, which holds some thousand names
_AT_ONCE = 1000


class Host:
    """One store, its helper processes, and the clock.

    The store is opened when it is first needed: doctor and version work where it cannot be.
    """

    blobs: Blobs
    images: Images
    containers: Containers
    volumes: Volumes
    networks: Networks
    events: Events

    def __init__(self, settings: Settings) -> None:
        # what this process did, as (type, id): events have no author
        self.deeds: Lately[tuple[str, str]] = Lately()
        self.settings = settings
        self.layout = Layout(settings.home, settings.run)
        self.runtime = Runtime(self.layout)
        self.unpacked: set[str] = set()
        self._doomed: list[str] = []
        self._discarding = threading.Lock()
        self.chance = Chance(settings.lab_seed if settings.lab else None)
        # made by `registries.access_of`: most verbs never speak to a registry
        self.access: Access | None = None

    def open(self) -> None:
        """Make the store's folders where they are missing, and see that we can read its format."""
        open_store(self.layout)
        self.blobs = Blobs(self.layout)
        self.images = Images(self.layout, self.blobs)
        self.containers = Containers(self.layout)
        self.volumes = Volumes(self.layout)
        self.networks = Networks(self.layout)
        self.events = Events(self.layout)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name not in Host.__annotations__:
                raise AttributeError(name)
            self.open()
            return self.__dict__[name]

    def begin(self) -> None:
        """Have the helper processes begin, for a verb that has some imports to do meanwhile."""
        if "blobs" not in self.__dict__:
            self.open()
            self.runtime.begin()

    @property
    def features(self) -> HostFeatures:
        """What this host can do; starts the helper processes if need be."""
        if "blobs" not in self.__dict__:
            self.open()
        return self.runtime.host

    def state(self, container_id: str) -> State:
        """Return what a container is doing; one whose shim was killed is mended first.

        Raises: ContainerNotFound.
        """
        state = self.containers.state(container_id)
        return self.mended(container_id, state) if is_lost(state) else state

    def mended(self, container_id: str, state: State) -> State:
        """Clean up after a container's killed shim; return what is true now."""
        state, doomed = mend(self.layout, self.containers, container_id, state)
        self.discard(*doomed)
        return state

    def listing(self) -> list[Listing]:
        """Return every container, the newest first; what killed shims left is cleaned up."""
        found = self.containers.list()
        if any(state.sandbox and is_lost(state) for _, state, _ in found):
            for config, state, _ in found:
                if is_lost(state):
                    self.mended(config.id, state)
            found = self.containers.list()
        return found

    def settled(self, container_id: str) -> State:
        """Return the state once nobody is about to change it: a start under way counts as done.

        Raises: ContainerNotFound.
        """
        deadline = time.monotonic() + _SETTLE_S
        while True:
            state = self.state(container_id)
            if state.status.is_alive or not self.containers.is_alive(container_id):
                return state
            if time.monotonic() > deadline:
                raise Unavailable(f"container {container_id} is being changed", "Try again.")
            time.sleep(0.002)

    def state_or_gone(self, container_id: str) -> State:
        """Return the state, or that of a container that ended and was removed."""
        try:
            return self.state(container_id)
        except NotFound:
            return State(Status.DEAD)

    def now_ns(self) -> int:
        """Return this moment."""
        return time.time_ns()

    def publish(self, type: str, action: str, id: str, /, **attributes: str) -> None:
        """Publish an event; a full disk loses the event, not the deed."""
        self.deeds.note((type, id))
        try:
            self.events.publish(Event(self.now_ns(), type, action, id, attributes))
        except (OSError, EngineError):
            return

    def backend(self) -> dict[str, Any]:
        """Return the arguments that jobs on snapshots share."""
        features = self.features
        return {
            "backend": features.snapshotter,
            "userxattr": features.overlay_userxattr,
        }

    def close(self) -> None:
        """Let go of the helper processes, and of connections to registries."""
        self.runtime.close()
        if self.access is not None:
            self.access.close()

    def discard(self, *doomed: str) -> None:
        """Remove trees that were moved to tmp/; what cannot go now goes with the next, or is swept."""
        self._doomed += [os.path.basename(path) for path in doomed if path]
        # who waits here finds that its trees went with those of whoever was first
        with self._discarding:
            while names := self._doomed[:_AT_ONCE]:
                try:
                    self.runtime.job("remove_tree", names=names)
                except (OSError, EngineError):
                    return
                del self._doomed[: len(names)]
