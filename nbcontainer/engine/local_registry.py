"""The registry of one's own: a process beside the store, with a folder of its own and a log.

<home>/registry/              blobs, repositories and uploads; log.jsonl; index.json of the built-in images
<run>/registry.json           who serves, and where; written once it listens

It serves the built-in images as library/*, made when somebody asks for one, and among its own blobs: what
is pulled from it travels, as from any registry.  It ends by `stop`, or when the store is no longer there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from ..builtin import NAMES, ensure
from ..errors import Conflict, HelperGone, InvalidArgument, Unavailable
from ..linux import process, syscalls
from ..registry import server_log
from ..registry.server_storage import Storage, Stored
from ..results import Table, Text
from ..spec.digest import Digest
from ..store.blobs import Blobs
from ..store.files import dump_json, unlink_quietly, write_atomic
from ..store.images import Images
from ..store.layout import Layout
from ..views import registry as view
from .host import Host
from .registries import running
from .transfers import helper_command

_STOP_S = 10.0


class Builtins:
    """The built-in images as a source of the server: library/NAME:latest, kept in the registry's folder."""

    def __init__(self, folder: str, run: str) -> None:
        self._layout = Layout(folder, run)
        self._blobs = Blobs(self._layout)
        self._images = Images(self._layout, self._blobs)
        self._making = threading.Lock()

    def repositories(self) -> list[str]:
        return [f"library/{name}" for name in NAMES]

    def tags(self, name: str) -> list[str]:
        return ["latest"] if self._known(name) else []

    def manifest(self, name: str, reference: str) -> Stored | None:
        if not self._known(name):
            return None
        if reference != "latest" and ":" not in reference:
            return None
        # who asks at the same time waits for the one that is made
        with self._making:
            os.makedirs(self._layout.tmp, exist_ok=True)
            image = ensure(name.removeprefix("library/"), self._blobs, self._images)
        if image is None or reference not in ("latest", image.manifest.digest):
            return None
        data = self._blobs.read(image.manifest.digest)
        return Stored(image.manifest.media_type, image.manifest.digest, data)

    def blob(self, name: str, digest: Digest) -> str | None:
        if not self._known(name):
            return None
        image = self._images.find(name.removeprefix("library/"))
        if image is None:
            return None
        manifest = self._images.manifest(image)
        parts = {manifest.config.digest, *(layer.digest for layer in manifest.layers)}
        return self._layout.blob(digest) if digest in parts else None

    def _known(self, name: str) -> bool:
        return name.startswith("library/") and name.removeprefix("library/") in NAMES


def start(
    host: Host, *, port: int, auth: str, token: bool, readonly: bool, rate_limit: int
) -> Text:
    """Start the registry of this store; one that runs is left alone if it is as was asked.

    Raises: InvalidArgument, Conflict (it runs otherwise), Unavailable (the port is taken).
    """
    user, colon, secret = auth.partition(":")
    if auth and not (user and colon and secret):
        raise InvalidArgument("invalid --auth: an account is user:password")
    if token and not auth:
        raise InvalidArgument("--token needs an account", "Give one with --auth user:password.")
    if not 0 <= port < 65536 or rate_limit < 0:
        raise InvalidArgument(f"invalid port or limit: {port}, {rate_limit}")
    host.open()
    chosen = {"user": user, "token": token, "readonly": readonly, "rate_limit": rate_limit}
    known = running(host.layout)
    if known is not None:
        if {key: known.get(key) for key in chosen} == chosen and port in (0, known["port"]):
            return _said(known)
        raise Conflict(
            f"the registry runs already at 127.0.0.1:{known['port']}, with other choices",
            "`registry stop` ends it.",
        )
    order = {**chosen, "secret": secret, "port": port, "home": host.layout.home}
    return _said(_launch(host, order))


def _said(known: dict[str, Any]) -> Text:
    host = f"127.0.0.1:{known['port']}"
    lines = [f"The registry listens at {host}"]
    if known["user"]:
        lines.append(f"It lets {known['user']} in: login {host}")
    return Text(lines)


def _launch(host: Host, order: dict[str, Any]) -> dict[str, Any]:
    log = os.open(
        f"{host.layout.run}/registry.log",
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
        0o600,
    )
    try:
        child = subprocess.Popen(
            helper_command("nbcontainer.engine.local_registry", "serve"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(host.settings.environ or {}),
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(log)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        # the account comes by a pipe: arguments and environments can be seen by others
        child.stdin.write(json.dumps(order).encode())
        child.stdin.close()
        out = child.stdout.read()
    # it outlives us, and is nobody's child to be reported as lost
    child.returncode = 0
    told = json.loads(out) if out else {"error": "it ended at once"}
    if "error" in told:
        raise Unavailable(
            f"the registry cannot listen at 127.0.0.1:{order['port']}: {told['error']}",
            "Choose another --port.",
        )
    return dict(told)


def stop(host: Host, *, volumes: bool) -> Text:
    """End the registry of this store; with `volumes` remove what it holds.  One that does not run is fine."""
    known = running(host.layout)
    if known is not None:
        process.send_signal(known["pid"], known["start"], known["boot"], signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while running(host.layout) is not None:
            if time.monotonic() > deadline:
                raise HelperGone(f"the registry (process {known['pid']}) does not end")
            time.sleep(0.005)
    unlink_quietly(f"{host.layout.run}/registry.json")
    if volumes:
        shutil.rmtree(_folder(host), ignore_errors=True)
    if known is None:
        return Text(["The registry does not run"])
    return Text([f"Stopped the registry at 127.0.0.1:{known['port']}"])


def log(host: Host, tail: str) -> Table:
    """Return a row for each request, the oldest first."""
    entries, _ = server_log.read(f"{_folder(host)}/log.jsonl")
    rows = [view.log_row(entry) for entry in _last(entries, tail)]
    return Table("request", view.LOG_COLUMNS, rows, min_width=3)


def follow(host: Host, tail: str) -> Iterator[dict[str, Any]]:
    """Yield the last requests, then each as it comes, for as long as somebody looks."""
    path = f"{_folder(host)}/log.jsonl"
    os.makedirs(_folder(host), exist_ok=True)
    watch = syscalls.inotify_init()
    try:
        syscalls.inotify_add_watch(
            watch, _folder(host), syscalls.IN_MODIFY | syscalls.IN_CREATE | syscalls.IN_MOVED_TO
        )
        entries, offset = server_log.read(path)
        yield from _last(entries, tail)
        import select

        poll = select.poll()
        poll.register(watch, select.POLLIN)
        while True:
            poll.poll()
            os.read(watch, 65536)
            entries, offset = server_log.read(path, offset)
            yield from entries
    finally:
        os.close(watch)


def _last(entries: list[dict[str, Any]], tail: str) -> list[dict[str, Any]]:
    if tail in ("", "all"):
        return entries
    if not tail.isdecimal():
        raise InvalidArgument(f'invalid --tail: "{tail}" is no number')
    return entries[-int(tail) :] if int(tail) else []


def ls(host: Host) -> Table:
    """Return a row for each tag that the registry holds, the built-in images among them."""
    storage, source = Storage(_folder(host)), Builtins(_folder(host), host.layout.run)
    rows = []
    for name in sorted({*storage.repositories(), *source.repositories()}):
        for tag in sorted({*storage.tags(name), *source.tags(name)}):
            rows.append({"Repository": name, "Tag": tag, "Name": f"{name}:{tag}"})
    return Table("repository", view.LS_COLUMNS, rows)


def _folder(host: Host) -> str:
    return f"{host.layout.home}/registry"


# in the process that serves


def serve() -> None:
    """Serve as the order on stdin says, telling on stdout once it listens."""
    from ..registry.server import Limit, Parts, Rules, Server
    from ..registry.server_auth import Guard
    from ..settings import Settings

    order = json.load(sys.stdin.buffer)
    host = Host(Settings.load(home=order["home"]))
    account = (order["user"], order["secret"]) if order["user"] else None
    rules = Rules(readonly=order["readonly"], rate_limit=order["rate_limit"])
    folder = _folder(host)
    # what a killed one left half made; at most one registry serves a folder
    shutil.rmtree(f"{folder}/tmp", ignore_errors=True)
    parts = Parts(
        Storage(folder),
        Guard(account, tokens=order["token"]),
        rules,
        server_log.Log(f"{folder}/log.jsonl"),
        Limit(rules),
        Builtins(folder, host.layout.run),
    )
    try:
        server = Server(parts, order["port"])
    except OSError as error:
        os.write(1, json.dumps({"error": (error.strerror or str(error)).lower()}).encode())
        return
    about = {
        "pid": os.getpid(),
        "start": process.start_time(os.getpid()),
        "boot": process.boot_id(),
        "port": server.server_port,
        **{key: order[key] for key in ("user", "token", "readonly", "rate_limit")},
    }
    path = f"{host.layout.run}/registry.json"
    write_atomic(path, dump_json(about))
    os.write(1, json.dumps(about).encode())
    os.close(1)
    _until_told(server, path)


def _until_told(server: Any, path: str) -> None:
    """Serve until a signal asks for the end, or the store is gone."""
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: end.set())
    threading.Thread(target=server.serve_forever, args=(0.5,), daemon=True).start()
    while not end.wait(1.0) and os.path.exists(path):
        pass
    unlink_quietly(path)
