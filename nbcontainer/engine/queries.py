"""Look at containers: ps, logs, diff, inspect, and the plan of one that does not exist yet."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import EngineError, ImageNotFound, InvalidArgument
from ..linux import syscalls
from ..results import Chunk, Table
from ..runtime import logs, wire
from ..runtime.plan import Plan
from ..spec.filters import CONTAINER_KEYS, asks_for_all, container_test, parse_filters
from ..spec.image import chain_ids
from ..spec.lifecycle import Status
from ..spec.runtime import RuntimeConfig
from ..units import parse_time, rfc3339
from ..views import container as view
from ..views.container_inspect import inspect as document
from . import create as creating
from . import networking
from .host import Host
from .reach import links

# a request is one packet, which holds some thousand ids
_AT_ONCE = 500


def ps(
    host: Host,
    *,
    all: bool,
    filter: Any,
    last: int,
    latest: bool,
    no_trunc: bool,
    size: bool,
) -> Table:
    """Return the containers, the newest first; without `all` only those that run."""
    filters = parse_filters(filter, CONTAINER_KEYS)
    count = 1 if latest else last
    listing = host.listing()
    fits = container_test(
        filters,
        created=lambda text: host.containers.config(host.containers.resolve(text)).created_ns,
        ancestor=lambda text: _descends_from(host, text),
    )
    if not (all or count >= 0 or asks_for_all(filters)):
        listing = [found for found in listing if found[1].status.is_alive]
    listing = [found for found in listing if fits(*found)]
    if count >= 0:
        listing = listing[:count]
    measured = sizes(host, [config for config, _, _ in listing]) if size else {}
    rows = [
        view.ps_row(
            networking.current(host, config),
            state,
            name,
            host.chance.seen_ns(config.created_ns, state.started_ns, state.finished_ns),
            no_trunc=no_trunc,
            size=measured.get(config.id),
            links=links(host, state) if state.ports else None,
        )
        for config, state, name in listing
    ]
    return Table("container", view.ps_columns(rows, size=size), rows)


def _descends_from(host: Host, text: str) -> Callable[[RuntimeConfig], bool]:
    """Return the test of --filter ancestor: made from this image or from one built on it."""
    try:
        image = host.images.resolve(text)
    except (ImageNotFound, InvalidArgument):
        return lambda config: False
    chain = chain_ids(image.config.diff_ids)
    top = str(chain[-1]) if chain else ""
    return lambda config: config.image_id == str(image.id) or top in config.layers


def sizes(host: Host, configs: Sequence[RuntimeConfig]) -> dict[str, tuple[int, int]]:
    """Return, by id, the bytes of each container's own files and of all that it sees."""
    found: dict[str, tuple[int, int]] = {}
    for start in range(0, len(configs), _AT_ONCE):
        ids = [config.id for config in configs[start : start + _AT_ONCE]]
        answer = host.runtime.job("measure", containers=ids, backend=host.features.snapshotter)
        found.update({container_id: tuple(pair) for container_id, pair in answer.items()})
    return found


def diff(host: Host, name: str) -> Table:
    """Return what a container added (A), changed (C) and deleted (D)."""
    container_id = host.containers.resolve(name)
    config = host.containers.config(container_id)
    creating.unpack_layers(host, config)
    found = host.runtime.job(
        "diff",
        container=container_id,
        layers=list(config.layers),
        id_base=id_base(host, config),
        **host.backend(),
    )
    rows = [view.diff_row(kind, path) for kind, path in found]
    return Table("change", view.DIFF_COLUMNS, rows, template=view.DIFF_TEMPLATE)


def id_base(host: Host, config: RuntimeConfig) -> int:
    """Return what is to be subtracted from the ids of a container's own files."""
    return 0 if config.namespaces.user == "host" else host.features.id_base


def inspect(host: Host, name: str, *, size: bool = False) -> dict[str, Any]:
    """Return Docker's document on a container."""
    container_id = host.containers.resolve(name)
    config = networking.current(host, host.containers.config(container_id))
    path = host.layout.container(container_id)
    layers = [f"{host.layout.layer(chain_id)}/fs" for chain_id in reversed(config.layers)]
    return document(
        config,
        host.state(container_id),
        host.containers.name(container_id),
        log_path=f"{path}/log.jsonl",
        driver=host.features.snapshotter,
        graph={
            "LowerDir": ":".join(layers),
            "UpperDir": f"{path}/upper",
            "WorkDir": f"{path}/work",
        },
        mountpoint=host.volumes.path,
        size=sizes(host, [config])[container_id] if size else None,
    )


def rename(host: Host, name: str, new_name: str) -> None:
    """Give a container another name."""
    container_id = host.containers.resolve(name)
    old = host.containers.name(container_id)
    host.containers.rename(container_id, new_name)
    host.publish("container", "rename", container_id, name=new_name, oldName=old)
    state = host.state(container_id)
    if state.status is Status.RUNNING and any(endpoint.names for endpoint in state.endpoints):
        from .networks import rewire

        rewire(host, creating.of_today(host, container_id), state.sandbox)


def plan(host: Host, image: str, command: Sequence[str], flags: Any) -> Plan:
    """Return the steps that run would take, without taking one."""
    config = creating.configure(host, image, command, dict(flags))
    return creating.plan(host, config)


def log_lines(
    host: Host,
    name: str,
    *,
    follow: bool,
    since: str,
    until: str,
    tail: str | int,
    timestamps: bool,
    details: bool,
    stop: int = -1,
) -> Iterator[Chunk]:
    """Return an iterator over what a container wrote; with `follow` until it ends, or until the
    descriptor `stop` becomes readable.

    Raises: ContainerNotFound, InvalidArgument; at once, not when the first line is asked for.
    """
    container_id = host.containers.resolve(name)
    now = host.now_ns()
    after = parse_time(since, now) if since else 0
    before = parse_time(until, now) if until else 0
    path = host.layout.container(container_id, "log.jsonl")
    lines = (
        _followed(host, container_id, path, _tail(tail), stop)
        if follow
        else logs.read(path, tail=_tail(tail))
    )
    return _shown(lines, after, before, timestamps, details)


def _tail(text: str | int) -> int:
    if str(text) in ("all", "-1", ""):
        return -1
    try:
        return max(int(text), -1)
    except ValueError:
        # Docker takes what is no number for "all"
        return -1


def _shown(
    lines: Iterator[logs.LogLine], after: int, before: int, timestamps: bool, details: bool
) -> Iterator[Chunk]:
    for line in lines:
        if line.time_ns < after:
            continue
        if before and line.time_ns > before:
            return
        prefix = f"{rfc3339(line.time_ns, fixed=True)} " if timestamps else ""
        # no log option of ours adds details, so Docker's column for them stays empty
        prefix += " " if details else ""
        yield Chunk(line.stream, prefix.encode() + line.data, line.time_ns)


def _followed(
    host: Host, container_id: str, path: str, tail: int, stop: int
) -> Iterator[logs.LogLine]:
    """Yield the tail, then what comes, until the container has ended or is gone, or `stop`."""
    watch = syscalls.inotify_init()
    waiting: socket.socket | None = None
    follower = logs.Follower(path)
    try:
        syscalls.inotify_add_watch(
            watch,
            os.path.dirname(path),
            syscalls.IN_MODIFY | syscalls.IN_CREATE | syscalls.IN_MOVED_TO,
        )
        yield from logs.read(path, tail=tail, follower=follower)
        waiting = _wait_for_end(host, container_id)
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        if stop >= 0:
            poll.register(stop, select.POLLIN)
        if waiting is not None:
            poll.register(waiting, select.POLLIN)
        while True:
            yield from follower.collect()
            if waiting is None:
                return
            ready = [descriptor for descriptor, _ in poll.poll()]
            if stop in ready:
                return
            if watch in ready:
                os.read(watch, 65536)
            if waiting.fileno() in ready:
                yield from follower.collect()
                return
    finally:
        follower.close()
        os.close(watch)
        if waiting is not None:
            waiting.close()


def _wait_for_end(host: Host, container_id: str) -> socket.socket | None:
    """Return a socket that becomes readable when the container has ended; None if it has."""
    try:
        state = host.state(container_id)
        if not state.status.is_alive:
            return None
        waiting = host.runtime.open(state.sandbox)
    except EngineError:
        return None
    wire.send(waiting, wire.Wait())
    return waiting
