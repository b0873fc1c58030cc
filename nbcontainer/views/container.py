"""The rows of ps: Docker's template fields of one container, and the columns of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..spec.lifecycle import State, Status
from ..spec.ports import ports_text
from ..spec.runtime import RuntimeConfig
from ..units import human_bytes
from .network import names_of
from .security import relaxations
from .words import ago, created_at, duration, ellipsis, labels_text, quoted, short_id

COLUMNS = (
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
)
DIFF_COLUMNS = (("Type", ""), ("Path", ""))
DIFF_TEMPLATE = "{{.Type}} {{.Path}}"
SIZE_COLUMN = ("Size", "SIZE")
RELAXED_COLUMN = ("Relaxed", "RELAXED")


def ps_columns(rows: Iterable[Mapping[str, Any]], *, size: bool) -> tuple[tuple[str, str], ...]:
    """Return Docker's columns; RELAXED stands at the end where a container gave up protection."""
    columns = COLUMNS + ((SIZE_COLUMN,) if size else ())
    return columns + ((RELAXED_COLUMN,) if any(row["Relaxed"] for row in rows) else ())


def status_text(state: State, now_ns: int) -> str:
    """Return what STATUS says: "Up 3 seconds (healthy)", "Exited (0) 2 minutes ago", …"""
    words, moment_ns = status_age(state)
    return words.format(duration(moment_ns, now_ns))


def status_age(state: State) -> tuple[str, int]:
    """Return STATUS with {} where the time since a moment stands, and that moment; 0 = it has none."""
    status = state.status
    if status is Status.RESTARTING:
        return f"Restarting ({state.exit_code}) {{}} ago", state.finished_ns
    if status.is_alive:
        return _up(state), state.started_ns
    if status is Status.REMOVING:
        return "Removal In Progress", 0
    if status is Status.DEAD:
        return "Dead", 0
    if status is Status.CREATED:
        return "Created", 0
    if not state.finished_ns:
        return f"Exited ({state.exit_code})", 0
    return f"Exited ({state.exit_code}) {{}} ago", state.finished_ns


def _up(state: State) -> str:
    if state.status is Status.PAUSED:
        return "Up {} (Paused)"
    health = state.health.status if state.health else ""
    if health in ("", "none"):
        return "Up {}"
    return f"Up {{}} ({'health: starting' if health == 'starting' else health})"


def command_text(args: tuple[str, ...]) -> str:
    """Return a command as Docker joins it: words with a space stand in single quotes."""
    return " ".join(f"'{word}'" if " " in word else word for word in args)


def size_text(writable: int, rootfs: int) -> str:
    """Return "12B (virtual 8.31MB)"; the second figure counts the image in."""
    return f"{human_bytes(writable)} (virtual {human_bytes(rootfs)})"


def ps_row(
    config: RuntimeConfig,
    state: State,
    name: str,
    now_ns: int,
    *,
    no_trunc: bool = False,
    size: tuple[int, int] | None = None,
    links: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return every field that a template of ps may ask for.

    `size` is the writable layer's bytes and those with the image.  `links`: shown port -> where a browser
    reaches it.  `Label` is for `.Label "key"`; `Ages` is for who keeps the row in sight: the texts that
    grow older, each with its moment.
    """
    command = command_text(config.args)
    labels = config.labels
    mounts = [m.source for m in config.mounts if m.source]
    platform, _, machine = config.platform.partition("/")
    return {
        "ID": config.id if no_trunc else config.id[:12],
        "Names": name,
        "Image": _image(config.image, no_trunc),
        "Command": quoted(command if no_trunc else ellipsis(command, 20)),
        "CreatedAt": created_at(config.created_ns),
        "RunningFor": ago(config.created_ns, now_ns),
        "Ports": ports_text(state.ports, config.exposed_ports if state.pid else ()),
        "State": state.status.value,
        "Status": status_text(state, now_ns),
        "Size": size_text(*size) if size else "0B",
        "Labels": labels_text(labels) if labels else "",
        "Label": lambda key: labels.get(key, ""),
        "Mounts": ",".join(mounts if no_trunc else [ellipsis(m, 15) for m in mounts]),
        "LocalVolumes": str([m.type for m in config.mounts].count("volume")),
        "Networks": names_of(config),
        "Platform": {"os": platform, "architecture": machine},
        "Health": state.health.status if state.health else "",
        "Links": links or {},
        "Relaxed": ",".join(relaxations(config)),
        "Ages": lambda: {"RunningFor": ("{} ago", config.created_ns), "Status": status_age(state)},
    }


def _image(text: str, no_trunc: bool) -> str:
    if no_trunc:
        return text
    name, at, _ = text.partition("@")
    if at:
        return name
    return short_id(text) if text.startswith("sha256:") else text


def diff_row(kind: str, path: str) -> dict[str, str]:
    """Return a row of diff: `kind` is A, C or D."""
    return {"Type": kind, "Path": path}
