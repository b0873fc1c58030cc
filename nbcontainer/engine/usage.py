"""system df and system prune: what the store's disk is used for, and freeing what nothing uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import InvalidArgument
from ..results import Pruned, Table, Text
from ..spec.filters import PRUNE_KEYS, parse_filters
from ..spec.image import chain_ids
from ..store.images import Image
from ..units import human_bytes
from ..views import image as image_view
from ..views import system as view
from ..views.volume import volume_row
from . import images, networks, queries, system, volumes
from .host import Host


class Usage:
    """What is there, measured once."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.listing = host.listing()
        self.images = host.images.list()
        self.used = {config.image_id for config, _, _ in self.listing}
        configs = [config for config, _, _ in self.listing]
        self.containers = queries.sizes(host, configs) if configs else {}
        self.volume_users: dict[str, int] = {}
        for config in configs:
            for mount in config.mounts:
                if mount.type == "volume":
                    known = self.volume_users.get(mount.source, 0)
                    self.volume_users[mount.source] = known + 1
        self.volumes = host.volumes.list()
        names = [volume.name for volume in self.volumes]
        self.volume_sizes: dict[str, int] = (
            host.runtime.job("measure", volumes=names) if names else {}
        )
        self.layers: dict[str, int] = {}
        self.sharing: dict[str, int] = {}
        for image in self.images:
            for chain_id, size in self.layers_of(image).items():
                self.layers[chain_id] = size
                self.sharing[chain_id] = self.sharing.get(chain_id, 0) + 1
        self.blobs = self.blobs_of(self.images)

    def layers_of(self, image: Image) -> dict[str, int]:
        """Return the bytes of each layer of an image."""
        chain = map(str, chain_ids(image.config.diff_ids))
        return dict(zip(chain, self.host.images.layer_sizes(image), strict=True))

    @staticmethod
    def blobs_of(images: Iterable[Image]) -> dict[str, int]:
        """Return the bytes of each layer as it travels, which lies beside its files."""
        return {str(layer.digest): layer.size for image in images for layer in image.layers}

    def shared(self, image: Image) -> int:
        """Return the bytes that an image shares with others."""
        layers = self.layers_of(image)
        return sum(size for chain_id, size in layers.items() if self.sharing[chain_id] > 1)


def df(host: Host, *, verbose: bool) -> Table | Text:
    """Return how much disk images, containers and volumes use, and how much of it could be freed."""
    found = Usage(host)
    return Text(_verbose(found)) if verbose else Table("usage", view.USAGE_COLUMNS, _rows(found))


def _rows(found: Usage) -> list[dict[str, Any]]:
    active = [image for image in found.images if str(image.id) in found.used]
    kept = {chain_id for image in active for chain_id in found.layers_of(image)}
    total = sum(found.layers.values()) + sum(found.blobs.values())
    used = sum(found.layers[chain_id] for chain_id in kept) + sum(found.blobs_of(active).values())
    running = [config.id for config, state, _ in found.listing if state.status.is_alive]
    own = {container_id: pair[0] for container_id, pair in found.containers.items()}
    volume_total = sum(found.volume_sizes.values())
    unused = sum(
        size for name, size in found.volume_sizes.items() if name not in found.volume_users
    )
    return [
        view.usage_row("Images", len(found.images), len(active), total, total - used),
        view.usage_row(
            "Containers",
            len(found.listing),
            len(running),
            sum(own.values()),
            sum(size for container_id, size in own.items() if container_id not in running),
        ),
        view.usage_row(
            "Local Volumes",
            len(found.volumes),
            sum(volume.name in found.volume_users for volume in found.volumes),
            volume_total,
            unused,
        ),
        view.usage_row("Build Cache", 0, 0, 0, 0),
    ]


def _verbose(found: Usage) -> list[str]:
    """Return Docker's three tables as text."""
    tables = [
        ("Images space usage:", _IMAGE_COLUMNS, _image_rows(found)),
        ("Containers space usage:", _CONTAINER_COLUMNS, _container_rows(found)),
        ("Local Volumes space usage:", _VOLUME_COLUMNS, _volume_rows(found)),
    ]
    lines: list[str] = []
    for title, columns, rows in tables:
        shown = repr(Table("usage", columns, rows)).splitlines()
        lines += [title, "", *shown, ""]
    return [*lines[:-1]]


_IMAGE_COLUMNS = (
    *image_view.COLUMNS,
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("Containers", "CONTAINERS"),
)
_CONTAINER_COLUMNS = (
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Size", "SIZE"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("Names", "NAMES"),
)
_VOLUME_COLUMNS = (("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE"))


def _image_rows(found: Usage) -> list[dict[str, Any]]:
    by_id = {image.id.short: image for image in found.images}
    rows = []
    for row in images.images(found.host, "", digests=False, filter=None, no_trunc=False):
        image = by_id[str(row["ID"])]
        shared = found.shared(image)
        unique = sum(found.layers_of(image).values()) - shared
        sizes = {"SharedSize": human_bytes(shared), "UniqueSize": human_bytes(unique)}
        rows.append({**row, **sizes})
    return rows


def _container_rows(found: Usage) -> list[dict[str, Any]]:
    table = queries.ps(
        found.host, all=True, filter=None, last=-1, latest=False, no_trunc=False, size=False
    )
    own = {container_id[:12]: pair[0] for container_id, pair in found.containers.items()}
    return [{**row, "Size": human_bytes(own.get(str(row["ID"]), 0))} for row in table]


def _volume_rows(found: Usage) -> list[dict[str, Any]]:
    return [
        volume_row(
            volume.name,
            "",
            volume.labels,
            links=found.volume_users.get(volume.name, 0),
            size=found.volume_sizes.get(volume.name, 0),
        )
        for volume in found.volumes
    ]


def prune(host: Host, *, all: bool, with_volumes: bool, filter: Any) -> Pruned:
    """Remove the containers that do not run, the networks that no container is on, the images without a name
    (`all`: without a container), and with `with_volumes` the anonymous volumes that no container uses."""
    filters = parse_filters(filter, PRUNE_KEYS)
    if with_volumes and "until" in filters:
        raise InvalidArgument('The "until" filter is not supported with "--volumes"')
    done = [system.container_prune(host, filter=filter), networks.prune(host, filter=filter)]
    if with_volumes:
        done.append(volumes.prune(host, all=False, filter=filter))
    done.append(images.image_prune(host, all=all, filter=filter))
    return view.pruned_together(done)
