"""Sight: the verbs that watch what runs, each without an effect on it.  Engine has them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..results import Chunk, Table
from .border import in_words
from .host import Host

if TYPE_CHECKING:
    from ..spec.anatomy import Anatomy
    from ..spec.changed import Changed
    from ..spec.event import Event
    from ..store.events import Follower
    from .stats import Meter
    from .system import EventStream


@in_words
class Sight:
    """What is written, what happens, what is used."""

    host: Host

    def anatomy(self, container: str) -> Anatomy:
        """Return what a container is made of now: processes, namespaces, ids, limits, rights, files."""
        from .anatomy import anatomy

        return anatomy(self.host, container)

    def changed(self, events: Sequence[Event], since_ns: int) -> Changed:
        """Return what events amount to: whom they touched, and which files changed since a moment."""
        from .changed import changed

        return changed(self.host, events, since_ns)

    def logs(
        self,
        container: str,
        *,
        follow: bool = False,
        since: str = "",
        until: str = "",
        tail: str | int = "all",
        timestamps: bool = False,
        details: bool = False,
        stop: int = -1,
    ) -> Iterator[Chunk]:
        """Return an iterator over what a container wrote; with `follow` until it ends.

        `stop`: a descriptor that ends the following once it is readable.
        """
        from . import queries

        return queries.log_lines(
            self.host,
            container,
            follow=follow,
            since=since,
            until=until,
            tail=tail,
            timestamps=timestamps,
            details=details,
            stop=stop,
        )

    def events(self, *, since: str = "", until: str = "", filter: Any = None) -> EventStream:
        """Return what happens from now on, or from `since` on, as it happens."""
        from . import system

        return system.events(self.host, since=since, until=until, filter=filter)

    def follow(self) -> Follower:
        """Return the events to come, for a thread that has more to wait for than them."""
        from . import system

        return system.follow(self.host)

    def stats(self, *containers: str, all: bool = False, no_trunc: bool = False) -> Table:
        """Return what containers use now, without names all that run; it takes a moment to measure."""
        from .stats import once

        return once(self.meter(*containers, all=all, no_trunc=no_trunc))

    def meter(self, *containers: str, all: bool = False, no_trunc: bool = False) -> Meter:
        """Return what reads the use again and again.  Raises: ContainerNotFound."""
        from .stats import Meter

        return Meter(self.host, containers, all=all, no_trunc=no_trunc)
