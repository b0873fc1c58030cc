"""The rows of stats: two moments of a container's use become Docker's columns."""

from __future__ import annotations

from typing import Any

from ..units import binary_bytes, human_bytes
from ..values import value

COLUMNS = (
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
)
_UNKNOWN = "--"


@value
class Sample:
    """What a container uses at a moment; None = this host does not tell.

    `network`, `block`: bytes in, bytes out.
    """

    id: str
    name: str
    at_ns: int
    cpu_ns: int | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int = 0
    pids: int | None = None
    network: tuple[int, int] | None = None
    block: tuple[int, int] | None = None


def cpu_percent(before: Sample | None, now: Sample) -> float | None:
    """Return the share of one processor between two moments; 0 where there is no earlier one."""
    if now.cpu_ns is None:
        return None
    if before is None or before.cpu_ns is None or now.at_ns <= before.at_ns:
        return 0.0
    return max(0.0, 100.0 * (now.cpu_ns - before.cpu_ns) / (now.at_ns - before.at_ns))


def _figures(before: Sample | None, now: Sample, cpu: float, share: float) -> dict[str, float]:
    """Return what charts are drawn of: shares, bytes in and out in a second, a number of processes."""
    figures = {"CPUPerc": cpu, "MemPerc": share}
    for name, pair, earlier in (
        ("NetIO", now.network, before.network if before else None),
        ("BlockIO", now.block, before.block if before else None),
    ):
        if pair is not None:
            figures[name] = 0.0
            if before is not None and earlier is not None and now.at_ns > before.at_ns:
                grown = sum(pair) - sum(earlier)
                figures[name] = max(0.0, 1e9 * grown / (now.at_ns - before.at_ns))
    return figures if now.pids is None else {**figures, "PIDs": float(now.pids)}


def stats_row(before: Sample | None, now: Sample, *, no_trunc: bool = False) -> dict[str, Any]:
    """Return Docker's fields.  `Figures` is for who draws them: the numbers behind the texts."""
    cpu = cpu_percent(before, now)
    used, limit = now.memory_bytes, now.memory_limit_bytes
    share = 100.0 * used / limit if used is not None and limit else None
    short = now.id if no_trunc else now.id[:12]
    figures = _figures(before, now, cpu or 0.0, share or 0.0)
    return {
        "Container": short,
        "ID": short,
        "Name": now.name,
        "CPUPerc": _UNKNOWN if cpu is None else f"{cpu:.2f}%",
        "MemUsage": _memory(used, limit),
        "MemPerc": _UNKNOWN if share is None else f"{share:.2f}%",
        "NetIO": _pair(now.network),
        "BlockIO": _pair(now.block),
        "PIDs": _UNKNOWN if now.pids is None else str(now.pids),
        "Figures": lambda: figures,
    }


def still_row(id: str, name: str, *, no_trunc: bool = False) -> dict[str, Any]:
    """Return the row of a container that does not run."""
    now = Sample(id, name, 0, 0, 0, 0, 0, (0, 0), (0, 0))
    return {**stats_row(None, now, no_trunc=no_trunc), "MemPerc": "0.00%"}


def _memory(used: int | None, limit: int) -> str:
    if used is None:
        return f"{_UNKNOWN} / {_UNKNOWN}"
    return f"{binary_bytes(used)} / {binary_bytes(limit)}"


def _pair(both: tuple[int, int] | None) -> str:
    if both is None:
        return _UNKNOWN
    return f"{human_bytes(both[0], 3)} / {human_bytes(both[1], 3)}"
