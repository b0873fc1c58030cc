"""What a crash may leave, looked for on the host itself; and the helpers to find whom to kill.

`NBCONTAINER_STRESS=1` in the environment multiplies what the crash tests do, up to the figures that the
project promises.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbcontainer.engine import Engine
from nbcontainer.linux import process
from nbcontainer.runtime.sandbox_name import is_owned, owner_of
from nbcontainer.store.files import is_held
from tests.hostwatch import tied_pids, wait_until
from tests.stores import Store

# read before a fixture takes the variables of this name away
STRESS = os.environ.get("NBCONTAINER_STRESS", "") not in ("", "0")
GRACE_S = 10.0


def scaled(usual: int, stress: int) -> int:
    """Return how often to do something: `stress` times where that was asked for."""
    return stress if STRESS else usual


def await_end(pid: int, seconds: float = GRACE_S) -> None:
    """Wait until the process is gone, or a zombie."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], seconds)[0], f"{pid} still runs"
    finally:
        os.close(descriptor)


def foreman_of(store: Store) -> int:
    """Return the process that holds the zygote's lock; children of it that just begin do as well."""
    inode = os.stat(store.layout.foreman_lock).st_ino
    holders = []
    for pid in tied_pids(store.folder):
        try:
            with os.scandir(f"/proc/{pid}/fd") as entries:
                if any(_inode(entry.path) == inode for entry in entries):
                    holders.append(pid)
        except OSError:
            continue
    assert holders, "no foreman"
    return min(holders, key=process.start_time)


def zygote_of(store: Store) -> int:
    """Return the process that forks for the foreman: its only child."""
    (zygote,) = children(foreman_of(store))
    return zygote


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def children(pid: int) -> list[int]:
    """Return the processes whose parent `pid` is."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and process.parent(int(entry)) == pid:
                found.append(int(entry))
        except ProcessLookupError:
            continue
    return found


def helper_descriptors(store: Store) -> int:
    """Return how many descriptors foreman and zygote have open."""
    pids = (foreman_of(store), zygote_of(store))
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)


def private_kb(pid: int) -> int:
    """Return the private memory of a process in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        lines = [line.split() for line in file]
    return sum(int(words[1]) for words in lines if words[0] in ("Private_Dirty:", "Private_Clean:"))


def limit_of(engine: Engine) -> dict[str, str]:
    """Return a limit for a container, where this host can keep one."""
    memory = engine.host.features.cgroup.parent("memory")
    return {"memory": "64m"} if memory else {}


class Aftermath:
    """One store, and everything that its containers ever had on the host."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.layout = store.layout
        self.sandboxes: set[str] = set()
        self.mounts = self._mounts()
        self.cgroups = store.engine().host.features.cgroup

    def sockets(self) -> list[str]:
        """Return the sandboxes that there are, and remember them."""
        names = os.listdir(f"{self.layout.run}/c")
        self.sandboxes.update(names)
        return names

    def shims(self) -> list[int]:
        """Return the shims that live, waiting or not, the oldest first."""
        names = [name for name in self.sockets() if is_owned(name)]
        return sorted((owner_of(name)[0] for name in names), key=lambda pid: _start(pid))

    def wake(self) -> None:
        """See that there is a zygote, as any command does."""
        engine = self.store.engine()
        assert engine.host.features.linux
        engine.close()

    def await_pool(self, size: int = 2, running: int = 0) -> list[int]:
        """Wait until there are these shims, each with its init, and no others; return them."""

        def is_full() -> bool:
            shims = self.shims()
            return len(shims) == size + running and all(len(children(pid)) for pid in shims)

        wait_until(is_full, "a full pool")
        return self.shims()

    def left(self, containers: tuple[str, ...] = ()) -> list[str]:
        """Return a line for each thing that is there and belongs to no living container or process."""
        names = self.sockets()
        found = [f"socket {name}" for name in names if not is_owned(name)]
        for parent in {directory for _, directory in self.cgroups.parents}:
            for name in self.sandboxes:
                if os.path.isdir(f"{parent}/{name}") and not is_owned(name):
                    found.append(f"cgroup {parent}/{name}")
        found += [f"tmp/{name}" for name in os.listdir(self.layout.tmp)]
        folders = [self.layout.home, self.layout.run]
        folders += [entry.path for entry in os.scandir(self.layout.containers)]
        for folder in folders:
            found += [f"{folder}/{n}" for n in _listdir(folder) if n.endswith(".tmp")]
        there = os.listdir(self.layout.containers)
        found += [f"container {each[:12]}" for each in there if each not in containers]
        for name in os.listdir(self.layout.names):
            try:
                named = os.readlink(self.layout.name(name))
            except FileNotFoundError:
                continue
            if named not in containers:
                found.append(f"name {name}")
        for each in set(there) & set(containers):
            if is_held(self.layout.container(each, "lock")):
                found.append(f"lock of {each[:12]}")
        found += [f"mount {each}" for each in self._mounts() - self.mounts]
        return found

    def _mounts(self) -> set[str]:
        with open("/proc/self/mountinfo") as file:
            return {line.split()[4] for line in file if self.store.folder in line}

    def assert_clean(self, *containers: str, seconds: float = GRACE_S) -> None:
        """See that nothing is left but these containers, and that none of them runs."""
        end = time.monotonic() + seconds
        while left := self.left(containers):
            assert time.monotonic() < end, "\n".join(left)
            select.select([], [], [], 0.01)

    def tidy(self) -> None:
        """Do what a person does after a crash: look, remove, prune.  Then nothing may be left."""
        engine = self.store.engine()
        ids = engine.ps(all=True).ids
        if ids:
            engine.rm(*ids, force=True, volumes=True)
        engine.container_prune()
        engine.image_prune()
        engine.volume_prune(all=True)
        self.assert_clean()
        engine.close()

    def end(self) -> None:
        """Tidy up, let the zygote leave, and see that no process is left."""
        self.tidy()
        self.store.quit()
        wait_until(lambda: tied_pids(self.store.folder) == [], "all processes ended")
        assert self.sockets() == []
        assert self.left() == []


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []  # it went while we looked


def _start(pid: int) -> int:
    try:
        return process.start_time(pid)
    except ProcessLookupError:
        return 0


@contextmanager
def traced(pids: list[int], *rules: str, follow: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Attach strace to processes, with the rules that inject signals or errors.

    With `follow` their children are traced as well; injections are counted for each process.
    """
    command = ["strace", *(["-f"] if follow else [])]
    command += ["-o", "/dev/null", *(word for rule in rules for word in ("-e", rule))]
    command += [word for pid in pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        for _ in pids:
            line = tracer.stderr.readline()
            assert b"attached" in line, line
        yield tracer
    finally:
        tracer.terminate()
        tracer.wait()
        assert tracer.stderr is not None
        tracer.stderr.close()


def run_traced(
    store: Store, rules: list[str], *args: str, stdin: bytes = b"", timeout_s: float = 60.0
) -> Any:
    """Run `nbcontainer ARGS` under strace with rules; return the finished process."""
    words = [word for rule in rules for word in ("-e", rule)]
    command = ["strace", "-o", "/dev/null", *words, sys.executable, "-m", "nbcontainer", *args]
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        env=store.environment,
        timeout=timeout_s,
        cwd=store.folder,
    )
