"""Run a function in a network namespace of its own, as root of it, and bring back what it returns."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from nbcontainer.linux import namespaces, syscalls


def in_own_network(work: Callable[[], Any]) -> Any:
    """Return what `work` returns (plain JSON values) in a child that has a network to itself."""
    read_end, write_end = os.pipe()
    uid, gid = os.geteuid(), os.getegid()
    pid = os.fork()
    if pid == 0:
        said: dict[str, Any] = {}
        try:
            try:
                _enter(uid, gid)
            except OSError as error:
                said["skip"] = f"no network namespace: {error}"
            else:
                said["value"] = work()
        except BaseException:
            said["error"] = traceback.format_exc()
        finally:
            with open(write_end, "w") as file:
                json.dump(said, file)
            os._exit(0)
    os.close(write_end)
    with open(read_end) as file:
        text = file.read()
    os.waitpid(pid, 0)
    said = json.loads(text)
    if "skip" in said:
        pytest.skip(said["skip"])
    if "error" in said:
        pytest.fail(said["error"])
    return said["value"]


def _enter(uid: int, gid: int) -> None:
    if uid == 0:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        return
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNET)
    namespaces.write_maps("self", ((0, uid, 1),), ((0, gid, 1),), setgroups=False)
