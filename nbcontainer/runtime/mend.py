"""Clean up after a shim that was killed, from the records on disk; any process may, at any time.

A shim's socket is the first thing that it makes and the last that goes, so a name in <run>/c whose
process is gone stands for all that may be left: a cgroup, what runs in it, the state of a container.
"""

from __future__ import annotations

import os
import time

from ..errors import EngineError, NoSpace
from ..linux import process
from ..spec.codec import decode
from ..spec.event import Event
from ..spec.host import HostFeatures
from ..spec.lifecycle import State
from ..spec.network import Endpoint
from ..store.containers import Containers
from ..store.events import Events
from ..store.files import read_json
from ..store.layout import Layout
from . import networks, record, removal, steps_outside
from .plan import Plan
from .sandbox_name import is_foreign, is_owned

_KILL = 9


def is_lost(state: State) -> bool:
    """Tell whether this is the state of a container whose shim was killed, and which nobody mended yet."""
    return bool(state.sandbox) and not state.status.is_alive and not is_owned(state.sandbox)


def mend(
    layout: Layout, containers: Containers, container_id: str, state: State, finished_ns: int = 0
) -> tuple[State, tuple[str, ...]]:
    """End what a killed shim left running, undo its plan, write down the end.

    Return the state, and the trees of a container that was to be removed at its end: they wait in tmp/.
    `finished_ns`: when it happened, where that is known.
    """
    path = layout.container(container_id, "state.json")
    try:
        recorded = decode(State, read_json(path), lenient=True)
    except (OSError, EngineError):
        return state, ()
    if recorded.pid:
        process.send_signal(recorded.pid, recorded.pid_start, recorded.boot_id, _KILL)
    try:
        plan = Plan.from_json(read_json(layout.container(container_id, "plan.json"), 32 << 20))
        steps_outside.undo(plan.steps, state.sandbox)
    except (OSError, EngineError, KeyError, ValueError):
        pass  # the record is damaged: what it made is swept with the sandboxes nobody owns
    forget_socket(layout, state.sandbox)
    left = state.endpoints
    try:
        state = containers.reconcile(container_id, finished_ns)
    except NoSpace:
        return state, ()  # true all the same, and written down by who comes when there is room
    return state, _tell(layout, containers, container_id, state, left)


def _tell(
    layout: Layout,
    containers: Containers,
    container_id: str,
    state: State,
    left: tuple[Endpoint, ...],
) -> tuple[str, ...]:
    """Publish the end; remove the container if that was wished; return what is to be deleted."""
    events = Events(layout)
    doomed: tuple[str, ...] = ()
    try:
        config = containers.config(container_id)
        names = {**config.labels, "image": config.image, "name": config.name}
        code = str(state.exit_code)
        events.publish(
            Event(time.time_ns(), "container", "die", container_id, {**names, "exitCode": code}),
            *[record.of_network("disconnect", container_id, endpoint) for endpoint in left],
        )
        if config.auto_remove:
            doomed = removal.take_out(layout, config)
            if doomed:
                events.publish(Event(time.time_ns(), "container", "destroy", container_id, names))
    except (OSError, EngineError):
        pass  # a full disk loses events, and somebody else may have been faster
    return doomed


def sweep(layout: Layout, host: HostFeatures) -> None:
    """Take back what sandboxes left whose shims no longer live; for who may change networks, too."""
    sweep_sandboxes(layout, host.cgroup.mode, host.cgroup.parents)

    def is_gone(sandbox: str) -> bool:
        return not (is_foreign(sandbox) or is_owned(sandbox))

    networks.sweep(layout.run, networks.store_key(layout.home), host.network, is_gone)


def tidy(layout: Layout, host: HostFeatures) -> None:
    """Clean up after all that were killed; in a process that holds the store's ids."""
    # the helpers and the shims never need it
    from ..store import gc

    sweep(layout, host)
    containers = Containers(layout)
    for container_id in containers.ids():
        try:
            state = containers.state(container_id)
            if is_lost(state):
                removal.delete(mend(layout, containers, container_id, state, time.time_ns())[1])
        except EngineError:
            continue
    removal.delete(gc.leftovers(layout))


def forget_socket(layout: Layout, sandbox: str) -> None:
    """Remove a dead shim's socket."""
    try:
        os.unlink(layout.shim_socket(sandbox))
    except OSError:
        pass


def sweep_sandboxes(layout: Layout, mode: str, parents: tuple[tuple[str, str], ...]) -> None:
    """Remove the cgroups and sockets of sandboxes whose shim no longer lives."""
    from ..linux import cgroup

    names = set(_listdir(f"{layout.run}/c"))
    for _, parent in parents:
        names.update(_listdir(parent))
    for name in names:
        if is_foreign(name) or is_owned(name):
            continue
        cgroup.kill_all(mode, parents, name)
        cgroup.remove(mode, parents, name)
        forget_socket(layout, name)


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
