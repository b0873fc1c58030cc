"""File work is done by workers of the zygote's: one waits once there was a job, and goes with the zygote."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import EngineError
from tests.needs import needs
from tests.stores import Store

pytestmark = needs("userns")


def zygote_children(store: Store) -> set[int]:
    """The processes whose parent is the store's zygote."""
    found = set()
    zygotes = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                command = Path(f"/proc/{entry}/cmdline").read_bytes()
                stat = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if store.home.encode() in command:
                found.add((int(entry), int(stat[1])))
                zygotes.add(int(entry))
    return {pid for pid, parent in found if parent in zygotes}


def await_that(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.01)


def test_many_jobs_at_once_are_all_answered(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["touch", "/x"], name="made")
    answers: list[int] = []

    def ask() -> None:
        for _ in range(5):
            answers.append(len(engine.diff("made")))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [1] * 30


def test_a_killed_waiting_worker_costs_nobody_a_job(
    fresh_engine: Engine, fresh_store: Store
) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["touch", "/x"], name="made")
    for _ in range(5):
        before = zygote_children(fresh_store)
        assert len(engine.diff("made")) == 1
        # whoever waits since then; nobody, if the one before still does
        end = time.monotonic() + 1.0
        while not (waiting := zygote_children(fresh_store) - before) and time.monotonic() < end:
            threading.Event().wait(0.01)
        for pid in waiting:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        await_that(lambda waiting=waiting: not waiting & zygote_children(fresh_store))
    assert len(engine.diff("made")) == 1


def test_what_a_worker_refuses_arrives_as_its_error(fresh_engine: Engine) -> None:
    fresh_engine.images()
    runtime = fresh_engine.host.runtime
    for _ in range(3):
        with pytest.raises(EngineError, match="no such job: nonsense"):
            runtime.job("nonsense")
        with pytest.raises(EngineError, match="only entries of tmp/ can be removed"):
            runtime.job("remove_tree", names=["../x"])


def test_the_waiting_worker_goes_with_the_zygote(fresh_engine: Engine, fresh_store: Store) -> None:
    fresh_engine.create("toolbox", name="made")
    fresh_engine.diff("made")
    children = zygote_children(fresh_store)
    assert children
    fresh_store.quit()
    await_that(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children))


def test_a_layer_goes_to_the_disk_after_the_answer(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["true"], rm=True)
    layers = Path(engine.host.layout.layers)
    assert os.listdir(layers)
    await_that(lambda: not [*layers.glob("*/unsynced")], 60)


def test_a_container_is_started_over_a_layer_that_a_power_cut_damaged(fresh_store: Store) -> None:
    engine = fresh_store.engine()
    engine.run("toolbox", ["cat", "/etc/passwd"], name="kept")
    before = b"".join(part.data for part in engine.logs("kept"))
    layers = Path(fresh_store.layout.layers)
    await_that(lambda: not [*layers.glob("*/unsynced")], 60)
    for file in layers.glob("*/fs/etc/passwd"):
        file.write_bytes(b"")
        (file.parents[2] / "unsynced").symlink_to("an earlier boot")
    fresh_store.quit()
    again = fresh_store.engine()
    again.start("kept")
    again.wait("kept")
    assert b"".join(part.data for part in again.logs("kept")) == 2 * before
