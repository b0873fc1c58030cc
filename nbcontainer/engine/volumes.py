"""Volumes: create, list, describe, remove, prune."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidArgument, StillInUse, VolumeNotFound
from ..results import Pruned, Table
from ..spec.create import words
from ..spec.filters import (
    VOLUME_KEYS,
    VOLUME_PRUNE_KEYS,
    labels_fit,
    parse_filters,
    volume_test,
)
from ..spec.flags_values import parse_labels
from ..store.volumes import ANONYMOUS_LABEL
from ..views import volume as view
from ..views.system import pruned
from .host import Host


def create(host: Host, name: str, *, driver: str, label: Any) -> str:
    """Make a volume, or find it; without a name it gets a long one.  Return its name."""
    if driver not in ("", "local"):
        raise InvalidArgument(
            f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found',
            "There is one driver: local.",
        )
    known = {volume.name for volume in host.volumes.list()} if name else set()
    made = host.volumes.create(name, labels=parse_labels(words(label)), now_ns=host.now_ns())
    if made.name not in known:
        host.publish("volume", "create", made.name, driver="local")
    return made.name


def ls(host: Host, *, filter: Any) -> Table:
    """Return the volumes by name."""
    fits = volume_test(parse_filters(filter, VOLUME_KEYS))
    users = _users(host)
    rows = [
        view.volume_row(
            volume.name,
            host.volumes.path(volume.name),
            volume.labels,
            links=len(users.get(volume.name, ())),
        )
        for volume in host.volumes.list()
        if fits(volume.name, volume.labels, volume.name in users)
    ]
    return Table("volume", view.COLUMNS, rows)


def inspect(host: Host, name: str) -> dict[str, Any]:
    """Return Docker's document on a volume.  Raises: VolumeNotFound."""
    volume = host.volumes.get(name)
    return view.inspect(name, host.volumes.path(name), volume.labels, volume.created_ns)


def rm(host: Host, names: Iterable[str], *, force: bool) -> list[str]:
    """Remove volumes that no container uses; with `force` one that is missing is no error.

    Raises: VolumeNotFound, StillInUse in Docker's words.
    """
    done = []
    for name in names:
        try:
            doomed = host.volumes.remove(name, _users(host).get(name, ()))
        except VolumeNotFound:
            if not force:
                raise
        else:
            host.publish("volume", "destroy", name, driver="local")
            host.discard(doomed)
        done.append(name)
    return done


def prune(host: Host, *, all: bool, filter: Any) -> Pruned:
    """Remove the volumes that no container uses: the anonymous ones, or with `all` those with a name too."""
    filters = parse_filters(filter, VOLUME_PRUNE_KEYS)
    all = all or any(value.lower() in ("1", "true") for value in filters.get("all", ()))
    users = _users(host)
    unused = [
        volume.name
        for volume in host.volumes.list()
        if volume.name not in users
        and (all or ANONYMOUS_LABEL in volume.labels)
        and labels_fit(volume.labels, filters)
    ]
    sizes = host.runtime.job("measure", volumes=unused) if unused else {}
    deleted, doomed = [], []
    for name in unused:
        try:
            doomed.append(host.volumes.remove(name, _users(host).get(name, ())))
        except (VolumeNotFound, StillInUse):
            continue  # another process was faster
        host.publish("volume", "destroy", name, driver="local")
        deleted.append(name)
    freed = sum(sizes.get(name, 0) for name in deleted)
    host.discard(*doomed)
    host.publish("volume", "prune", "", reclaimed=str(freed))
    return pruned("Volumes", deleted, freed)


def _users(host: Host) -> Mapping[str, list[str]]:
    """Return the ids of the containers that use each volume."""
    found: dict[str, list[str]] = {}
    for config, _, _ in host.containers.list():
        for mount in config.mounts:
            if mount.type == "volume":
                found.setdefault(mount.source, []).append(config.id)
    return found
