"""What lies above containers' control groups: made before the first of them, gone with the last.

Several stores of one user share it.  So whoever makes a group must be ready to make this, too.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

Controllers = Sequence[tuple[str, str]]


def make(mode: str, parent: str, names: list[str]) -> None:
    """Make the directory above groups, and hand it what they need of these controllers.  Idempotent."""
    try:
        os.mkdir(parent, 0o755)
    except FileExistsError:
        pass
    # the freezer is part of every group
    if mode == "v2" and (handed_on := [name for name in names if name != "freezer"]):
        enable(parent, handed_on)
    elif mode == "v1" and "cpuset" in names:
        copy_cpuset(os.path.dirname(parent), parent)


def forget(controllers: Controllers) -> None:
    """Remove the directories above groups where nothing is in them any more."""
    for parent in dict.fromkeys([parent for _, parent in controllers]):
        try:
            os.rmdir(parent)
        except OSError:
            continue


def enable(directory: str, names: list[str]) -> None:
    """Hand v2 controllers on to the groups below a directory; those handed on already cost a read."""
    have = read(f"{directory}/cgroup.subtree_control").split()
    if missing := [name for name in names if name not in have]:
        write(f"{directory}/cgroup.subtree_control", " ".join(f"+{name}" for name in missing))


def copy_cpuset(source: str, target: str) -> None:
    """Give a v1 cpuset the processors and memory nodes of another, without which nothing can enter."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not read(f"{target}/{name}").strip():
            write(f"{target}/{name}", read(f"{source}/{name}").strip())


def read(path: str) -> str:
    """Return a control file's text."""
    with open(path) as file:
        return file.read()


def write(path: str, text: str) -> None:
    """Write a control file in one call.  Raises: OSError that names the file."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(fd)
