"""The peers, each with folders of its own, started for the run and ended with it.

A peer that is missing or does not work here raises `Absent` with the reason, which the table prints.
All run the same program: a static busybox's `true`, from the toolbox's own layer.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nbcontainer.linux import syscalls

TIMEOUT_S = 120
IMAGE = "bench-toolbox"


T = TypeVar("T")


class Absent(Exception):
    """This peer cannot be measured here; the text says why."""


def call(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output.  What the loops time."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise Absent(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return done.stdout.decode(errors="replace")


def program(name: str) -> str:
    """Return the path of a program or raise Absent."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise Absent("not installed")
    return found


class Bwrap:
    """bubblewrap on an unpacked root directory."""

    name = "bwrap"

    def __init__(self, rootfs: str) -> None:
        self.command = [
            program("bwrap"), "--unshare-all", "--ro-bind", rootfs, "/", "--proc", "/proc",
            "--dev", "/dev",
        ]  # fmt: skip
        call([*self.command, "true"])

    def run(self) -> None:
        """Start a sandbox and wait for its end."""
        call([*self.command, "true"])

    def close(self) -> None:
        """Nothing stays."""


class Runc:
    """runc alone on an unpacked root directory."""

    name = "runc"

    def __init__(self, rootfs: str, folder: str) -> None:
        self.program = program("runc")
        self.bundle, self.root = f"{folder}/bundle", f"{folder}/state"
        os.makedirs(self.bundle)
        call([self.program, "spec", "--bundle", self.bundle])
        with open(f"{self.bundle}/config.json") as file:
            spec = json.load(file)
        spec["process"] |= {"args": ["true"], "terminal": False}
        spec["root"] = {"path": rootfs, "readonly": True}
        with open(f"{self.bundle}/config.json", "w") as file:
            json.dump(spec, file)
        self.number = 0
        self.run()

    def run(self) -> None:
        """Run one container to its end."""
        self.number += 1
        call([self.program, "--root", self.root, "run", "-b", self.bundle, f"b{self.number}"])

    def close(self) -> None:
        """Nothing stays: `runc run` deletes its container."""


class _Engine:
    """What docker and podman have in common: the command line."""

    name = ""
    command: list[str]
    env: dict[str, str]

    def cli(self, *args: str) -> str:
        return call([*self.command, *args], self.env)

    def run(self) -> None:
        """Run one container to its end and remove it."""
        self.cli("run", "--rm", "--network", "none", IMAGE, "true")

    def start(self, name: str) -> None:
        """Start a container that stays."""
        self.cli("run", "-d", "--network", "none", "--name", name, IMAGE, "sleep", "1000")

    def start_short(self) -> None:
        """Start a container in the background and let it end by itself."""
        self.cli("run", "-d", "--rm", "--network", "none", IMAGE, "true")

    def exec(self, name: str) -> None:
        """Run one more process in a container."""
        self.cli("exec", name, "true")

    def remove(self, *names: str) -> None:
        """Remove containers at once."""
        self.cli("rm", "-f", *names)

    def commit(self, name: str, image: str) -> None:
        """Make an image of a container, then forget it."""
        self.cli("commit", name, image)

    def forget(self, image: str) -> None:
        """Remove an image."""
        self.cli("rmi", "-f", image)


class Podman(_Engine):
    """podman with storage of its own, on runc where crun does not take this host's cgroups."""

    name = "podman"

    def __init__(self, layer: str, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        configuration = f"{folder}/containers.conf"
        with open(configuration, "w") as file:
            # raising hard limits is refused in many sandboxes, and podman insists by default
            file.write('[containers]\ndefault_ulimits = ["nofile=1024:1024","nproc=1024:1024"]\n')
        self.env = dict(os.environ) | {"CONTAINERS_CONF": configuration}
        self.command = [
            program("podman"), "--root", f"{folder}/root", "--runroot", f"{folder}/run",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", program("runc"),
        ]  # fmt: skip
        self.folder = folder
        self.cli("import", layer, IMAGE)
        self.run()

    def close(self) -> None:
        """Remove all containers and images; the folder goes with the run."""
        with contextlib.suppress(Absent):
            self.cli("rm", "-f", "-a", "-t", "0")
            self.cli("rmi", "-f", "-a")
        if os.geteuid():
            with contextlib.suppress(Absent):
                self.cli("unshare", "rm", "-rf", f"{self.folder}/root")


class Docker(_Engine):
    """A dockerd of our own, in its own mount and network namespaces, with its own folders."""

    name = "docker"
    network = ("--bridge", "none", "--iptables=false", "--ip6tables=false")

    def __init__(self, layer: str, folder: str) -> None:
        if os.geteuid():
            raise Absent("a dockerd of its own needs root")
        os.makedirs(folder, exist_ok=True)
        socket = f"unix://{folder}/docker.sock"
        self.command = [program("docker"), "-H", socket]
        self.env = dict(os.environ) | {"DOCKER_CONFIG": f"{folder}/cli"}
        daemon = [
            program("unshare"), "--mount", "--net", "--propagation", "private", program("dockerd"),
            "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "-H", socket,
            "--pidfile", f"{folder}/pid", *self.network,
        ]  # fmt: skip
        self.log = open(f"{folder}/log", "wb")
        self.process = subprocess.Popen(
            daemon,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        try:
            self._wait_until_it_listens(f"{folder}/docker.sock", f"{folder}/log")
            self.cli("import", layer, IMAGE)
            self.run()
        except BaseException:
            self.close()
            raise

    def _wait_until_it_listens(self, socket: str, log: str) -> None:
        for _ in range(300):
            if self.process.poll() is not None:
                with open(log, errors="replace") as file:
                    raise Absent(f"dockerd ended: {file.read()[-200:].strip()}")
            if os.path.exists(socket):
                with contextlib.suppress(Absent):
                    self.cli("version")
                    return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
        raise Absent("dockerd does not answer")

    def close(self) -> None:
        """Remove the containers, then end the daemon and what it started."""
        with contextlib.suppress(Absent):
            containers = self.cli("ps", "-aq").split()
            if containers:
                self.remove(*containers)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class DockerBridge(Docker):
    """The same with a bridge and its rules."""

    name = "docker-bridge"
    # its own address there is the host's to those inside
    address = "172.31.250.1"
    network = ("--bip", f"{address}/23", "--ip6tables=false")

    def __init__(self, layer: str, folder: str) -> None:
        super().__init__(layer, folder)
        call(
            [
                program("nsenter"),
                "-t",
                str(self.process.pid),
                "-n",
                program("ip"),
                "link",
                "set",
                "lo",
                "up",
            ]
        )

    def inside(self, act: Callable[[], T]) -> T:
        """Return what `act` returns in a thread within dockerd's network namespace."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._enter_and, act).result()

    def _enter_and(self, act: Callable[[], T]) -> T:
        with open(f"/proc/{self.process.pid}/ns/net") as namespace:
            syscalls.setns(namespace.fileno(), syscalls.CLONE_NEWNET)
        return act()

    def load(self, path: str) -> None:
        """Take in a saved image."""
        self.cli("load", "-q", "-i", path)


def python_alone() -> None:
    """Start and end a bare interpreter: the floor of every command line in Python."""
    call([sys.executable, "-c", "pass"])
