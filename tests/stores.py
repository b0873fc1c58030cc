"""A store of a test's own: its folders, its environment, its engine, its command line, and its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcontainer.engine import Engine
from nbcontainer.errors import ContainerNotFound
from nbcontainer.runtime.client import Runtime
from nbcontainer.settings import Settings
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from tests.hostwatch import tied_pids, wait_until
from tests.source import ROOT

CLI_TIMEOUT_S = 120


def clean_environment() -> dict[str, str]:
    """Return this process's environment without what would steer the engine."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("NBCONTAINER_", "DOCKER_", "XDG_", "PYTEST_", "JPY_"))
    }


@dataclass(frozen=True)
class Store:
    """One home and one runtime directory below `folder`; two of them are two hosts."""

    folder: str
    engines: list[Engine] = field(default_factory=list, compare=False)

    @property
    def home(self) -> str:
        return f"{self.folder}/home"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to work on this store and no other."""
        python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        return clean_environment() | {
            "NBCONTAINER_HOME": self.home,
            "XDG_RUNTIME_DIR": f"{self.folder}/run",
            # accounts of the store's own, and no waiting for registries that tests cannot reach
            "DOCKER_CONFIG": f"{self.folder}/docker",
            "NBCONTAINER_PULL": "never",
            "PYTHONPATH": python_path,
        }

    @property
    def settings(self) -> Settings:
        return Settings.load(self.environment)

    @property
    def layout(self) -> Layout:
        return Layout(self.settings.home, self.settings.run)

    @property
    def images(self) -> Images:
        return Images(self.layout, Blobs(self.layout))

    @classmethod
    def make(cls, folder: str) -> Store:
        store = cls(os.path.realpath(folder))
        os.makedirs(f"{store.folder}/run", 0o700, exist_ok=True)
        return store

    def engine(self) -> Engine:
        """Return a new engine on this store, as another notebook would have one."""
        engine = Engine(self.settings)
        self.engines.append(engine)
        return engine

    def close(self) -> None:
        """Let go of the engines that were made; containers and zygote go on."""
        while self.engines:
            self.engines.pop().close()

    def cli(
        self,
        *args: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = CLI_TIMEOUT_S,
        way: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `nbcontainer ARGS` as a process of its own and return what it wrote.

        `way`: a command that executes the rest in other circumstances.
        """
        return subprocess.run(
            [*way, sys.executable, "-m", "nbcontainer", *args],
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env=self.environment | dict(env or {}),
            timeout=timeout_s,
            cwd=self.folder,
        )

    def clear(self, engine: Engine) -> None:
        """Remove every container, volume and network, and each image that is not built in."""
        for container in engine.ps(all=True).ids:
            # one that ran with --rm may go by itself meanwhile
            with contextlib.suppress(ContainerNotFound):
                engine.rm(container, force=True, volumes=True)
        for image in self.images.list():
            if not image.is_builtin:
                engine.rmi(image.id, force=True)
        engine.volume_prune(all=True)
        engine.network_prune()

    def quit(self) -> None:
        """Let the zygote leave; returns when it has."""
        self.close()
        Runtime(self.layout).quit()

    def end(self) -> None:
        """Remove all that the store holds through the engine, then its folder.

        Whatever could not be removed raises: prune and rmi are meant to leave an empty store, also
        where the files belong to a container's users.
        """
        if os.path.isdir(self.home):
            engine: Any = self.engine()
            self.clear(engine)
            for image in self.images.list():
                engine.rmi(image.id, force=True)
            engine.image_prune(all=True)
        self.quit()
        # who was killed in between may have left somebody who still removes trees
        wait_until(lambda: not tied_pids(self.folder), "nobody works in the store")
        shutil.rmtree(self.folder)
