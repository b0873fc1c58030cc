"""Registries for tests: ours in a thread, Debian's docker-registry as a process, and a client for each."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbcontainer.registry.access import Access, Options
from nbcontainer.registry.client import Client
from nbcontainer.registry.credentials import Account
from nbcontainer.registry.endpoints import Endpoint
from nbcontainer.registry.server import Limit, Parts, Rules, Server, Source
from nbcontainer.registry.server_auth import Guard
from nbcontainer.registry.server_log import Log, read
from nbcontainer.registry.server_storage import Storage
from nbcontainer.registry.transport import Wire

# what tests opened: closed after each of them
_opened: list[Any] = []

ACCOUNT = ("student", "c4nary-s3cret")


@dataclass
class Ours:
    """Our registry, serving."""

    folder: str
    server: Server

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def storage(self) -> Storage:
        return self.server.parts.storage

    def log(self) -> list[dict[str, Any]]:
        return read(f"{self.folder}/log.jsonl")[0]

    def asked(self, method: str = "", kind: str = "") -> list[str]:
        """Return "METHOD path status" of the requests so far."""
        return [
            f"{e['method']} {e['path']} {e['status']}"
            for e in self.log()
            if method in ("", e["method"]) and kind in e["path"]
        ]


@contextlib.contextmanager
def ours(
    folder: os.PathLike[str] | str,
    *,
    account: tuple[str, str] | None = None,
    tokens: bool = False,
    life_s: int = 300,
    rules: Rules | None = None,
    source: Source | None = None,
    port: int = 0,
) -> Iterator[Ours]:
    """Serve a folder from a thread of this process."""
    folder = os.fspath(folder)
    os.makedirs(folder, exist_ok=True)
    rules = rules or Rules()
    parts = Parts(
        Storage(folder),
        Guard(account, tokens=tokens, life_s=life_s),
        rules,
        Log(f"{folder}/log.jsonl"),
        Limit(rules),
        source,
    )
    server = Server(parts, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Ours(folder, server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def debian(folder: os.PathLike[str] | str, auth: dict[str, Any] | None = None) -> Iterator[str]:
    """Run Debian's docker-registry on a free port; yield its host.  `auth` as in its configuration."""
    folder = os.fspath(folder)
    port = free_port()
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {
            "filesystem": {"rootdirectory": f"{folder}/registry"},
            "delete": {"enabled": True},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": "fixed"},
        **({"auth": auth} if auth else {}),
    }
    path = f"{folder}/registry.yml"
    with open(path, "w") as file:
        json.dump(config, file)  # JSON is YAML
    program = shutil.which("docker-registry") or "docker-registry"
    with open(f"{folder}/registry.log", "wb") as log:
        process = subprocess.Popen([program, "serve", path], stdout=log, stderr=log)
    try:
        _wait_for(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        select.select([], [], [], 0.02)
    raise AssertionError("docker-registry does not start")


def htpasswd(folder: os.PathLike[str] | str) -> dict[str, Any]:
    """Return docker-registry's setting for ACCOUNT in an htpasswd file."""
    line = subprocess.run(
        ["htpasswd", "-nbB", *ACCOUNT], capture_output=True, text=True, check=True
    ).stdout
    path = f"{os.fspath(folder)}/htpasswd"
    with open(path, "w") as file:
        file.write(line.strip() + "\n")
    return {"htpasswd": {"realm": "lab", "path": path}}


def client(
    host: str,
    account: tuple[str, str] | None = None,
    *,
    folder: str = "/nonexistent",
    **options: Any,
) -> Client:
    """Return a client of a registry on loopback."""
    access = Access(Options(folder, **options), wait=lambda seconds: None)
    who = Account(*account) if account else None
    made = access.client(Endpoint(f"http://{host}", True), who)
    _opened.append(made)
    return made


def wire(endpoint: Endpoint, **options: Any) -> Wire:
    """Return the bare connections to an endpoint."""
    made = Wire(endpoint, "test", **options)
    _opened.append(made)
    return made


def close_all() -> None:
    """Close every client and wire."""
    while _opened:
        _opened.pop().close()
