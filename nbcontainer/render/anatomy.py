"""The anatomy of a container as text: what its picture says, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..spec.anatomy import Anatomy, Limit
from ..units import binary_bytes, human_bytes
from .text import aligned

HIDES = {
    "user": "who is root",
    "mnt": "which files there are",
    "pid": "which processes there are",
    "net": "interfaces, addresses, ports",
    "ipc": "shared memory, message queues",
    "uts": "the host name",
    "cgroup": "the path of its limits",
    "time": "how long it has been up",
}


def lines(found: Anatomy, other: Anatomy | None = None) -> list[str]:
    """Return the text of one container, or of two, one after the other, and what they share."""
    text = _one(found)
    if other is not None:
        text += ["", *_one(other), "", *_together(found, other)]
    return text


def headline(found: Anatomy) -> str:
    """Return what a container is, in a sentence."""
    if not found.processes:
        return f"{found.name} is {found.status}: files in layers, and a note of what to start"
    count = len(found.processes)
    own = sum(each.is_own for each in found.namespaces)
    word = "process" if count == 1 else "processes"
    return (
        f"{found.name} is {count} {word} of this host's {found.host_processes}, "
        f"on the same Linux kernel ({found.linux}), seen through {own} namespaces of its own"
    )


def shared(found: Anatomy, other: Anatomy) -> list[str]:
    """Return the kinds of namespaces that both are in."""
    theirs = {each.kind: each.inode for each in other.namespaces}
    return [each.kind for each in found.namespaces if theirs.get(each.kind) == each.inode]


def limit_text(limit: Limit) -> str:
    """Return "9.5MiB of 64MiB", "3 of 4096", "no limit"."""
    allowed = _amount(limit.limit, limit.unit) if limit.limit else "no limit"
    if limit.used is None:
        return allowed
    used = _amount(limit.used, limit.unit)
    return f"{used} of {allowed}" if limit.limit else f"{used}, {allowed}"


def _amount(number: float, unit: str) -> str:
    if unit == "bytes":
        return binary_bytes(number)
    return f"{number:g}" if unit == "cpus" else str(int(number))


def size_text(size_bytes: int) -> str:
    """Return a size, or nothing where it is not known."""
    return human_bytes(size_bytes) if size_bytes >= 0 else ""


def short_capability(name: str) -> str:
    """Return the name without what all begin with."""
    return name.removeprefix("CAP_")


def _one(found: Anatomy) -> list[str]:
    return [
        f"{found.name} ({found.id[:12]}, {found.image}, {found.status})",
        headline(found),
        *_table("Processes", ("inside", "outside", "user inside", "user outside", "command"), [
            (p.pid_inside, p.pid_outside, p.uid_inside, p.uid_outside, p.command)
            for p in found.processes
        ]),
        *_table("Namespaces", ("kind", "inode", "whose", "what it hides"), [
            (n.kind, n.inode, "its own" if n.is_own else "the host's", HIDES[n.kind])
            for n in found.namespaces
        ]),
        *_table("Users", ("inside", "outside", "how many"), found.uid_map),
        *_table("Limits", ("what", "use"), [(each.name, limit_text(each)) for each in found.limits]),
        "",
        "Rights",
        f"  kept ({len(found.kept)}): {' '.join(map(short_capability, found.kept)) or 'none'}",
        f"  dropped ({len(found.dropped)}): {' '.join(map(short_capability, found.dropped)) or 'none'}",
        f"  system calls: {_seccomp(found)}",
        *_table("Files, the topmost layer first", ("layer", "size", "made by"), [
            ("upper", size_text(found.upper_bytes), "this container's own changes"),
            *[(each.id, size_text(each.size_bytes), each.created_by) for each in reversed(found.layers)],
        ]),
        *_table("Mounts", ("where", "type", "may be written"), [
            (each.target, each.fstype, "no" if each.read_only else "yes") for each in found.mounts
        ]),
        *(["", "The way of a packet", "  " + _way(found)] if found.hops else []),
    ]  # fmt: skip


def _way(found: Anatomy) -> str:
    text = ""
    for hop in found.hops:
        text += f"{hop.name} ({hop.detail})" if hop.detail else hop.name
        text += " -x- " if hop.is_end else " -> "
    return text[: -len(" -> ")]


def _seccomp(found: Anatomy) -> str:
    if found.seccomp == "none":
        return "all allowed"
    held = ", and no program inside can gain rights" if found.no_new_privileges else ""
    return f"filtered by {found.seccomp}{held}"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    if not rows:
        return []
    cells = [list(head), *[[str(cell) for cell in row] for row in rows]]
    return ["", title, *[f"  {line}".rstrip() for line in aligned(cells, 0).split("\n")]]


def _together(found: Anatomy, other: Anatomy) -> list[str]:
    both = shared(found, other)
    return [
        f"{found.name} and {other.name} share the Linux kernel"
        + (f" and these namespaces: {', '.join(both)}" if both else " and no namespace"),
    ]
