"""The engine as a whole: events, info, version, doctor, and the pruning of containers."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from typing import Any

from ..errors import EngineError
from ..linux.doctor import diagnose
from ..results import Detail, Pruned, Table
from ..runtime.client import import_paths, interpreter
from ..spec.event import Event
from ..spec.filters import EVENT_KEYS, PRUNE_KEYS, event_test, parse_filters, prune_test
from ..spec.host import HostFeatures
from ..store.events import Follower
from ..units import parse_time
from ..views import system as view
from . import life, queries
from .collect import collect
from .host import Host

_TRIAL_S = 10
# Docker's words for what the host cannot limit
_LIMITS = {
    "memory": "No memory limit support",
    "cpu": "No cpu cfs quota support",
    "cpuset": "No cpuset support",
    "pids": "No pids limit support",
    "freezer": "No freezer: containers cannot be paused",
}


class EventStream(Iterator[Event]):
    """Events as they come; whoever stops reading closes it, or lets it go."""

    def __init__(self, host: Host, since_ns: int | None, until_ns: int, filter: Any) -> None:
        self._fits = event_test(parse_filters(filter, EVENT_KEYS))
        self._follower = host.events.follow(since_ns, until_ns)

    def __next__(self) -> Event:
        for event in self._follower:
            if self._fits(event):
                return event
        raise StopIteration

    def close(self) -> None:
        """End the following; idempotent."""
        follower = getattr(self, "_follower", None)
        if follower is not None:
            follower.close()

    __del__ = close


def events(host: Host, *, since: str, until: str, filter: Any) -> EventStream:
    """Return what happens from now on, or from `since` on; it ends at `until`, if at all.

    Nothing is missed that happens after the call.  Raises: InvalidArgument.
    """
    now = host.now_ns()
    since_ns = parse_time(since, now) if since else None
    until_ns = parse_time(until, now) if until else 0
    return EventStream(host, since_ns, until_ns, filter)


def follow(host: Host) -> Follower:
    """Return the events to come, for a thread that has more to wait for than them."""
    return host.events.follow()


def info(host: Host) -> Detail:
    """Return what `info` shows of the host and the store."""
    features = host.features
    document, lines = view.info(
        features,
        statuses=[state.status for _, state, _ in host.containers.list()],
        images=len(host.images.list()),
        version=_version(),
        home=host.layout.home,
        run=host.layout.run,
        name=os.uname().nodename,
        system=_system_name(),
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        warnings=_warnings(features),
    )
    return Detail([document], single=True, lines=lines)


def version() -> Detail:
    """Return the versions of the engine and of what it stands on."""
    uname = os.uname()
    document, lines = view.version(
        version=_version(),
        python=platform.python_version(),
        linux=uname.release,
        machine=uname.machine,
    )
    return Detail([document], single=True, lines=lines)


def doctor(host: Host) -> Table:
    """Return what this host can do, tried now; works where no container can run."""
    found = diagnose(host.layout.home)
    rows = [view.doctor_row(*verdict) for verdict in found]
    rows += [view.doctor_row(*verdict) for verdict in view.network_verdicts(_networks())]
    return Table("feature", view.DOCTOR_COLUMNS, rows)


def _networks() -> dict[str, str]:
    """Return what networks can be here, tried by a fresh process; nothing where it cannot tell."""
    code = (
        f"import sys; sys.path += {import_paths()!r}; "
        "from nbcontainer.runtime.network_probe import main; main()"
    )
    try:
        done = subprocess.run(
            [interpreter(), "-I", "-S", "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_S,
            env={"LC_ALL": "C.UTF-8"},
        )
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return found


def container_prune(host: Host, *, filter: Any) -> Pruned:
    """Remove the containers that do not run."""
    fits = prune_test(parse_filters(filter, PRUNE_KEYS), host.now_ns())
    stopped = [
        config
        for config, state, _ in host.containers.list()
        if not state.status.is_alive and fits(config.labels, config.created_ns)
    ]
    sizes = queries.sizes(host, stopped)
    deleted = []
    doomed: list[str] = []
    for config in stopped:
        try:
            doomed += life.take_out(host, config.id, force=False, volumes=False)
        except EngineError:
            continue  # started or removed by somebody else meanwhile
        deleted.append(config.id)
    host.discard(*doomed)
    freed = sum(sizes[container_id][0] for container_id in deleted)
    # layers that only these containers kept go with them, though Docker does not count them
    collect(host, leftovers=True)
    host.publish("container", "prune", "", reclaimed=str(freed))
    return view.pruned("Containers", deleted, freed)


def _version() -> str:
    from .. import __version__

    return __version__


def _warnings(features: HostFeatures) -> list[str]:
    return [words for name, words in _LIMITS.items() if features.cgroup.parent(name) is None]


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "Linux"
