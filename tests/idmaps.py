"""Run something in a child with the ids of one kind of store: root, subuid or single."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from nbcontainer.linux import syscalls

# where a subuid store's ids begin, and the user of a single-id store, when root plays them
FIRST_SUBUID = 300_000
LONE_UID = 4321


def modes() -> tuple[str, ...]:
    """Return what can be played here: all by root, the single id by anyone with user namespaces."""
    return ("root", "subuid", "single") if os.geteuid() == 0 else ("single",)


def outside(mode: str) -> int:
    """Return the uid, as this process sees it, that is root inside."""
    return {"root": os.geteuid(), "subuid": FIRST_SUBUID}.get(
        mode, LONE_UID if os.geteuid() == 0 else os.geteuid()
    )


def run_as(mode: str, work: Callable[[], Any]) -> Any:
    """Return what `work()` returns in such a child; its exception is raised here."""
    result_read, result_write = os.pipe()
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _child(mode, work, ready_write, go_read, result_write)
        finally:
            os._exit(1)
    for fd in (result_write, ready_write, go_read):
        os.close(fd)
    if mode != "root" and os.read(ready_read, 1):
        owner = outside(mode)
        count = 65536 if mode == "subuid" else 1
        with open(f"/proc/{pid}/setgroups", "w") as file:
            file.write("deny")
        for name in ("uid_map", "gid_map"):
            group = os.getegid() if name == "gid_map" and owner == os.geteuid() else owner
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(f"0 {group} {count}")
    if mode != "root":
        os.write(go_write, b"1")
    with open(result_read, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    os.close(ready_read)
    os.close(go_write)
    ok, value = pickle.loads(data)
    if not ok:
        raise value
    return value


def _child(mode: str, work: Callable[[], Any], ready: int, go: int, result: int) -> None:
    try:
        if mode == "single" and os.geteuid() == 0:
            # what an ordinary user is: no capability to fall back on
            os.setresgid(LONE_UID, LONE_UID, LONE_UID)
            os.setresuid(LONE_UID, LONE_UID, LONE_UID)
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
        if mode != "root":
            syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
            os.write(ready, b"1")
            os.read(go, 1)
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
        data = pickle.dumps((True, work()))
    except BaseException as error:
        try:
            data = pickle.dumps((False, error))
        except Exception:
            data = pickle.dumps((False, AssertionError(traceback.format_exc())))
    with open(result, "wb") as stream:
        stream.write(data)
    os._exit(0)
