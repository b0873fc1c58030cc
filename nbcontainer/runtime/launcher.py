"""Become the foreman: enter the namespaces it works in, then execute the interpreter anew.

Runs as `python -I -S -c`, started by a client with an empty environment and no descriptor but these:
0, 1 (told "ready", or an error), 2 (the log).  Three things happen here because they must precede the
second exec: the foreman's lock is taken, the ids are mapped (rootless), and the interpreter is mounted
onto itself read-only, so that what a container might reach of it by /proc/self/exe cannot be written
(CVE-2019-5736).
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys

from ..linux import rootless, syscalls
from .sandbox_name import is_owned, owner_of


def main(home: str, run: str, paths: list[str]) -> None:
    """Prepare this process and execute the foreman in it; returns only if another one lives."""
    descriptor = os.open(f"{run}/foreman.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(1, b"another")
        return
    # what Docker's containers begin with, whatever the umask of who calls
    os.umask(0o022)
    # a shell's background jobs ignore SIGINT and SIGQUIT, and whoever is ignored stays so for ever
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    note = ""
    if rootless.is_root():
        syscalls.unshare(syscalls.CLONE_NEWNS)
    else:
        note = _enter(run)
    # what the host mounts later shall be seen; what is mounted here stays here
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    interpreter = os.path.realpath(sys.executable)
    syscalls.mount(interpreter, interpreter, None, syscalls.MS_BIND)
    again = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | _locked_flags(interpreter)
    syscalls.mount(None, interpreter, None, again)
    os.set_inheritable(descriptor, True)
    code = (
        f"import sys; sys.path += {paths!r}; "
        f"from nbcontainer.runtime.beginning import main; "
        f"main({home!r}, {run!r}, {descriptor}, {note!r})"
    )
    os.execve(interpreter, [sys.executable, "-I", "-S", "-c", code], {"LC_ALL": "C.UTF-8"})


def _enter(run: str) -> str:
    """Enter the user namespace of this store's living shims, or a new one; return why it has one id.

    A user namespace has no rights over its sibling's children: containers of a foreman that has gone
    could not be joined from another one.
    """
    for name in sorted(os.listdir(f"{run}/c")):
        if is_owned(name):
            try:
                return rootless.join(owner_of(name)[0], syscalls.CLONE_NEWNS)
            except OSError:
                continue
    return rootless.enter(syscalls.CLONE_NEWNS)


def _locked_flags(path: str) -> int:
    """Return the flags that a remount must keep: a user namespace may not drop them."""
    found = os.statvfs(path).f_flag
    names = {
        os.ST_NOSUID: syscalls.MS_NOSUID,
        os.ST_NODEV: syscalls.MS_NODEV,
        os.ST_NOATIME: syscalls.MS_NOATIME,
        os.ST_RELATIME: syscalls.MS_RELATIME,
    }
    flags = 0
    for bit, flag in names.items():
        if found & bit:
            flags |= flag
    return flags
