"""top: the rows of `ps -ef`, or the columns of `ps -o` that were asked for.  Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import InvalidArgument
from ..results import Table

_DAY_S = 86400


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _started(row: Any, now: float) -> str:
    moment = time.localtime(row.started_at)
    return time.strftime("%H:%M" if now - row.started_at < _DAY_S else "%b%d", moment)


def _share(row: Any, now: float) -> float:
    share: float = 100 * row.cpu_s / max(now - row.started_at, 0.01)
    return share


# name of `ps -o` -> header, text of (row, now)
_FIELDS: dict[str, tuple[str, Callable[[Any, float], str]]] = {
    "user": ("USER", lambda r, n: r.user),
    "uid": ("UID", lambda r, n: str(r.uid)),
    "pid": ("PID", lambda r, n: str(r.pid)),
    "ppid": ("PPID", lambda r, n: str(r.parent)),
    "c": ("C", lambda r, n: str(int(_share(r, n)))),
    "pcpu": ("%CPU", lambda r, n: f"{_share(r, n):.1f}"),
    "stime": ("STIME", _started),
    "tty": ("TTY", lambda r, n: r.terminal),
    "time": ("TIME", lambda r, n: _clock(r.cpu_s)),
    "etimes": ("ELAPSED", lambda r, n: str(int(n - r.started_at))),
    "stat": ("STAT", lambda r, n: r.state),
    "rss": ("RSS", lambda r, n: str(r.resident_bytes // 1024)),
    "vsz": ("VSZ", lambda r, n: str(r.virtual_bytes // 1024)),
    "cmd": ("CMD", lambda r, n: r.command),
    "comm": ("COMMAND", lambda r, n: r.command.split(" ")[0].rpartition("/")[2]),
}
_SYNONYMS = {
    "args": "cmd",
    "command": "cmd",
    "start": "stime",
    "tt": "tty",
    "%cpu": "pcpu",
    "s": "stat",
    "vsize": "vsz",
    "ucmd": "comm",
    "euser": "user",
    "uname": "user",
    "cputime": "time",
}
_FULL = ("user", "pid", "ppid", "c", "stime", "tty", "time", "cmd")
_AUX = ("user", "pid", "pcpu", "vsz", "rss", "tty", "stat", "stime", "time", "cmd")


def top_table(rows: Iterable[Any], ps_args: str, now: float) -> Table:
    """Return the table; `ps_args` may be "-ef" (the default), "aux" or "-o name,name".

    `now` is the moment at which the rows were read, in seconds since the epoch.

    Raises: InvalidArgument for other options of ps.
    """
    names = _columns(ps_args)
    headers = {"user": "UID"} if names is _FULL else {}
    columns = [(name.upper(), headers.get(name, _FIELDS[name][0])) for name in names]
    found = [{name.upper(): _FIELDS[name][1](row, now) for name in names} for row in rows]
    return Table("process", columns, found)


def _columns(ps_args: str) -> tuple[str, ...]:
    words = ps_args.split()
    if not words or set(words) <= {"-ef", "ef", "-e", "-f", "-A"}:
        return _FULL
    if set(words) <= {"aux", "-aux", "u", "-u"}:
        return _AUX
    chosen = []
    while words:
        word = words.pop(0)
        if word in ("-e", "-A", "-ef", "e"):
            continue
        if word.startswith(("-o", "-eo")) or word == "o":
            text = word.partition("o")[2] or (words.pop(0) if words else "")
            chosen += [part for part in text.split(",") if part]
            continue
        raise InvalidArgument(f"top: unsupported ps option {word!r}", "Use -o with names, or aux.")
    names = tuple(_SYNONYMS.get(name, name) for name in chosen)
    unknown = [name for name in names if name not in _FIELDS]
    if unknown or not names:
        known = ", ".join(sorted(_FIELDS))
        raise InvalidArgument(f"top: unknown column {(unknown or [''])[0]!r}", f"One of: {known}.")
    return names if "pid" in names else ("pid", *names)
