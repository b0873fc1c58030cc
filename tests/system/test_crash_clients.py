"""Clients and workers are interrupted, killed, or refused by Linux in the middle of a verb (F2, F3, F9)."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbcontainer.errors import EngineError
from nbcontainer.store import gc
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.containers import Containers
from nbcontainer.store.images import Images
from tests.hostwatch import tied_pids
from tests.needs import needs
from tests.running import running
from tests.stores import Store
from tests.system.actor import Actor
from tests.system.aftermath import (
    STRESS,
    Aftermath,
    await_end,
    children,
    foreman_of,
    scaled,
    traced,
    wait_until,
    zygote_of,
)

pytestmark = needs("userns")

SLEEP = ["sleep", "1000"]
# ends when it is asked to, unlike a first process without a handler
OBEYS = ["sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 1000 & wait; done"]
CHANGES = (
    "mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,link,linkat,unlink,unlinkat,rmdir,"
    "fsync,fdatasync,write,sendmsg,sendto,fchownat,lchown,utimensat"
)
GONE_WITHIN_S = 5.0


@pytest.fixture
def aftermath(store: Store) -> Iterator[Aftermath]:
    seen = Aftermath(store)
    yield seen
    seen.tidy()


@pytest.fixture
def tar(store: Store) -> Iterator[str]:
    """The path of a tar with files of all kinds."""
    path = f"{store.folder}/rootfs.tar"
    with tarfile.open(path, "w") as file:
        for number in range(20):
            entry = tarfile.TarInfo(f"dir{number}/file")
            entry.size = 5000
            file.addfile(entry, io.BytesIO(bytes([number]) * 5000))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "dir1/file"
        file.addfile(link)
    yield path
    os.unlink(path)


def assert_sound(store: Store) -> None:
    """See that every blob is what its name says, and that all that is referred to is there."""
    blobs = Blobs(store.layout)
    for digest in blobs.all():
        with blobs.open(digest) as file:
            while file.read(1 << 20):
                pass
    images = Images(store.layout, blobs)
    for image in images.list():
        for descriptor in (image.manifest, *image.layers):
            assert blobs.size(descriptor.digest) == descriptor.size
    containers = Containers(store.layout)
    marked = gc.mark(images, blobs, containers)
    assert marked.layers is not None
    for config, _, _ in containers.list():
        for chain_id in config.layers:
            assert os.path.exists(f"{store.layout.layer(chain_id)}/layer.json")


def seen(store: Store) -> object:
    """Return what a person sees of the store."""
    engine = store.engine()
    images = [(row["Repository"], row["Tag"], row["ID"]) for row in engine.images()]
    rows = [(row["Names"], row["State"]) for row in engine.ps(all=True)]
    volumes = [row["Name"] for row in engine.volume_ls()]
    return images, rows, volumes


def names_of(store: Store) -> list[str]:
    engine = store.engine()
    images = [f"{row['Repository']}:{row['Tag']}" for row in engine.images()]
    return images + [row["Names"] for row in engine.ps(all=True)]


# -- F9


def log(engine: Any, name: str) -> bytes:
    try:
        return b"".join(chunk.data for chunk in engine.logs(name))
    except EngineError:
        return b""


def start_run(store: Store, *command: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "nbcontainer", "run", "--rm", "--name", "it", "toolbox", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=store.environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_ran_in_the_foreground_is_gone_soon_after_its_client(
    store: Store, aftermath: Aftermath, number: signal.Signals
) -> None:
    deaf = "trap '' INT TERM HUP; echo ready; while :; do sleep 1000 & wait; done"
    with start_run(store, "sh", "-c", deaf) as process:
        aftermath.sockets()
        for _ in range(1 if number == signal.SIGKILL else 3):
            process.send_signal(number)
            time.sleep(0.05)
        process.wait(10)
        aftermath.assert_clean(seconds=GONE_WITHIN_S)


def test_a_signal_to_the_client_reaches_the_program_whose_code_comes_back(store: Store) -> None:
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 1000 & wait; done"
    with start_run(store, "sh", "-c", script) as process:
        process.terminate()
        assert process.wait(10) == 7


def test_a_killed_notebook_takes_its_foreground_along_and_nothing_else(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    kept = engine.run("toolbox", SLEEP, detach=True).id
    with Actor(store) as actor:
        actor.begin(f"engine.run('toolbox', {OBEYS!r}, rm=True)")
        wait_until(lambda: len(engine.ps().ids) == 2, "it runs")
        aftermath.sockets()
        actor.process.kill()
    wait_until(lambda: len(engine.ps(all=True).ids) == 1, "it is gone", GONE_WITHIN_S)
    assert engine.exec(kept, ["true"]).exit_code == 0
    engine.rm(kept, force=True)
    aftermath.assert_clean()


def test_an_interrupted_run_ends_its_container_and_a_detached_one_goes_on(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    with Actor(store) as actor:
        actor.begin(f"engine.run('toolbox', {OBEYS!r}, name='it')")
        wait_until(lambda: b"ready" in log(engine, "it"), "it runs")
        os.kill(actor.pid, signal.SIGINT)
        assert actor.answer() == ["interrupted"]
        wait_until(lambda: engine.ps().ids == [], "it ends", GONE_WITHIN_S)
        assert engine.wait("it") == [9]
        actor.ask("engine.run('toolbox', ['sleep', '1000'], name='on', detach=True)")
        assert actor.ask("engine.run_session('toolbox', ['sleep', '1000'], name='let').detach()")
    time.sleep(0.3)
    assert sorted(row["Names"] for row in engine.ps()) == ["let", "on"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_client_that_leaves_in_the_middle_of_file_work_leaves_nothing(
    store: Store, aftermath: Aftermath, number: signal.Signals
) -> None:
    engine = store.engine()
    big = "head -c 40000000 /dev/urandom > /big; for i in $(seq 800); do echo $i > /f$i; done"
    assert engine.run("toolbox", ["sh", "-c", big], name="big").exit_code == 0
    engine.commit("big", "base:1")
    before = seen(store)
    archive = f"{store.folder}/saved.tar"
    engine.save("base:1", output=archive)
    verbs = [
        "engine.commit('big', 'half:1')",
        f"engine.save('base:1', output={store.folder + '/half.tar'!r})",
        f"engine.load({archive!r})",
        f"engine.export('big', {store.folder + '/half.tar'!r})",
        f"engine.import_({archive!r}, 'half:2')",
        "engine.run('base:1', ['true'], rm=True)",
    ]
    for verb in verbs:
        for delay in (0.01, 0.08, 0.2)[: scaled(2, 3)]:
            if "run(" in verb:
                engine.image_prune()
            with Actor(store) as actor:
                actor.begin(verb)
                time.sleep(delay)
                os.kill(actor.pid, number)
                if number == signal.SIGINT:
                    assert actor.answer() is not None
            for leftover in ("half:1", "half:2"):
                try:
                    engine.rmi(leftover)
                except EngineError:
                    continue
            wait_until(lambda: os.listdir(store.layout.tmp) == [], verb, GONE_WITHIN_S)
            assert_sound(store)
    assert seen(store) == before
    for name in ("saved.tar", "half.tar"):
        if os.path.exists(f"{store.folder}/{name}"):
            os.unlink(f"{store.folder}/{name}")


def test_a_worker_whose_client_was_killed_does_not_go_on(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    assert engine.run("toolbox", ["true"], name="it").exit_code == 0
    fifo = f"{store.folder}/fifo"
    os.mkfifo(fifo)
    # it stays open and nobody reads, so that a worker that writes to it waits for ever
    reader = os.open(fifo, os.O_RDWR)
    idle = settled_children(store)
    with Actor(store) as actor:
        actor.begin(f"engine.export('it', open({fifo!r}, 'wb'))")
        wait_until(lambda: len(children(zygote_of(store))) > idle, "the worker is at work")
        actor.process.kill()
    wait_until(lambda: len(children(zygote_of(store))) <= idle, "it ended", GONE_WITHIN_S)
    os.close(reader)
    os.unlink(fifo)


def settled_children(store: Store) -> int:
    """Return how many children an idle zygote has."""
    engine = store.engine()
    engine.host.runtime.job("measure")
    seen = [0, -1]
    while seen[-1] != seen[-2]:
        time.sleep(0.5)
        seen.append(len(children(zygote_of(store))))
    return seen[-1]


@pytest.mark.parametrize("victim", ["client", "zygote"])
def test_a_first_run_killed_at_any_moment_is_followed_by_one_that_works(
    fresh_store: Store, victim: str
) -> None:
    """Nothing is there yet: the image is made, unpacked, the zygote started."""
    store = fresh_store
    chance = random.Random(victim)
    command = [sys.executable, "-m", "nbcontainer", "run", "--rm", "toolbox", "echo", "hello"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    for _ in range(scaled(5, 60)):
        store.quit()
        with running(command, env=store.environment, **quiet) as process:
            time.sleep(chance.uniform(0.05, 0.4))
            if victim == "client":
                process.kill()
            else:
                for pid in set(tied_pids(store.folder)) - {process.pid}:
                    kill_quietly(pid)
            _, said = process.communicate(timeout=30)
        if victim == "zygote":
            assert process.returncode in (0, 125, 137)
            assert b"Traceback" not in said
        done = store.cli("run", "--rm", "toolbox", "echo", "again")
        assert (done.returncode, done.stdout) == (0, b"again\n"), done.stderr
        assert_sound(store)
        engine = store.engine()
        engine.rmi("toolbox", force=True)
        engine.close()
    Aftermath(store).end()


def kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


# -- F2, F3


class Verb:
    """A verb, what must be there for it, and what takes its traces away."""

    def __init__(
        self, expression: str, prepare: Callable[[Any], object], clear: Callable[[Any], object]
    ) -> None:
        self.expression = expression
        self.prepare = prepare
        self.clear = clear


def _nothing(engine: Any) -> None:
    return None


def verbs(store: Store, tar: str) -> dict[str, Verb]:
    archive = f"{store.folder}/image.tar"

    def save(engine: Any) -> None:
        engine.import_(tar, "crash:load")
        engine.save("crash:load", output=archive)
        engine.rmi("crash:load")

    def forget(engine: Any) -> None:
        for each in ("crash:load", "crash:import", "crash:commit"):
            try:
                engine.rmi(each, force=True)
            except EngineError:
                continue

    def changed(engine: Any) -> None:
        engine.run("toolbox", ["sh", "-c", "mkdir /d; echo x > /d/f; rm /bin/vi"], name="changed")

    def remove(name: str) -> Callable[[Any], None]:
        def call(engine: Any) -> None:
            forget(engine)
            if name in [row["Names"] for row in engine.ps(all=True)]:
                engine.rm(name, force=True)

        return call

    return {
        "run": Verb("engine.run('toolbox', ['true'], name='ran')", _nothing, remove("ran")),
        "rm": Verb("engine.rm('changed')", changed, remove("changed")),
        "commit": Verb("engine.commit('changed', 'crash:commit')", changed, remove("changed")),
        "load": Verb(f"engine.load({archive!r})", save, forget),
        "import": Verb(f"engine.import_({tar!r}, 'crash:import')", _nothing, forget),
        "unpack": Verb(
            "engine.create('crash:import', ['/x'], name='made')",
            lambda engine: engine.import_(tar, "crash:import"),
            remove("made"),
        ),
    }


NAMES = ["run", "rm", "commit", "load", "import", "unpack"]


def moments(name: str, who: str, usual: int, reach: int) -> list[int]:
    """Return at which of its system calls to strike."""
    if STRESS:
        return list(range(1, 101))
    return random.Random(f"{name} {who}").sample(range(1, reach), usual)


@needs("strace")
@pytest.mark.parametrize("who", ["client", "worker"])
@pytest.mark.parametrize("name", NAMES)
def test_a_verb_killed_at_its_nth_change_leaves_a_sound_store_and_succeeds_when_repeated(
    store: Store, aftermath: Aftermath, tar: str, name: str, who: str
) -> None:
    verb = verbs(store, tar)[name]
    for when in moments(name, who, 2, 15):
        engine = store.engine()
        verb.prepare(engine)
        with Actor(store) as actor:
            victim = actor.pid if who == "client" else foreman_of(store)
            rules = (f"trace={CHANGES}", f"inject={CHANGES}:signal=SIGKILL:when={when}")
            with traced([victim], *rules):
                answer = actor.ask(verb.expression)
                aftermath.sockets()
            assert answer is None or answer[0] in ("done", "refused"), answer
        assert_sound(store)
        engine = store.engine()
        verb.clear(engine)
        verb.prepare(engine)
        with Actor(store) as actor:
            answer = actor.ask(verb.expression)
            assert answer is not None
            assert answer[0] == "done", answer
        verb.clear(engine)
    aftermath.tidy()


REFUSALS = [("fsync", errno.EIO), ("write", errno.ENOSPC), ("openat", errno.EMFILE)]


@needs("strace")
@pytest.mark.parametrize(
    ("call", "number"), REFUSALS, ids=[f"{c}-{errno.errorcode[n]}" for c, n in REFUSALS]
)
@pytest.mark.parametrize("who", ["client", "worker"])
@pytest.mark.parametrize("name", NAMES)
def test_a_verb_refused_by_linux_says_so_and_is_done_wholly_or_not_at_all(
    store: Store, aftermath: Aftermath, tar: str, name: str, who: str, call: str, number: int
) -> None:
    verb = verbs(store, tar)[name]
    engine = store.engine()
    with Actor(store) as actor:
        # all that it imports is imported, so that only its work is hit
        verb.prepare(engine)
        assert actor.ask(verb.expression) is not None
        after = names_of(store)
        verb.clear(engine)
        for when in moments(f"{name} {call}", who, 1, 8):
            verb.prepare(engine)
            before = seen(store)
            victim = actor.pid if who == "client" else foreman_of(store)
            code = errno.errorcode[number]
            rules = (f"trace={call}", f"inject={call}:error={code}:when={when}")
            with traced([victim], *rules):
                answer = actor.ask(verb.expression)
                aftermath.sockets()
            assert answer is not None
            assert answer[0] in ("done", "refused"), answer
            if answer[0] == "refused" and name != "run":
                # what made it last is refused as well, when all is done
                assert seen(store) == before or names_of(store) == after
            assert_sound(store)
            verb.clear(engine)
    aftermath.tidy()


def test_nothing_was_awaited_in_vain(store: Store) -> None:
    """A session whose shim goes away while it waits is told, never left waiting."""
    engine = store.engine()
    session = engine.run_session("toolbox", SLEEP)
    session.started()
    pid = engine.host.containers.state(session.container_id).shim_pid
    os.kill(pid, signal.SIGKILL)
    await_end(pid)
    with pytest.raises(EngineError):
        session.wait()
