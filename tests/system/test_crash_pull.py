"""Pulls that are killed anywhere, many at once, and a registry that breaks: F1, F4, F6 of the fault table."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import NoSpace, RegistryUnreachable
from nbcontainer.spec.digest import sha256
from nbcontainer.store.blobs import Blobs
from tests.blobs import noise, put_image
from tests.needs import needs
from tests.registries import Ours, client, close_all, ours
from tests.stores import Store
from tests.tars import member, tar

pytestmark = needs("userns")

LAYERS = [
    tar(
        [
            member(f"d{n}", "dir"),
            *(member(f"d{n}/f{i}", data=noise(40_000, f"{n}.{i}")) for i in range(8)),
        ]
    )
    for n in range(5)
]


@pytest.fixture
def registry(tmp_path: os.PathLike[str]) -> Iterator[Ours]:
    with ours(f"{tmp_path}/registry") as found:
        put_image(client(found.host), "me/app", "v1", *LAYERS)
        yield found
    close_all()


def sound(store: Store) -> None:
    """Every blob of the store is what its name says."""
    layout = store.layout
    for digest in Blobs(layout).all():
        with open(layout.blob(digest), "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == digest.hex


def left(store: Store) -> list[str]:
    """Return what a pull left half-made; a worker whose asker is gone has a moment to tidy up."""
    end = time.monotonic() + 5
    while (found := _halves(store)) and time.monotonic() < end:
        threading.Event().wait(0.02)
    return found


def _halves(store: Store) -> list[str]:
    found = []
    for folder in ("tmp", "incoming"):
        path = f"{store.home}/{folder}"
        found += [f"{folder}/{name}" for name in os.listdir(path)] if os.path.isdir(path) else []
    return found


def pulling(store: Store, name: str, *before: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*before, sys.executable, "-m", "nbcontainer", "pull", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=store.environment,
        cwd=store.folder,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.close()
    process.wait(60)


@needs("strace")
@pytest.mark.slow
@pytest.mark.parametrize(
    "call", ["openat", "write", "fsync", "rename", "flock", "ftruncate", "mkdir"]
)
def test_f1_a_pull_killed_at_any_call_leaves_a_sound_store(
    fresh_store: Store, registry: Ours, call: str
) -> None:
    name = f"{registry.host}/me/app:v1"
    engine = fresh_store.engine()
    engine.run("hello-world", rm=True)
    for when in (1, 2, 3, 5, 8, 13, 21, 34):
        inject = f"inject={call}:signal=SIGKILL:when={when}"
        filters = ("-e", f"trace={call}", "-e", inject, "-P", f"{fresh_store.home}/incoming")
        paths = [f"{fresh_store.home}/blobs/sha256", f"{fresh_store.home}/index.json"]
        more = [word for path in paths for word in ("-P", path)]
        strace = ("strace", "-f", "-o", "/dev/null", *filters, *more)
        # without -P every call counts: the interpreter's own are killed, too
        if when > 3:
            strace = ("strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        ended(pulling(fresh_store, name, *strace))
        sound(fresh_store)
        engine.ps()
    assert engine.pull(name)[-1] == name
    sound(fresh_store)
    assert engine.layers(name)["Files"] == 45
    engine.rmi(name)
    engine.image_prune()
    assert left(fresh_store) == []


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["client", "carrier"])
def test_f1_a_pull_killed_at_any_moment_goes_on_where_it_was(
    fresh_store: Store, registry: Ours, victim: str
) -> None:
    name = f"{registry.host}/me/app:v1"
    engine = fresh_store.engine()
    engine.run("hello-world", rm=True)
    for delay_s in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4):
        process = pulling(fresh_store, name)
        deadline = time.monotonic() + delay_s
        while time.monotonic() < deadline:
            pids = carriers(fresh_store)
            if victim == "carrier" and pids:
                break
        time_left = max(0.0, deadline - time.monotonic())
        threading.Event().wait(time_left)
        pids = [process.pid] if victim == "client" else carriers(fresh_store)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        ended(process)
        sound(fresh_store)
    end = time.monotonic() + 5
    while carriers(fresh_store) and time.monotonic() < end:
        threading.Event().wait(0.02)
    assert carriers(fresh_store) == [], "a carrier whose asker was killed goes on"
    assert engine.pull(name)[-1] == name
    received = sum(e["sent"] for e in registry.log() if e["method"] == "GET")
    assert received < 3 * sum(map(len, LAYERS)), "what had arrived was fetched again and again"
    engine.rmi(name)
    engine.image_prune()
    assert left(fresh_store) == []


def carriers(store: Store) -> list[int]:
    """Return the carriers that work on a store: they hold its log open."""
    found = []
    log = f"{store.settings.run}/carrier.log"
    for entry in os.listdir("/proc"):
        try:
            if entry.isdecimal() and os.readlink(f"/proc/{entry}/fd/2") == log:
                found.append(int(entry))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_f4_twenty_pulls_at_once_fetch_each_blob_once(fresh_store: Store, registry: Ours) -> None:
    for number in range(5):
        layers = [
            *LAYERS[: number + 1],
            tar([member(f"own{number}", data=noise(9000, str(number)))]),
        ]
        put_image(client(registry.host), f"me/app{number}", "v1", *layers)
    engine = fresh_store.engine()
    engine.run("hello-world", rm=True)
    before = len(registry.log())
    names = [f"{registry.host}/me/app{number % 5}:v1" for number in range(20)]
    running = [pulling(fresh_store, name) for name in names]
    for process in running:
        said = process.stdout.read().decode()  # type: ignore[union-attr]
        ended(process)
        assert process.returncode == 0, said
    fetched = Counter(
        e["path"].rpartition("/")[2]
        for e in registry.log()[before:]
        if e["method"] == "GET" and "/blobs/" in e["path"]
    )
    layers_fetched = {sha256(layer): fetched[sha256(layer)] for layer in LAYERS}
    assert set(layers_fetched.values()) == {1}
    sound(fresh_store)
    for name in set(names):
        assert engine.layers(name)["Efficiency"] == 1.0
    assert left(fresh_store) == []


def test_f6_a_registry_that_breaks_off_costs_no_more_than_a_tenth(
    engine: Engine, registry: Ours
) -> None:
    """Every third answer of a blob is cut half-way; a proxy in the middle does it."""
    with cutting(registry.host) as (host, counts):
        assert engine.pull(f"{host}/me/app:v1")[-1] == f"{host}/me/app:v1"
    assert counts["cut"] >= 2
    assert counts["bytes"] <= 1.1 * sum(map(len, LAYERS)) + 200_000


def test_f6_a_registry_that_is_gone_is_said_and_what_arrived_stays(
    fresh_store: Store, registry: Ours
) -> None:
    engine = fresh_store.engine()
    with cutting(registry.host, dies=True) as (host, _), pytest.raises(RegistryUnreachable):
        engine.pull(f"{host}/me/app:v1")
    assert not any("me/app" in str(row["Repository"]) for row in engine.images())
    sound(fresh_store)
    assert engine.pull(f"{registry.host}/me/app:v1")
    assert left(fresh_store) == []


@needs("root")
def test_a_full_disk_is_said_and_the_store_is_as_it_was(
    stores_folder: str, tmp_path: os.PathLike[str], registry: Ours
) -> None:
    if not os.path.isdir("/dev/shm"):
        pytest.skip("no tmpfs")
    folder = f"{stores_folder}/small"
    os.mkdir(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", folder], check=True)
    try:
        store = Store.make(f"{folder}/s")
        engine = store.engine()
        with pytest.raises(NoSpace):
            put_image(
                client(registry.host), "me/big", "v1", tar([member("f", data=noise(9_000_000))])
            )
            engine.pull(f"{registry.host}/me/big:v1")
        assert len(engine.images()) == 0
        engine.image_prune()
        assert left(store) == []
        store.quit()
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


class _Cut:
    """Passes requests on, and breaks off blobs."""

    def __init__(self, target: str, dies: bool) -> None:
        import http.client

        self.target, self.dies = target, dies
        self.connect = lambda: http.client.HTTPConnection(target, timeout=20)
        self.counts = {"bytes": 0, "cut": 0, "blobs": 0}
        self.lock = threading.Lock()

    def __call__(self, call):  # type: ignore[no-untyped-def]
        connection = self.connect()
        wanted = {k: v for k, v in call.headers.items() if k in ("accept", "range")}
        connection.request(call.method, call.path, headers=wanted)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        names = ("content-type", "content-range", "docker-content-digest")
        headers = {k: v for k, v in answer.getheaders() if k.lower() in names}
        is_layer = "/blobs/" in call.path and len(data) > 10_000
        if not is_layer:
            length = answer.getheader("Content-Length") or str(len(data))
            return answer.status, {**headers, "Content-Length": length}, data
        with self.lock:
            self.counts["blobs"] += 1
            cuts = self.dies or self.counts["blobs"] % 3 == 1
            self.counts["cut"] += cuts
            stop = len(data) // 2 if cuts else len(data)
            if self.dies and self.counts["blobs"] > 3:
                return None
            self.counts["bytes"] += stop
        return answer.status, {**headers, "Content-Length": str(len(data))}, iter([data[:stop]])


def cutting(target: str, dies: bool = False):  # type: ignore[no-untyped-def]
    import contextlib

    from tests.scripted import scripted

    @contextlib.contextmanager
    def serve():  # type: ignore[no-untyped-def]
        cut = _Cut(target, dies)
        with scripted(cut) as host:
            yield host, cut.counts

    return serve()
