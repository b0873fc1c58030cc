"""One store under many processes (F12), and on a disk that is full (F15)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

from nbcontainer.errors import NoSpace
from nbcontainer.linux import syscalls
from tests.needs import needs
from tests.stores import Store
from tests.system.aftermath import Aftermath, await_end, scaled, wait_until

pytestmark = needs("userns")

PROCESSES = 8
SECONDS = scaled(8, 60)
SLOWEST_S = 15.0
SLEEP = ["sleep", "1000"]

WORKER = """
    import json, sys, time
    from nbcontainer import Engine
    from nbcontainer.errors import EngineError

    number, seconds = int(sys.argv[1]), float(sys.argv[2])
    engine = Engine()
    kept, slowest, turn = [], 0.0, 0
    end = time.monotonic() + seconds

    def timed(call, *args, **named):
        global slowest
        begin = time.monotonic()
        try:
            return call(*args, **named)
        finally:
            slowest = max(slowest, time.monotonic() - begin)

    while time.monotonic() < end or turn == 0:
        turn += 1
        name = f"w{number}-{turn}"
        image = f"w{number}:{turn}"
        label = [f"worker={number}"]
        script = f"echo {name} > /file; head -c 3000 /dev/urandom > /random"
        assert timed(engine.run, "toolbox", ["sh", "-c", script], name=name, label=label).exit_code == 0
        timed(engine.commit, name, image)
        done = timed(engine.run, image, ["cat", "/file"], rm=True)
        assert done.stdout.decode() == name + "\\\\n", done
        on = timed(engine.run, image, ["sleep", "1000"], detach=True, volume=[f"{name}:/data"])
        assert timed(engine.exec, on.id, ["sh", "-c", "cat /file > /data/x; cat /data/x"]).exit_code == 0
        timed(engine.rm, on.id, force=True)
        if turn % 3 == 0:
            kept.append(turn)
        else:
            timed(engine.rm, name)
            timed(engine.rmi, image)
            timed(engine.volume_rm, name)
        if number < 2:
            timed(engine.image_prune)
            timed(engine.container_prune, filter=[f"label=worker={number}", "until=1h"])
        assert timed(engine.ps, all=True).ids is not None
    print(json.dumps([kept, slowest, turn]))
"""


def test_eight_processes_that_run_commit_and_remove_lose_nothing(fresh_store: Store) -> None:
    store = fresh_store
    engine = store.engine()
    engine.run("toolbox", ["true"], rm=True)
    program = textwrap.dedent(WORKER).replace("\\\\n", "\\n")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(number), str(SECONDS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=store.environment,
        )
        for number in range(PROCESSES)
    ]
    kept: list[str] = []
    told = [worker.communicate(timeout=SECONDS + 120) for worker in workers]
    turns_made = 0
    for number, (worker, (out, err)) in enumerate(zip(workers, told, strict=True)):
        assert worker.returncode == 0, err.decode()[-2000:]
        turns, slowest, count = json.loads(out)
        assert slowest < SLOWEST_S
        turns_made += count
        kept += [f"w{number}-{turn}" for turn in turns]
    assert turns_made > PROCESSES
    rows = engine.ps(all=True)
    assert sorted(row["Names"] for row in rows) == sorted(kept)
    named = {f"{row['Repository']}:{row['Tag']}" for row in engine.images()}
    assert named == {"toolbox:latest"} | {name.replace("-", ":") for name in kept}
    assert sorted(row["Name"] for row in engine.volume_ls()) == sorted(kept)
    for name in kept:
        done = engine.run(
            name.replace("-", ":"), ["cat", "/file"], rm=True, volume=[f"{name}:/data"]
        )
        assert done.stdout.decode() == f"{name}\n"
    aftermath = Aftermath(store)
    ids = [engine.host.containers.resolve(name) for name in kept]
    aftermath.assert_clean(*ids)
    if kept:
        engine.rm(*kept)
        engine.rmi(*[name.replace("-", ":") for name in kept])
    aftermath.end()


@pytest.fixture
def small(stores_folder: str) -> Iterator[Store]:
    """A store on a small disk of its own, with the toolbox in it."""
    store = Store.make(f"{stores_folder}/small")
    os.makedirs(store.home)
    syscalls.mount("tmpfs", store.home, "tmpfs", 0, "size=24m")
    try:
        engine = store.engine()
        if engine.host.features.snapshotter != "overlay":
            pytest.skip("no overlay on a tmpfs here")
        engine.run("toolbox", ["true"], rm=True)
        yield store
        store.clear(engine)
    finally:
        store.quit()
        syscalls.umount2(store.home, syscalls.MNT_DETACH)
        os.rmdir(store.home)


class Filler:
    """Takes all the space that there is, to the last page."""

    def __init__(self, store: Store) -> None:
        self.path = f"{store.home}/filler"

    def fill(self) -> None:
        with open(self.path, "ab", buffering=0) as file:
            size = 1 << 20
            while size >= 1:
                try:
                    file.write(b"x" * size)
                except OSError:
                    size //= 2

    def free(self) -> None:
        os.unlink(self.path)


@needs("root")
def test_a_full_disk_refuses_in_words_and_lets_what_frees_it_work(small: Store) -> None:
    engine = small.engine()
    aftermath = Aftermath(small)
    names = ["one", "two", "three", "four"]
    for name in names:
        engine.run("toolbox", SLEEP, detach=True, name=name, label=["kind=old"])
    engine.run("toolbox", SLEEP, detach=True, name="gone", rm=True)
    writer = "while test ! -e /stop; do echo line; usleep 1000; done; exit 3"
    talker = engine.run("toolbox", ["sh", "-c", writer], detach=True, name="talker").id
    wait_until(lambda: len(list(engine.logs("talker"))) > 10, "it talks")
    coded = "trap 'exit 5' USR1; echo ready; while :; do sleep 1000 & wait; done"
    engine.run("toolbox", ["sh", "-c", coded], detach=True, name="coded")
    wait_until(lambda: list(engine.logs("coded")), "the trap is set")
    tar = f"{small.folder}/x.tar"
    with open(tar, "wb") as file:
        engine.export("one", file)
    filler = Filler(small)
    filler.fill()
    refused: list[Callable[[], object]] = [
        lambda: engine.run("toolbox", ["true"], name="new"),
        lambda: engine.create("toolbox", ["true"], name="new", volume=["/anonymous"]),
        lambda: engine.commit("one", "new:1"),
        lambda: engine.import_(tar, "new:1"),
        lambda: engine.volume_create("new", label=[f"k={'v' * 4000}"]),
    ]
    for attempt in refused:
        filler.fill()
        with pytest.raises(NoSpace, match="no space left on device"):
            attempt()
    # what only looks, and what frees, works throughout: also from a new process and a new zygote
    small.quit()
    engine = small.engine()
    assert sorted(row["Names"] for row in engine.ps()) == sorted(
        [*names, "coded", "gone", "talker"]
    )
    assert small.cli("ps", "-q").stdout.count(b"\n") == 7
    assert [row["Repository"] for row in engine.images()] == ["toolbox"]
    assert engine.inspect("one")[0]["State"]["Running"]
    assert list(engine.logs("talker"))
    assert engine.exec("one", ["true"]).exit_code == 0
    filler.fill()
    engine.stop("one", time=0)
    filler.fill()
    engine.kill("two")
    assert engine.wait("one", "two") == [137, 137]
    filler.fill()
    pid = engine.host.state(engine.host.containers.resolve("coded")).shim_pid
    engine.kill("coded", signal="USR1")
    await_end(pid)
    assert engine.wait("coded") == [5]
    filler.fill()
    engine.rm("coded")
    filler.fill()
    engine.stop("gone", time=0)
    filler.fill()
    engine.rm("three", force=True)
    filler.fill()
    engine.rm("one", "two")
    filler.fill()
    done = small.cli("rm", "-f", "four")
    assert (done.returncode, done.stdout) == (0, b"four\n")
    # the program that talks has not suffered, but what it said meanwhile may be lost
    assert [row["Names"] for row in engine.ps(all=True)] == ["talker"]
    filler.free()
    engine.exec("talker", ["touch", "/stop"])
    assert engine.wait(talker) == [3]
    done = engine.run("toolbox", ["echo", "again"], rm=True)
    assert done.stdout == b"again\n"
    engine.commit("talker", "now:1")
    engine.rm("talker")
    engine.rmi("now:1")
    aftermath.tidy()
