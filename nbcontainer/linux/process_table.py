"""What `ps` knows of processes, read from /proc."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessRow(NamedTuple):
    """One process; moments in s since the epoch, times in s, sizes in bytes."""

    pid: int
    parent: int
    uid: int
    user: str
    started_at: float
    cpu_s: float
    terminal: str
    state: str
    resident_bytes: int
    virtual_bytes: int
    command: str


def read(pids: list[int]) -> list[ProcessRow]:
    """Return the rows of the processes that still exist, by pid."""
    with open("/proc/uptime") as file:
        booted_at = time.time() - float(file.read().split()[0])
    found = []
    for pid in sorted(pids):
        try:
            found.append(_row(pid, booted_at))
        except (OSError, ValueError, IndexError):
            continue  # it ended while we looked
    return found


def in_mounts(inode: int) -> list[int]:
    """Return every process in the mount namespace of that number; for hosts without cgroups.

    Only who has rights over their user namespace sees them all.
    """
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                if os.stat(f"/proc/{entry}/ns/mnt").st_ino == inode:
                    found.append(int(entry))
            except OSError:
                continue
    return found


def _row(pid: int, booted_at: float) -> ProcessRow:
    with open(f"/proc/{pid}/stat") as file:
        text = file.read()
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    with open(f"/proc/{pid}/cmdline", errors="replace") as file:
        command = file.read().replace("\0", " ").strip() or f"[{name}]"
    uid = os.stat(f"/proc/{pid}").st_uid
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("Uid:"):
                uid = int(line.split()[2])
    return ProcessRow(
        pid=pid,
        parent=int(fields[1]),
        uid=uid,
        user=_name(uid),
        started_at=booted_at + int(fields[19]) / _TICKS,
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS,
        terminal=_terminal(int(fields[4])),
        state=fields[0],
        resident_bytes=int(fields[21]) * _PAGE,
        virtual_bytes=int(fields[20]),
        command=command,
    )


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _terminal(number: int) -> str:
    major, minor = os.major(number), os.minor(number)
    return f"pts/{minor + 256 * (major - 136)}" if 136 <= major <= 143 else "?"
