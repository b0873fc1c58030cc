"""Layers as data: a row each with its command, what it added, changed and removed; two images compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..spec.image import ImageConfig
from ..units import human_bytes
from .words import ellipsis

COLUMNS = (
    ("Number", "#"),
    ("ID", "LAYER"),
    ("Size", "SIZE"),
    ("Added", "ADDED"),
    ("Changed", "CHANGED"),
    ("Removed", "REMOVED"),
    ("CreatedBy", "CREATED BY"),
)
_BY = 50
_LISTED = 10


def commands(config: ImageConfig, count: int) -> list[str]:
    """Return the command that made each layer, lowest first; "" where history does not say."""
    made = [entry.created_by for entry in config.history if not entry.empty_layer]
    return [made[n] if n < len(made) else "" for n in range(count)]


def layer_row(
    number: int, digest: str, blob_bytes: int, by: str, counts: dict[str, Any], *, no_trunc: bool
) -> dict[str, Any]:
    """Return a row for one layer; bytes stand beside their shown text for who counts on."""
    tree = [
        {"path": path, "kind": kind, "size_bytes": size}
        for path, kind, size in counts.get("tree", ())
    ]
    return {
        "Number": number,
        "ID": digest if no_trunc else digest.partition(":")[2][:12],
        "Digest": digest,
        "Size": human_bytes(counts["size_bytes"]),
        "SizeBytes": counts["size_bytes"],
        "BlobBytes": blob_bytes,
        "KeptBytes": counts["kept_bytes"],
        "Added": counts["added"],
        "Changed": counts["changed"],
        "Removed": counts["removed"],
        "CreatedBy": " ".join(by.split()),
        **({"Tree": tree, "Paths": counts["paths"]} if "tree" in counts else {}),
    }


def shortened(row: Mapping[str, Any], *, no_trunc: bool) -> Mapping[str, Any]:
    """Return a row as a table shows it: what made the layer is cut to the width of a line."""
    return row if no_trunc else {**row, "CreatedBy": ellipsis(row["CreatedBy"], _BY)}


def tree_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the biggest files of each layer, under the layer's name."""
    lines = []
    for row in rows:
        lines += ["", f"Layer {row['Number']} ({row['ID']}):"]
        for one in row["Tree"][:_LISTED]:
            lines.append(f"  {one['kind']} {human_bytes(one['size_bytes']):>8}  {one['path']}")
        if len(row["Tree"]) > _LISTED:
            lines.append("  …")
    return lines


def summary(found: dict[str, Any]) -> list[str]:
    """Return the lines under the table: efficiency and waste, and where the waste is."""
    percent = f"{found['efficiency'] * 100:.1f} %"
    lines = [f"Efficiency: {percent}", f"Wasted: {human_bytes(found['wasted_bytes'])}"]
    for one in found["wasted"][:5]:
        lines.append(f"  {human_bytes(one['size_bytes'])} in {one['times']} layers: {one['path']}")
    return lines


def comparison(
    first: Sequence[tuple[str, int]], second: Sequence[tuple[str, int]], names: tuple[str, str]
) -> dict[str, Any]:
    """Return what two images share; layers are (digest, bytes of the blob).

    A pull of one where the other is fetches what is only its own.
    """
    one, two = dict(first), dict(second)
    shared = [digest for digest in one if digest in two]
    return {
        "Images": list(names),
        "Shared": shared,
        "SharedBytes": sum(one[digest] for digest in shared),
        "OnlyFirst": [digest for digest in one if digest not in two],
        "OnlySecond": [digest for digest in two if digest not in one],
        "FetchFirst": sum(size for digest, size in one.items() if digest not in two),
        "FetchSecond": sum(size for digest, size in two.items() if digest not in one),
    }


def comparison_lines(compared: dict[str, Any]) -> list[str]:
    """Return a comparison in words."""
    first, second = compared["Images"]
    return [
        f"Shared: {len(compared['Shared'])} layers, {human_bytes(compared['SharedBytes'])}",
        f"Only in {first}: {len(compared['OnlyFirst'])} layers; where {second} is, "
        f"a pull fetches {human_bytes(compared['FetchFirst'])}",
        f"Only in {second}: {len(compared['OnlySecond'])} layers; where {first} is, "
        f"a pull fetches {human_bytes(compared['FetchSecond'])}",
    ]
