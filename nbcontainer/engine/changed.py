"""What changed between two moments: events say to whom, files and cgroups say what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ..errors import EngineError
from ..linux import usage
from ..spec.changed import Changed, ContainerChange, FileChange
from ..spec.event import Event
from ..values import replace
from ..views.network import published
from ..views.words import short_id
from . import queries
from .host import Host

_MOST_CONTAINERS = 8
# what people do to images and volumes, without the names that come and go with it
_TELLING = (
    "tag",
    "untag",
    "pull",
    "push",
    "load",
    "import",
    "build",
    "commit",
    "delete",
    "create",
    "destroy",
)


def changed(host: Host, events: Sequence[Event], since_ns: int) -> Changed:
    """Return what the events amount to; files are those that changed since that moment.

    What others did is told apart: no event has an author, but a deed of this process is one that it
    published, or is about a container that it asked for by name or id.
    """
    own = _Deeds(host, events, since_ns)
    mine = [event for event in events if own.has(event)]
    theirs = [event for event in events if not own.has(event)]
    found = _told(mine, lambda id, happened: _container(host, id, happened, since_ns))
    others = _told(theirs, _summed)
    return replace(found, meanwhile=others) if others else found


class _Deeds:
    """Tells which events are of what this process did since a moment."""

    def __init__(self, host: Host, events: Iterable[Event], since_ns: int) -> None:
        self._own = host.deeds.since(since_ns)
        self._own |= {("container", each) for each in host.containers.asked.since(since_ns)}

    def has(self, event: Event) -> bool:
        return (event.type, event.id) in self._own


def _told(
    events: Sequence[Event], tell: Callable[[str, Sequence[Event]], ContainerChange]
) -> Changed:
    touched: dict[str, list[Event]] = {}
    for event in events:
        if event.type == "container" and event.id:
            touched.setdefault(event.id, []).append(event)
    return Changed(
        containers=tuple(tell(*each) for each in list(touched.items())[:_MOST_CONTAINERS]),
        images=_named("image", events),
        volumes=_named("volume", events),
        networks=_named("network", events),
    )


def _named(kind: str, events: Iterable[Event]) -> tuple[tuple[str, str], ...]:
    found = {
        (event.action, _short(event.attributes.get("name", "") or event.id)): None
        for event in events
        if event.type == kind and event.id and event.action in _TELLING
    }
    return tuple(found)


def _short(name: str) -> str:
    """Return a name as it is; an id in its short form."""
    return short_id(name) if re.fullmatch("(sha256:)?[0-9a-f]{64}", name) else name


def _summed(container_id: str, events: Sequence[Event]) -> ContainerChange:
    """Return what the events by themselves tell of a container."""
    actions = [event.action.partition(":")[0] for event in events]
    ends = [event for event in events if event.action == "die"]
    return ContainerChange(
        name=events[-1].attributes.get("name", container_id[:12]),
        did=tuple(dict.fromkeys(a for a in actions if not a.startswith("exec_"))),
        execs=tuple(
            event.action.partition(": ")[2]
            for event in events
            if event.action.startswith("exec_start")
        ),
        exit_code=int(ends[-1].attributes.get("exitCode", "0")) if ends else None,
    )


def _container(
    host: Host, container_id: str, events: Sequence[Event], since_ns: int
) -> ContainerChange:
    found = _summed(container_id, events)
    if "destroy" in found.did:
        return found
    try:
        return _living(host, container_id, found, since_ns)
    except (EngineError, OSError):
        return found  # it is gone by now, and its files with it


def _living(
    host: Host, container_id: str, found: ContainerChange, since_ns: int
) -> ContainerChange:
    config = host.containers.config(container_id)
    state = host.state(container_id)
    recent = host.runtime.job(
        "diff",
        container=container_id,
        layers=list(config.layers),
        id_base=queries.id_base(host, config),
        since_ns=since_ns,
        **host.backend(),
    )
    found = replace(
        found,
        name=host.containers.name(container_id),
        files=tuple(FileChange(*row) for row in recent["rows"]),
        file_count=recent["total"],
        listings=tuple(recent["listings"]),
    )
    if "start" not in found.did:
        return found  # Linux keeps the peak of a group's whole life, of which this is a part
    group = host.features.cgroup
    return replace(
        found,
        peak_bytes=usage.peak_bytes(group.mode, dict(group.parents).get("memory"), state.sandbox),
        ports=published(state) if state.status.is_alive else "",
    )
