"""How our registry's requests are shown: a row each, or a line each while they come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..units import human_bytes

LOG_COLUMNS = (
    ("Method", "METHOD"),
    ("What", "WHAT"),
    ("Status", "STATUS"),
    ("Bytes", "BYTES"),
    ("Means", "MEANS"),
)
LS_COLUMNS = (("Repository", "REPOSITORY"), ("Tag", "TAG"))
_WHAT = 44


def log_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for one request.  BYTES are those of the body that went one way or the other."""
    received, sent = _count(entry, "received"), _count(entry, "sent")
    moment = _count(entry, "time") / 1e9
    return {
        "Time": time.strftime("%H:%M:%S", time.localtime(moment)),
        "Client": str(entry.get("client", "")),
        "Method": str(entry.get("method", "")),
        "Path": str(entry.get("path", "")),
        "What": str(entry.get("what") or entry.get("path", "")),
        "Status": str(entry.get("status", "")),
        "Received": received,
        "Sent": sent,
        "Bytes": human_bytes(max(received, sent)),
        "Seconds": entry.get("seconds", 0),
        "Means": str(entry.get("means", "")),
    }


def log_line(entry: Mapping[str, Any]) -> str:
    """Return a line for one request, aligned without knowing those to come."""
    row = log_row(entry)
    what = row["What"].ljust(_WHAT)
    return (
        f"{row['Time']} {row['Method']:<6} {what} {row['Status']} {row['Bytes']:>8}  {row['Means']}"
    )


def _count(entry: Mapping[str, Any], key: str) -> int:
    value = entry.get(key)
    return value if isinstance(value, int) else 0
