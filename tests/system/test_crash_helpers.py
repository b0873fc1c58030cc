"""Zygote, shims and waiting shims are killed, or of another nbcontainer; containers go on (F7, F8)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from nbcontainer.errors import EngineError, HelperGone, StateUnreadable
from nbcontainer.linux import process
from nbcontainer.net.nat import prefix
from nbcontainer.runtime.edition import edition
from nbcontainer.runtime.networks import store_key
from nbcontainer.store.files import read_json
from nbcontainer.store.layout import STORE_VERSION
from tests.needs import needs
from tests.running import running
from tests.stores import Store
from tests.system.aftermath import (
    Aftermath,
    await_end,
    children,
    foreman_of,
    limit_of,
    scaled,
    wait_until,
)

pytestmark = needs("userns")

RUNNING = 20
SLEEP = ["sleep", "1000"]
COUNTING = "i=0; while test ! -e /stop; do echo line $i; i=$((i+1)); usleep 3000; done; exit $CODE"


@pytest.fixture
def aftermath(store: Store) -> Iterator[Aftermath]:
    seen = Aftermath(store)
    yield seen
    seen.tidy()


def test_twenty_live_on_without_zygote_and_notebook_and_lose_no_line(
    store: Store, aftermath: Aftermath
) -> None:
    notebook = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
            from nbcontainer import Engine
            engine = Engine()
            for number in range({RUNNING}):
                engine.run("toolbox", ["sh", "-c", {COUNTING!r}], detach=True, name=f"c{{number}}",
                           env=[f"CODE={{number}}"])
            echo = engine.run("toolbox", ["cat"], detach=True, name="cat", interactive=True)
            print("started", flush=True)
            import threading; threading.Event().wait()
        """),
        ],
        stdout=subprocess.PIPE,
        env=store.environment,
    )
    names = [f"c{number}" for number in range(RUNNING)]
    with notebook:
        assert notebook.stdout is not None
        assert notebook.stdout.readline() == b"started\n"
        zygote = foreman_of(store)
        os.kill(zygote, signal.SIGKILL)
        notebook.kill()
        await_end(zygote)
    engine = store.engine()
    assert len(engine.ps().ids) == RUNNING + 1
    joined = engine.attach("cat")
    joined.write(b"still here\n")
    chunk = joined.read(timeout=10)
    assert chunk is not None
    assert chunk.data == b"still here\n"
    joined.detach()
    engine.stop("cat", time=0)
    for name in names:
        # the first process may be faster to end than touch
        assert engine.exec(name, ["touch", "/stop"]).exit_code in (0, 137)
    assert engine.wait(*names) == list(range(RUNNING))
    for name in names:
        text = b"".join(chunk.data for chunk in engine.logs(name)).decode()
        lines = text.splitlines()
        assert lines == [f"line {number}" for number in range(len(lines))]
        assert len(lines) > 3
    engine.rm("cat", *names)
    aftermath.assert_clean()


def test_a_killed_shim_is_noticed_and_its_container_cleaned_up_by_itself(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    kept = engine.run("toolbox", SLEEP, detach=True, **limit_of(engine)).id
    gone = engine.run("toolbox", SLEEP, detach=True, rm=True, volume=["/anonymous"]).id
    other = engine.run("toolbox", SLEEP, detach=True).id
    aftermath.sockets()
    states = {each: engine.host.containers.state(each) for each in (kept, gone, other)}
    for each in (kept, gone):
        os.kill(states[each].shim_pid, signal.SIGKILL)
    for each in (kept, gone):
        await_end(states[each].pid)
    # without any command
    path = store.layout.container(kept, "state.json")
    wait_until(lambda: read_json(path).get("exit_code") == 137, "the end is written down")
    wait_until(lambda: not os.path.exists(store.layout.container(gone)), "--rm is kept")
    wait_until(lambda: os.listdir(store.layout.volumes) == [], "its volume went along")
    wait_until(
        lambda: (
            [each for each in aftermath.left((kept, other)) if not each.startswith("lock")] == []
        ),
        "nothing is left",
    )
    assert engine.exec(other, ["true"]).exit_code == 0
    inspected = engine.inspect(kept)[0]["State"]
    assert (inspected["Status"], inspected["ExitCode"]) == ("exited", 137)
    dies = [e for e in engine.host.events.read() if e.action == "die" and e.id in (kept, gone)]
    assert {e.id for e in dies} == {kept, gone}
    engine.start(kept)
    assert engine.exec(kept, ["true"]).exit_code == 0


def test_a_shim_killed_while_nobody_looks_is_mended_by_whoever_comes(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    flags: dict[str, Any] = {"detach": True}
    frozen = engine.run("toolbox", SLEEP, **flags).id
    removed = engine.run("toolbox", SLEEP, rm=True, **flags).id
    waited = engine.run("toolbox", SLEEP, **flags).id
    has_freezer = engine.host.features.cgroup.parent("freezer") is not None
    if has_freezer:
        engine.pause(frozen)
    aftermath.sockets()
    pids = []
    store.quit()
    for each in (frozen, removed, waited):
        state = engine.host.containers.state(each)
        os.kill(state.shim_pid, signal.SIGKILL)
        await_end(state.shim_pid)
        pids.append(state.pid)
    engine = store.engine()
    rows = {row["ID"]: row["State"] for row in engine.ps(all=True, no_trunc=True)}
    assert rows == {frozen: "exited", waited: "exited"}
    for pid in pids:
        await_end(pid)
    assert engine.wait(waited) == [137]
    with pytest.raises(EngineError, match="is not running"):
        engine.exec(waited, ["true"])
    engine.rm(frozen, waited)
    aftermath.assert_clean()


def test_a_pid_that_is_used_again_after_a_crash_is_nobodys_to_kill(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    name = engine.run("toolbox", SLEEP, detach=True).id
    store.quit()
    found = engine.host.containers.state(name)
    os.kill(found.shim_pid, signal.SIGKILL)
    await_end(found.shim_pid)
    await_end(found.pid)
    # as it were if the program's number, and its shim's, had come to mean somebody else's process
    with running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        path = store.layout.container(name, "state.json")
        record = read_json(path)
        space = found.sandbox.split(".")[2]
        sandbox = f"{other.pid}.{found.shim_start:x}.{space}"
        pids = {"pid": other.pid, "shim_pid": other.pid, "sandbox": sandbox}
        with open(path, "w") as file:
            json.dump({**record, **pids}, file)
        engine = store.engine()
        assert engine.wait(name) == [137]
        engine.start(name)
        engine.kill(name)
        engine.rm(name, force=True)
        assert other.poll() is None
        other.kill()
    aftermath.tidy()


def test_the_pool_fills_again_whoever_of_it_was_killed(store: Store, aftermath: Aftermath) -> None:
    engine = store.engine()
    engine.host.runtime.job("measure")
    for number in range(scaled(4, 40)):
        aftermath.wake()
        shims = aftermath.await_pool()
        inits = [child for shim in shims for child in children(shim)]
        assert len(inits) == 2
        victims = [shims, inits, [shims[0], inits[1]], shims[:1]][number % 4]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        for pid in set(victims) & set(inits):
            # one that is taken while it dies is a container whose program was killed
            await_end(pid)
        # what is asked for meanwhile is done all the same
        assert engine.run("toolbox", ["echo", "x"], rm=True).stdout == b"x\n"
        for pid in victims:
            await_end(pid)
    aftermath.await_pool()
    aftermath.assert_clean()


def test_the_pool_ends_with_a_killed_zygote(store: Store, aftermath: Aftermath) -> None:
    aftermath.wake()
    shims = aftermath.await_pool()
    os.kill(foreman_of(store), signal.SIGKILL)
    for pid in shims:
        await_end(pid)
    aftermath.assert_clean()


def test_a_terminated_foreman_leaves_nothing_of_what_waited(fresh_store: Store) -> None:
    engine = fresh_store.engine()
    assert engine.run("toolbox", ["true"], rm=True).exit_code == 0
    key = prefix(store_key(fresh_store.layout.home))
    pid = foreman_of(fresh_store)
    helpers = children(pid)
    os.kill(pid, signal.SIGTERM)
    for each in (pid, *helpers):
        await_end(each)
    wait_until(
        lambda: not any(name.startswith(key) for name in os.listdir("/sys/class/net")),
        "the bridge goes with those who waited",
    )
    assert engine.run("toolbox", ["echo", "on"], rm=True).stdout == b"on\n"


def test_a_request_that_a_killed_zygote_did_not_read_reaches_the_next(store: Store) -> None:
    engine = store.engine()
    assert engine.run("toolbox", ["true"], rm=True).exit_code == 0
    zygote = foreman_of(store)
    os.kill(zygote, signal.SIGSTOP)
    session = engine.run_session("toolbox", ["echo", "hello"], rm=True)
    os.kill(zygote, signal.SIGKILL)
    chunk = session.read(timeout=20)
    assert chunk is not None
    assert chunk.data == b"hello\n"
    assert session.wait() == 0


def test_two_zygotes_are_never_started_by_many_who_come_at_once(store: Store) -> None:
    store.quit()
    log = f"{store.layout.run}/helpers.log"
    before = os.path.getsize(log)
    asking = [
        subprocess.Popen(
            [sys.executable, "-m", "nbcontainer", "run", "--rm", "toolbox", "echo", str(number)],
            stdout=subprocess.PIPE,
            env=store.environment,
        )
        for number in range(6)
    ]
    for number, each in enumerate(asking):
        assert each.communicate(timeout=60)[0] == f"{number}\n".encode()
        assert each.returncode == 0
    with open(log) as file:
        file.seek(before)
        assert file.read() == ""


def test_a_zygote_of_another_edition_is_replaced_and_its_containers_go_on(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["cat"], detach=True, interactive=True).id
    before = foreman_of(store)
    record = read_json(store.layout.features)
    assert record["edition"] == edition(store.layout.home)
    for other in ("0.0.1+00000000", None):
        # as an older or newer nbcontainer would have written it
        changed = {**record, "edition": other, "a_field_of_the_future": 1}
        with open(store.layout.features, "w") as file:
            json.dump(changed, file)
        engine = store.engine()
        assert engine.run("toolbox", ["echo", "x"], rm=True).stdout == b"x\n"
        await_end(before)
        now = foreman_of(store)
        assert now != before
        before = now
        assert read_json(store.layout.features)["edition"] == edition(store.layout.home)
    assert engine.exec(name, ["true"]).exit_code == 0
    assert engine.top(name).rows
    engine.stop(name, time=0)
    assert engine.wait(name) == [137]


def test_a_zygote_that_does_not_answer_is_replaced_where_it_must_go(store: Store) -> None:
    engine = store.engine()
    assert engine.host.features.linux
    zygote = foreman_of(store)
    os.kill(zygote, signal.SIGSTOP)
    store.quit()
    await_end(zygote)
    assert store.engine().run("toolbox", ["true"], rm=True).exit_code == 0


def test_a_store_of_a_newer_format_is_refused_in_words_and_an_older_one_opens(
    fresh_store: Store,
) -> None:
    engine = fresh_store.engine()
    name = engine.run("toolbox", ["true"], name="old").container
    fresh_store.quit()
    version = fresh_store.layout.version
    with open(version, "w") as file:
        file.write(f"{STORE_VERSION + 1}\n")
    words = f"has format {STORE_VERSION + 1}, and this nbcontainer reads up to {STORE_VERSION}"
    with pytest.raises(StateUnreadable, match=words):
        fresh_store.engine().ps()
    done = fresh_store.cli("ps")
    assert done.returncode == 1
    assert words.encode() in done.stderr
    with open(version) as file:
        assert file.read() == f"{STORE_VERSION + 1}\n"
    with open(version, "w") as file:
        file.write("1\n")
    # a container that an older nbcontainer wrote: fields that are new since are missing
    path = fresh_store.layout.container(name, "state.json")
    record = read_json(path)
    record.pop("restart_count", None)
    with open(path, "w") as file:
        json.dump({**record, "a_field_of_the_future": True}, file)
    engine = fresh_store.engine()
    assert [row["Names"] for row in engine.ps(all=True)] == ["old"]
    engine.start("old")
    assert engine.wait("old") == [0]


def test_a_killed_helper_is_told_to_who_was_attached(store: Store) -> None:
    engine = store.engine()
    session = engine.run_session("toolbox", SLEEP)
    session.started()
    state = engine.host.containers.state(session.container_id)
    assert process.is_same_process(state.pid, state.pid_start, state.boot_id)
    os.kill(state.shim_pid, signal.SIGKILL)
    with pytest.raises(HelperGone, match="shim was killed"):
        session.wait()
