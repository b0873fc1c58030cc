"""The rows of network links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..results import Table
from ..spec.network import Interface
from ..units import human_bytes

COLUMNS = (
    ("Name", "LINK"),
    ("Kind", "KIND"),
    ("State", "STATE"),
    ("MAC", "MAC ADDRESS"),
    ("Addresses", "ADDRESSES"),
    ("Network", "NETWORK"),
    ("Container", "CONTAINER"),
    ("Traffic", "RECEIVED / SENT"),
)


def row(found: Interface, container: str = "", network: str = "") -> dict[str, Any]:
    """Return every field that a template of network links may ask for.

    `container` has the link, or the other end of it; `network` is the one that it is part of.
    """
    return {
        "Index": found.number,
        "Name": found.name,
        "Kind": found.kind or "physical",
        "State": "up" if found.is_up else "down",
        "MTU": found.mtu,
        "MAC": found.mac,
        "Peer": found.peer,
        "Master": found.master,
        "Addresses": ", ".join(found.addresses),
        "Network": network,
        "Container": container,
        "Received": found.received,
        "Sent": found.sent,
        "Traffic": f"{human_bytes(found.received)} / {human_bytes(found.sent)}",
    }


def table(rows: Iterable[dict[str, Any]]) -> Table:
    """Return the rows as a table."""
    return Table("link", COLUMNS, rows)
