"""The name of a sandbox: its shim's pid, start time and pid namespace, as <pid>.<start>.<namespace>.

So its owner's life can be told from the name alone, by who counts pids the same way.  Several stores, and
several editions of nbcontainer, make their sandboxes side by side: a name that is not understood belongs
to somebody, and is left alone.
"""

from __future__ import annotations

import os

from ..linux import process


def name_of(pid: int) -> str:
    """Return the name for the sandbox of a shim.  Raises: ProcessLookupError if it has ended."""
    return f"{pid}.{process.start_time(pid):x}.{_pid_namespace():x}"


def owner_of(sandbox: str) -> tuple[int, int]:
    """Return the pid and start time in the name; (0, 0) if it is no name of a sandbox."""
    return _parts(sandbox)[:2]


def is_foreign(sandbox: str) -> bool:
    """Tell whether nothing can be known of the owner's life: it counts pids otherwise, or is not named.

    Containers and pods may see one another's cgroups.
    """
    pid, _, space = _parts(sandbox)
    return not pid or space != _pid_namespace()


def is_owned(sandbox: str) -> bool:
    """Tell whether the process that the name stands for still runs; a zombie does not."""
    pid, start, _ = _parts(sandbox)
    return not is_foreign(sandbox) and process.is_same_process(pid, start)


def _parts(sandbox: str) -> tuple[int, int, int]:
    pid, *rest = sandbox.split(".")
    if len(rest) != 2 or not (pid.isdecimal() and pid.isascii() and len(pid) < 12):
        return (0, 0, 0)
    try:
        return (int(pid), int(rest[0], 16), int(rest[1], 16))
    except ValueError:
        return (0, 0, 0)


def _pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino
