"""What a benchmark run has: a store of its own with the toolbox made, and the peers, begun when asked for."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import tempfile
from typing import Any

from nbcontainer.engine import Engine
from tests.benchmarks.peers import Absent, Bwrap, Docker, DockerBridge, Podman, Runc
from tests.source import ROOT
from tests.stores import Store


class Bench:
    """`effort` scales the number of rounds; `wanted` limits the peers."""

    def __init__(self, effort: float = 1.0, wanted: tuple[str, ...] = ()) -> None:
        self.effort = effort
        self._wanted = wanted
        # as an installation does; some environments forbid it to a run from the sources
        compileall.compile_dir(f"{ROOT}/nbcontainer", quiet=2)
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="nbc-bench-"))
        self.store = Store.make(f"{self.folder}/s")
        self.engine: Engine = self.store.engine()
        self._peers: dict[str, Any] = {}
        self._absent: dict[str, str] = {}
        self._rootfs = ""
        self._layer = ""

    def rounds(self, usual: int) -> int:
        """Return how often to repeat."""
        return max(2, round(usual * self.effort))

    def peers(self, *names: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the peers that work here, and for the others the reason."""
        for name in names:
            if name in self._peers or name in self._absent:
                continue
            try:
                if self._wanted and name not in self._wanted:
                    raise Absent("left out by --peers")
                self._peers[name] = self._begin(name)
            except (Absent, OSError, subprocess.SubprocessError) as error:
                self._absent[name] = str(error)
        return (
            {name: self._peers[name] for name in names if name in self._peers},
            {name: self._absent[name] for name in names if name in self._absent},
        )

    def _begin(self, name: str) -> Any:
        self._unpack()
        folder = f"{self.folder}/{name}"
        if name == "bwrap":
            return Bwrap(self._rootfs)
        if name == "runc":
            return Runc(self._rootfs, folder)
        if name == "docker-bridge":
            return DockerBridge(self._layer, folder)
        return Podman(self._layer, folder) if name == "podman" else Docker(self._layer, folder)

    def _unpack(self) -> None:
        """Give the peers the toolbox's own layer, as a tar and as a root directory."""
        if self._rootfs:
            return
        self.engine.run("toolbox", ["true"], rm=True, network="none")
        image = self.store.images.resolve("toolbox")
        self._layer = self.store.layout.blob(image.layers[0].digest)
        rootfs = f"{self.folder}/rootfs"
        os.mkdir(rootfs)
        subprocess.run(["tar", "-C", rootfs, "-xf", self._layer], check=True)
        self._rootfs = rootfs

    def close(self) -> None:
        """End the peers and the store, and remove every file."""
        try:
            for peer in self._peers.values():
                peer.close()
            self.store.end()
        finally:
            self.store.quit()
            shutil.rmtree(self.folder, ignore_errors=True)
