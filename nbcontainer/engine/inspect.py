"""inspect: find what a name means among containers, images, networks and volumes, and describe it."""

from __future__ import annotations

from typing import Any

from ..errors import NotFound, ReferenceInvalid
from ..results import Detail
from . import images, networks, queries, volumes
from .create import find_image
from .host import Host


def inspect(host: Host, names: tuple[str, ...], *, type: str, size: bool) -> Detail:
    """Return a document for each name; `type` is container, image, network, volume, or "" for any.

    Raises: NotFound in Docker's words, which depend on whether a type was named.
    """
    return Detail([_document(host, name, type, size) for name in names])


def _document(host: Host, name: str, type: str, size: bool) -> dict[str, Any]:
    if type == "container":
        return queries.inspect(host, name, size=size)
    if type == "image":
        # a built-in one exists as soon as somebody asks for it by its kind
        return images.document(host, find_image(host, name))
    if type == "volume":
        return volumes.inspect(host, name)
    if type == "network":
        return networks.inspect(host, name)
    for look in (_container(size), images.inspect, volumes.inspect, networks.inspect):
        try:
            return look(host, name)
        except (NotFound, ReferenceInvalid):
            continue
    raise NotFound(
        f"No such object: {name}", "`ps -a`, `images` and `volume ls` show what is here."
    )


def _container(size: bool) -> Any:
    return lambda host, name: queries.inspect(host, name, size=size)
