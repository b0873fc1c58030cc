"""The rows of volume ls and inspect's document of a volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..units import human_bytes, rfc3339
from .words import labels_text

COLUMNS = (("Driver", "DRIVER"), ("Name", "VOLUME NAME"))


def volume_row(
    name: str, mountpoint: str, labels: Mapping[str, str], *, links: int = 0, size: int = -1
) -> dict[str, Any]:
    """Return every field that a template of volume ls may ask for; `size` -1 = not measured."""
    return {
        "Name": name,
        "Driver": "local",
        "Scope": "local",
        "Mountpoint": mountpoint,
        "Labels": labels_text(labels),
        "Label": lambda key: labels.get(key, ""),
        "Links": str(links),
        "Size": human_bytes(size) if size >= 0 else "N/A",
        "Availability": "N/A",
        "Group": "N/A",
        "Status": "N/A",
    }


def inspect(
    name: str, mountpoint: str, labels: Mapping[str, str], created_ns: int
) -> dict[str, Any]:
    """Return inspect's document of a volume."""
    return {
        "CreatedAt": rfc3339(created_ns // 1_000_000_000 * 1_000_000_000),
        "Driver": "local",
        "Labels": dict(labels) or None,
        "Mountpoint": mountpoint,
        "Name": name,
        "Options": None,
        "Scope": "local",
    }
