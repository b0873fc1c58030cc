"""What a test run may leave on the host: mounts, cgroups, links, processes, and who made them.

Other work on the same machine is left out of the judgement: a process counts if it is tied to one of
the run's own stores, a cgroup if it is new and nobody runs in it.
"""

from __future__ import annotations

import glob
import os
import re
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nbcontainer.runtime.networks import store_key
from nbcontainer.runtime.sandbox_name import is_owned

GRACE_S = 5.0
_HOME = re.compile(r"main\('([^']+)'")
_CABLE = re.compile(r"v[0-9a-f]{6,}\.[0-9]+")


@dataclass(frozen=True)
class Host:
    """What was there at one moment."""

    mounts: frozenset[str] = frozenset()
    cgroups: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()

    @classmethod
    def now(cls) -> Host:
        return cls(frozenset(_mounts()), frozenset(_cgroups()), frozenset(_links()))


@dataclass
class Watch:
    """Compares the host after a run with the host before it."""

    folder: str
    before: Host = field(default_factory=Host.now)

    def left(self, grace_s: float = GRACE_S) -> list[str]:
        """Return a line for each thing that is still there after `grace_s`; [] is what is wanted.

        A process that has been told to go may need a moment, so the look is repeated until nothing
        is found.
        """
        end = time.monotonic() + grace_s
        while (found := self._look()) and time.monotonic() < end:
            select.select([], [], [], 0.05)
        return found

    def _look(self) -> list[str]:
        now = Host.now()
        found = [f"mount {m}" for m in now.mounts - self.before.mounts if self.folder in m]
        found += [f"cgroup {c}" for c in now.cgroups - self.before.cgroups if _is_left(c)]
        others = _keys_of_others(self.folder)
        if others:
            # what is above the groups belongs to every store of this user
            found = [line for line in found if not line.endswith("/nbcontainer/")]
        new = now.links - self.before.links
        found += [f"link {link}" for link in new if not others & {link[1:6], link[3:8]}]
        return sorted(found) + [f"process {text}" for text in processes(self.folder)]


def wait_until(true: Callable[[], object], what: str, seconds: float = GRACE_S) -> None:
    """Wait for something that no descriptor tells."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"after {seconds:g} s still not: {what}"
        select.select([], [], [], 0.005)


def processes(folder: str) -> list[str]:
    """Return "pid command" of each process that names a file below `folder` or holds one open."""
    return [f"{pid} {_command(str(pid))[:200]}" for pid in tied_pids(folder)]


def tied_pids(folder: str) -> list[int]:
    """Return the processes that name a file below `folder` or hold one open; not this one."""
    own = {os.getpid(), os.getppid()}
    numbers = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
    return [pid for pid in numbers if pid not in own and _is_tied(str(pid), folder)]


def _is_tied(pid: str, folder: str) -> bool:
    if folder in _command(pid):
        return True
    try:
        names = [f"/proc/{pid}/cwd", *(e.path for e in os.scandir(f"/proc/{pid}/fd"))]
    except OSError:
        return False
    for name in names:
        try:
            if os.readlink(name).startswith(folder):
                return True
        except OSError:
            continue
    return False


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _mounts() -> list[str]:
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file]


def _cgroups() -> list[str]:
    """Return the containers' groups below the groups that this process is in, and what they lie in."""
    found = []
    with open("/proc/self/cgroup") as file:
        rows = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, own in rows:
        top = f"/sys/fs/cgroup/{controllers}" if controllers else "/sys/fs/cgroup"
        above = f"{top}/{own.strip('/')}/nbcontainer/"
        found += [*glob.glob(above), *glob.glob(f"{above}*/")]
    return found


def _keys_of_others(folder: str) -> set[str]:
    """Return the keys in the names of links of stores that other runs have open just now."""
    homes = set()
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and (found := _HOME.search(_command(entry))):
            homes.add(found[1])
    return {store_key(home) for home in homes if not home.startswith(folder)}


def _is_left(cgroup: str) -> bool:
    """Tell whether nobody runs in a group and no living shim, of whatever store, owns it."""
    if is_owned(os.path.basename(cgroup.rstrip("/"))):
        return False
    try:
        with open(f"{cgroup}cgroup.procs") as file:
            return not file.read().strip()
    except OSError:
        return False


def _links() -> list[str]:
    # v<key><pid>.<number> is a container's end of a cable
    return [n for n in os.listdir("/sys/class/net") if n.startswith("nbc") or _CABLE.fullmatch(n)]
