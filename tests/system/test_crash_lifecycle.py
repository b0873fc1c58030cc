"""Restart policies, health checks, stop timeouts, --rm; and verbs that race with each other."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import ContainerNotFound, EngineError, WrongStatus
from nbcontainer.spec.lifecycle import State
from nbcontainer.store.files import is_held
from tests.needs import needs
from tests.stores import Store
from tests.system.actor import Actor
from tests.system.aftermath import (
    Aftermath,
    await_end,
    children,
    scaled,
    traced,
    wait_until,
)

pytestmark = needs("userns")

SLEEP = ["sleep", "1000"]
# counts its starts in a file of its own, and ends with that number as its code
COUNT = "echo x >> /starts; exit $(wc -l < /starts)"
DEAF = "trap '' TERM; echo ready; while :; do sleep 1000 & wait; done"


@pytest.fixture
def aftermath(store: Store) -> Iterator[Aftermath]:
    seen = Aftermath(store)
    yield seen
    seen.tidy()


def state(engine: Any, name: str) -> State:
    found: State = engine.host.state(engine.host.containers.resolve(name))
    return found


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make the calls from threads of their own; return values and errors in order."""
    answers: list[object] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def work(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = calls[number]()
        except EngineError as error:
            answers[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return answers


# -- policies


def test_on_failure_counts_its_attempts_and_gives_up(store: Store, aftermath: Aftermath) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["sh", "-c", COUNT], detach=True, restart="on-failure:2").id
    wait_until(lambda: state(engine, name).exit_code == 3, "the third and last end")
    engine.wait(name)
    found = state(engine, name)
    assert (found.status.value, found.restart_count) == ("exited", 2)
    assert engine.inspect(name)[0]["RestartCount"] == 2


def test_on_failure_leaves_a_success_alone(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["true"], detach=True, restart="on-failure").id
    assert engine.wait(name) == [0]
    assert state(engine, name).restart_count == 0


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_always_starts_again_later_and_later_until_it_is_stopped(
    store: Store, aftermath: Aftermath, policy: str
) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["sh", "-c", COUNT], detach=True, restart=policy).id
    wait_until(lambda: state(engine, name).restart_count >= 2, "two restarts")
    wait_until(lambda: state(engine, name).status.value == "restarting", "it waits")
    assert "Restarting" in engine.ps(all=True)[0]["Status"]
    aftermath.sockets()
    # as in Docker the waits double: 0.1 s, 0.2 s, 0.4 s …
    moments = [e.time_ns for e in engine.host.events.read() if e.id == name and e.action == "start"]
    gaps = [(b - a) / 1e9 for a, b in itertools.pairwise(moments)]
    assert gaps[0] >= 0.1
    assert gaps[1] >= 0.2
    engine.stop(name)
    found = state(engine, name)
    assert (found.status.value, found.stopped_by_user) == ("exited", True)
    starts = found.restart_count
    engine.start(name)
    wait_until(lambda: state(engine, name).restart_count > 0, "the policy holds after a new start")
    assert starts >= 2
    engine.rm(name, force=True)
    aftermath.assert_clean()


def test_a_program_that_can_no_longer_start_ends_the_restarts(store: Store, tmp_path: Path) -> None:
    engine = store.engine()
    shared = tmp_path / "shared"
    shared.mkdir()
    flags: dict[str, Any] = {"detach": True, "restart": "always", "volume": [f"{shared}:/shared"]}
    name = engine.run("toolbox", ["sh", "-c", "exit 1"], **flags).id
    wait_until(lambda: state(engine, name).restart_count >= 1, "a restart")
    shared.rmdir()
    wait_until(lambda: state(engine, name).status.value == "exited", "it gives up")
    found = state(engine, name)
    assert found.exit_code == 128
    assert "bind source path does not exist" in found.error
    shared.mkdir()
    engine.start(name)
    engine.rm(name, force=True)


def test_kill_ends_one_that_restarts_for_good_only_by_stop(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", SLEEP, detach=True, restart="always").id
    first = state(engine, name).pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: state(engine, name).pid not in (0, first), "it runs again")
    engine.stop(name, time=0)
    assert state(engine, name).status.value == "exited"


def test_a_restart_policy_outlives_zygote_and_notebook(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["sh", "-c", COUNT], detach=True, restart="on-failure:3").id
    store.quit()
    engine = store.engine()
    wait_until(lambda: engine.wait(name) == [4], "all attempts were made")


# -- health


def test_a_health_check_goes_on_without_a_notebook_and_turns(store: Store) -> None:
    engine = store.engine()
    name = engine.run(
        "toolbox",
        SLEEP,
        detach=True,
        health_cmd="test -e /well",
        health_interval="50ms",
        health_retries=2,
        health_timeout="5s",
    ).id

    def health() -> str:
        found = state(engine, name).health
        return found.status if found is not None else ""

    assert health() == "starting"
    store.quit()
    wait_until(lambda: health() == "unhealthy", "two failures")
    engine = store.engine()
    assert "(unhealthy)" in engine.ps()[0]["Status"]
    engine.exec(name, ["touch", "/well"])
    wait_until(lambda: health() == "healthy", "a success")

    def turns() -> list[str]:
        found = [e.action for e in engine.host.events.read() if e.id == name]
        return [action for action in found if action.startswith("health_status")]

    # the state is written first, then the event
    wait_until(lambda: len(turns()) == 2, "both turns are told")
    assert turns() == ["health_status: unhealthy", "health_status: healthy"]
    log = engine.inspect(name)[0]["State"]["Health"]["Log"]
    assert 1 <= len(log) <= 5
    engine.rm(name, force=True)


def test_a_health_check_that_hangs_is_killed_and_counts_as_failed(store: Store) -> None:
    engine = store.engine()
    name = engine.run(
        "toolbox",
        SLEEP,
        detach=True,
        health_cmd="echo begun; exec sleep 1000",
        health_interval="20ms",
        health_timeout="100ms",
        health_retries=2,
    ).id
    wait_until(
        lambda: getattr(state(engine, name).health, "status", "") == "unhealthy", "it failed"
    )
    health = state(engine, name).health
    assert health is not None
    assert "exceeded timeout" in health.log[-1]["Output"]
    wait_until(lambda: len(engine.top(name).rows) <= 2, "the hanging probes are gone")
    engine.rm(name, force=True)


# -- stopping


def test_stop_waits_its_time_and_then_kills(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["sh", "-c", DEAF], detach=True, stop_timeout=1).id
    began = time.monotonic()
    engine.stop(name)
    assert 1 <= time.monotonic() - began < 5
    assert engine.wait(name) == [137]
    engine.start(name)
    began = time.monotonic()
    engine.stop(name, time=0)
    assert time.monotonic() - began < 1


def test_stop_sends_the_signal_that_was_asked_for(store: Store) -> None:
    engine = store.engine()
    script = "trap 'exit 7' USR1; echo ready; while :; do sleep 1000 & wait; done"
    for flags, given in (({"stop_signal": "USR1"}, ""), ({}, "USR1")):
        name = engine.run("toolbox", ["sh", "-c", script], detach=True, **flags).id
        wait_until(lambda n=name: list(engine.logs(n)), "the trap is set")  # type: ignore[misc]
        engine.stop(name, signal=given)
        assert engine.wait(name) == [7]


def test_the_shortest_patience_of_several_stops_counts_and_no_timer_hits_the_next_run(
    store: Store,
) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["sh", "-c", DEAF], detach=True).id
    began = time.monotonic()
    at_once(lambda: engine.stop(name, time=60), lambda: store.engine().stop(name, time=1))
    assert time.monotonic() - began < 10
    engine.run("toolbox", ["sh", "-c", DEAF], detach=True, name="later")
    slow = threading.Thread(target=lambda: store.engine().stop("later", time=1))
    slow.start()
    time.sleep(0.3)
    # killed and started anew before the timer of that stop is due: which must not hit the new run
    engine.restart("later", time=0)
    slow.join()
    first = state(engine, "later").pid
    time.sleep(1.2)
    found = state(engine, "later")
    assert (found.status.value, found.pid) == ("running", first)


@needs("freezer")
def test_a_frozen_container_can_be_killed_stopped_and_removed(store: Store) -> None:
    engine = store.engine()
    for number, end in enumerate(
        (
            lambda n: engine.kill(n),
            lambda n: engine.stop(n, time=1),
            lambda n: engine.rm(n, force=True),
        )
    ):
        name = engine.run("toolbox", SLEEP, detach=True, name=f"frozen{number}").id
        engine.pause(name)
        end(name)
    assert {row["State"] for row in engine.ps(all=True)} == {"exited"}


# -- races


def test_two_who_start_one_container_both_have_it_started_once(
    store: Store, aftermath: Aftermath
) -> None:
    engines = [store.engine() for _ in range(4)]
    for number in range(scaled(8, 60)):
        name = engines[0].create("toolbox", ["sh", "-c", "echo started; sleep 1000"]).id
        answers = at_once(*[lambda e=e, n=name: e.start(n) for e in engines])
        assert answers == [[name]] * 4, number
        # no sooner: what is killed at once says nothing
        next(engines[0].logs(name, follow=True))
        engines[0].kill(name)
        assert [c.data for c in engines[0].logs(name)] == [b"started\n"]
        engines[0].rm(name)
    aftermath.assert_clean()


def test_two_processes_that_start_one_container_both_succeed(store: Store) -> None:
    engine = store.engine()
    name = engine.create("toolbox", SLEEP, name="one").id
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "nbcontainer", "start", "one"],
            env=store.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for each in both:
        assert each.communicate(timeout=30) == (b"one\n", b"")
        assert each.returncode == 0
    assert state(engine, name).status.value == "running"


def test_remove_by_force_during_a_start_removes_and_leaves_nothing(
    store: Store, aftermath: Aftermath
) -> None:
    first, second = store.engine(), store.engine()
    for number in range(scaled(15, 100)):
        name = first.create("toolbox", SLEEP).id
        delay = number % 8 * 0.001

        def remove(name: str = name, delay: float = delay) -> object:
            time.sleep(delay)
            return second.rm(name, force=True)

        started, removed = at_once(lambda n=name: first.start(n), remove)
        assert removed == [name]
        assert started == [name] or isinstance(started, EngineError)
        aftermath.sockets()
        with pytest.raises(ContainerNotFound):
            first.host.containers.resolve(name)
    aftermath.assert_clean()


def test_remove_without_force_during_a_start_is_either_refused_or_wins(
    store: Store, aftermath: Aftermath
) -> None:
    first, second = store.engine(), store.engine()
    for number in range(scaled(15, 100)):
        name = first.create("toolbox", SLEEP).id

        def remove(name: str = name, delay: float = number % 8 * 0.001) -> object:
            time.sleep(delay)
            return second.rm(name)

        started, removed = at_once(lambda n=name: first.start(n), remove)
        if removed == [name]:
            assert isinstance(started, EngineError)
        else:
            assert isinstance(removed, WrongStatus)
            assert started == [name]
            first.rm(name, force=True)
        aftermath.sockets()
    aftermath.assert_clean()


def test_stop_and_kill_during_a_start_end_what_was_started(
    store: Store, aftermath: Aftermath
) -> None:
    first, second = store.engine(), store.engine()
    for number in range(scaled(12, 80)):
        name = first.create("toolbox", SLEEP, stop_signal="KILL").id

        def stop(name: str = name, delay: float = number % 6 * 0.001) -> object:
            time.sleep(delay)
            return second.stop(name)

        started, stopped = at_once(lambda n=name: first.start(n), stop)
        assert (started, stopped) == ([name], [name])
        found = state(first, name)
        # either it was stopped, or the stop came before anything had begun
        assert found.status.value in ("exited", "running")
        first.rm(name, force=True)
    aftermath.assert_clean()


@needs("strace")
@pytest.mark.parametrize("verb", ["stop", "kill", "rm"])
def test_a_verb_during_a_slow_start_waits_for_it(
    store: Store, aftermath: Aftermath, verb: str
) -> None:
    first, second = store.engine(), store.engine()
    name = first.create("toolbox", SLEEP, stop_signal="KILL").id
    shims = aftermath.await_pool()
    inits = [child for shim in shims for child in children(shim)]
    with traced(inits, "trace=move_mount", "inject=move_mount:delay_enter=500000:when=1"):
        starting = threading.Thread(target=lambda: first.start(name))
        starting.start()
        wait_until(lambda: is_held(store.layout.container(name, "lock")), "it starts")
        assert state(second, name).status.value == "created"
        if verb == "rm":
            with pytest.raises(WrongStatus, match="container is running"):
                second.rm(name)
        else:
            getattr(second, verb)(name)
        starting.join()
    expected = "running" if verb == "rm" else "exited"
    assert state(second, name).status.value == expected


@needs("strace")
def test_what_is_being_removed_cannot_be_started(store: Store, aftermath: Aftermath) -> None:
    engine = store.engine()
    for _ in range(2):
        name = engine.create("toolbox", SLEEP, name="it").id
        with Actor(store) as actor:
            rules = ("trace=rename", "inject=rename:delay_enter=500000:when=1")
            with traced([actor.pid], *rules):
                actor.begin("engine.rm('it')")
                wait_until(lambda n=name: is_held(store.layout.container(n, "lock")), "it goes")  # type: ignore[misc]
                with pytest.raises(EngineError, match="No such container"):
                    engine.start(name)
                assert actor.answer() == ["done", "['it']"]
        aftermath.sockets()
    aftermath.assert_clean()


def test_kill_twice_and_by_two_ends_it_once(store: Store) -> None:
    engine, other = store.engine(), store.engine()
    for _ in range(scaled(6, 40)):
        name = engine.run("toolbox", SLEEP, detach=True).id
        answers = at_once(lambda n=name: engine.kill(n), lambda n=name: other.kill(n))
        assert [name] in answers
        assert all(a == [name] or isinstance(a, EngineError) for a in answers)
        assert engine.wait(name) == [137]
        with pytest.raises(WrongStatus, match="is not running"):
            engine.kill(name)
        dies = [e for e in engine.host.events.read() if e.id == name and e.action == "die"]
        assert len(dies) == 1
        engine.rm(name)


def test_restart_from_many_at_once_ends_in_one_running_container(
    store: Store, aftermath: Aftermath
) -> None:
    engines = [store.engine() for _ in range(3)]
    name = engines[0].run("toolbox", SLEEP, detach=True, stop_signal="KILL").id
    answers = at_once(*[lambda e=e: e.restart(name) for e in engines])
    assert answers == [[name]] * 3
    assert state(engines[0], name).status.value == "running"
    assert len(engines[0].top(name).rows) == 1
    aftermath.sockets()
    engines[0].rm(name, force=True)
    aftermath.assert_clean()


def test_everything_at_once_on_one_name_loses_nothing(store: Store, aftermath: Aftermath) -> None:
    engines = [store.engine() for _ in range(4)]
    stop_at = time.monotonic() + scaled(3, 20)
    problems: list[BaseException] = []

    def work(number: int) -> None:
        engine = engines[number]
        verbs: list[Callable[[], object]] = [
            lambda: engine.run("toolbox", SLEEP, detach=True, name="it", stop_signal="KILL"),
            lambda: engine.start("it"),
            lambda: engine.stop("it"),
            lambda: engine.restart("it"),
            lambda: engine.kill("it"),
            lambda: engine.exec("it", ["true"]),
            lambda: engine.ps(all=True),
            lambda: engine.rm("it", force=True),
        ]
        at = number
        while time.monotonic() < stop_at:
            at = (at * 5 + 3 + number) % len(verbs)
            try:
                verbs[at]()
            except EngineError:
                continue
            except BaseException as error:
                problems.append(error)
                raise

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert problems == []
    aftermath.sockets()
    aftermath.tidy()


def test_a_container_that_removes_itself_is_gone_once_its_client_knows(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    for code in range(scaled(10, 50)):
        done = engine.run("toolbox", ["sh", "-c", f"exit {code}"], rm=True, volume=["/anonymous"])
        assert done.exit_code == code
        assert os.listdir(store.layout.containers) == []
        assert os.listdir(store.layout.volumes) == []
    with pytest.raises(EngineError):
        engine.run("toolbox", ["/no/such/program"], rm=True)
    name = engine.run("toolbox", SLEEP, rm=True, detach=True).id
    pid = state(engine, name).pid
    engine.stop(name, time=0)
    await_end(pid)
    aftermath.assert_clean()
