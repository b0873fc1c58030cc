"""The layers of an image as data: what each adds and costs, what is wasted, whose a path is."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument, NotFound
from ..results import Detail, Table
from ..store.images import Image
from ..views import layers as view
from .create import find_image
from .host import Host


def explore(host: Host, name: str, other: str, *, path: str, no_trunc: bool, tree: bool) -> Detail:
    """Return an image's layers, lowest first, or what two images share.

    Raises: ImageNotFound; NotFound for a path that is not in the image; InvalidArgument for a path of two
    images, or their trees.
    """
    image = find_image(host, name)
    if other:
        if path or tree:
            raise InvalidArgument(f"--{'path' if path else 'tree'} is of one image, not of two")
        second = find_image(host, other)
        compared = view.comparison(_sizes(image), _sizes(second), (name, other))
        return Detail([compared], single=True, lines=view.comparison_lines(compared))
    found = _read(host, image, path, tree)
    rows = _rows(image, found, no_trunc)
    document: dict[str, Any] = {
        "Image": str(image.id),
        "Layers": rows,
        "Efficiency": round(found["efficiency"], 6),
        "WastedBytes": found["wasted_bytes"],
        "Wasted": found["wasted"],
        "Files": found["files"],
    }
    if not path:
        shown = [view.shortened(row, no_trunc=no_trunc) for row in rows]
        table = Table("layer", view.COLUMNS, shown, min_width=3)
        lines = [*repr(table).splitlines(), "", *view.summary(found)]
        return Detail([document], single=True, lines=lines, table=table)
    if found["owner"] < 0:
        raise NotFound(f"{path}: no such file in the image {name}")
    owner = view.shortened(rows[found["owner"]], no_trunc=no_trunc)
    document["Owner"] = {"Path": path, "Layer": owner["Number"], "Digest": owner["Digest"]}
    line = f"{path} is of layer {owner['Number']} ({owner['ID']}): {owner['CreatedBy']}"
    return Detail([document], single=True, lines=[line])


def _sizes(image: Image) -> list[tuple[str, int]]:
    return [(str(layer.digest), layer.size) for layer in image.layers]


def _read(host: Host, image: Image, path: str, tree: bool) -> dict[str, Any]:
    found: dict[str, Any] = host.runtime.job(
        "explore", layers=[str(layer.digest) for layer in image.layers], path=path, tree=tree
    )
    return found


def _rows(image: Image, found: dict[str, Any], no_trunc: bool) -> list[dict[str, Any]]:
    made_by = view.commands(image.config, len(image.layers))
    return [
        view.layer_row(number, str(layer.digest), layer.size, by, counts, no_trunc=no_trunc)
        for number, (layer, by, counts) in enumerate(
            zip(image.layers, made_by, found["layers"], strict=True), 1
        )
    ]
