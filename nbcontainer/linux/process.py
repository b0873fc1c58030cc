"""Processes told apart for good: a pid counts only with its start time and the machine's boot id.

A pid alone may be another process's by the time it is read from a file (SECURITY: a pid used again
after a crash).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import syscalls

_boot_ids: list[str] = []


def boot_id() -> str:
    """Return what is different after each start of the machine; read once."""
    if not _boot_ids:
        _boot_ids.append(_read("/proc/sys/kernel/random/boot_id").strip())
    return _boot_ids[0]


def start_time(pid: int) -> int:
    """Return when a process began, in clock ticks after boot.

    Raises: ProcessLookupError if there is none.
    """
    return _stat(pid)[1]


_marks: dict[int, str] = {}


def own_mark() -> str:
    """Return what tells this process from all others: <pid>_<start time>.

    What it makes in the store's tmp/ is named by it, and is nobody's once it has ended.
    """
    pid = os.getpid()
    mark = _marks.get(pid)
    if mark is None:
        # read once a process, and anew in a child
        _marks.clear()
        mark = _marks[pid] = f"{pid}_{start_time(pid):x}"
    return mark


def is_same_process(pid: int, start: int, boot: str = "") -> bool:
    """Tell whether the recorded process still runs; one that ended and was not waited for does not.

    Without `boot` the record is one of this run of the machine.
    """
    try:
        status, began = _stat(pid)
    except ProcessLookupError:
        return False
    return began == start and status not in "ZX" and boot in ("", boot_id())


def send_signal(pid: int, start: int, boot: str, signal: int) -> bool:
    """Signal the recorded process and no other; False if it is gone."""
    try:
        pidfd = syscalls.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # Looked at after the pidfd is held: from here on the number cannot come to mean another.
        if not is_same_process(pid, start, boot):
            return False
        syscalls.pidfd_send_signal(pidfd, signal)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def close_all_but(*kept: int) -> None:
    """Close every descriptor above the standard streams but these; for a child that goes its own way."""
    first = 3
    for descriptor in sorted(kept):
        if descriptor > first:
            syscalls.close_range(first, descriptor - 1)
        first = max(first, descriptor + 1)
    syscalls.close_range(first)


def reap() -> list[tuple[int, int]]:
    """Collect every child that has ended, as (pid, wait status); never waits."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, status))


def exit_code(status: int) -> int:
    """Return Docker's exit code for a wait status: 128 + n after signal n."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def parent(pid: int) -> int:
    """Return the pid of a process's parent.

    Raises: ProcessLookupError if there is no such process.
    """
    return int(_stat_fields(pid)[1])


def command_line(pid: int) -> tuple[str, ...]:
    """Return a process's arguments; none for a zombie or one that is gone."""
    try:
        text = _read(f"/proc/{pid}/cmdline")
    except OSError:
        return ()
    return tuple(text.rstrip("\0").split("\0")) if text else ()


def call_itself(args: Sequence[str]) -> None:
    """Have this process shown as these arguments, as far as there is room, in place of its own."""
    syscalls.prctl(syscalls.PR_SET_NAME, os.fsencode(args[0])[:15])
    # after the name in parentheses; proc(5) counts from the pid
    start, end = (int(field) for field in _stat_fields(os.getpid())[45:47])
    room = end - start
    if room > 0:
        shown = b"\0".join(map(os.fsencode, args))[: room - 1]
        syscalls.put_bytes(start, shown.ljust(room, b"\0"))


def _stat(pid: int) -> tuple[str, int]:
    fields = _stat_fields(pid)
    return fields[0], int(fields[19])


def _stat_fields(pid: int) -> list[str]:
    try:
        text = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(f"no process {pid}") from None
    # The second field is the program's name in parentheses and may itself hold ") ".
    return text.rpartition(")")[2].split()


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode(errors="surrogateescape")
