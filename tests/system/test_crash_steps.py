"""For every k let step k of a plan fail; SIGKILL the shim, and init, at every moment of a start.

Each time nothing may be left: no mount, cgroup, process, lock, socket or half-made file.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbcontainer.engine import create as creating
from nbcontainer.errors import EngineError, HelperGone, StepFailed
from nbcontainer.runtime.plan import ASSEMBLE, CLONE, CONNECT, LAST, OUTSIDE, STAGE
from nbcontainer.runtime.steps_outside import APPLY as OUTSIDE_STEPS
from tests.needs import needs
from tests.stores import Store
from tests.system.aftermath import (
    STRESS,
    Aftermath,
    await_end,
    children,
    foreman_of,
    limit_of,
    scaled,
    traced,
    wait_until,
)

pytestmark = needs("userns")

KILLED_WITHIN_S = 0.012


@pytest.fixture
def aftermath(store: Store) -> Iterator[Aftermath]:
    seen = Aftermath(store)
    yield seen
    seen.tidy()


def make(engine: Any, **flags: Any) -> Any:
    """Create a container that needs every kind of step; return its configuration."""
    flags = {"tmpfs": ["/scratch"], "volume": ["crash:/data"], "user": "7", "init": True} | flags
    return creating.create(engine.host, "toolbox", ["true"], flags)


def steps_of(engine: Any, config: Any) -> list[list[Any]]:
    creating.write_plan(engine.host, config)
    with open(engine.host.layout.container(config.id, "plan.json")) as file:
        return list(json.load(file)["steps"])


def spawn(engine: Any, config: Any, steps: list[list[Any]]) -> Any:
    with open(engine.host.layout.container(config.id, "plan.json"), "w") as file:
        json.dump({"version": 1, "steps": steps}, file)
    return engine.host.runtime.spawn(config.id)


def failing(phase: str, outside: bool) -> list[Any]:
    """Return a step of this phase that Linux refuses."""
    if phase in (OUTSIDE, CLONE, CONNECT) or (phase == ASSEMBLE and outside):
        return [phase, "write_files", {"directory": "/nowhere", "owner": 0, "files": {"x": ""}}]
    if phase == STAGE:
        return [phase, "mount", {"type": "nosuchfs", "target": "/x", "options": [], "data": ""}]
    if phase == ASSEMBLE:
        return [phase, "mount_tmpfs", {"target": "/x", "options": [], "data": "nosuchoption"}]
    return [phase, "change_directory", {"path": "/etc/hostname/x"}]


def points(steps: list[list[Any]]) -> list[tuple[int, str, bool]]:
    """Return (place, phase, by the shim) for each place in which a step can fail."""
    found = []
    for place, (phase, _, _) in enumerate(steps):
        found.append((place, phase, phase in (OUTSIDE, CLONE, CONNECT)))
        if phase == ASSEMBLE:
            found.append((place, phase, True))
    return found


def test_whichever_step_fails_nothing_is_left_and_a_start_without_it_works(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    config = make(engine)
    steps = steps_of(engine, config)
    assert {phase for phase, _, _ in steps} == {CLONE, STAGE, CONNECT, ASSEMBLE, LAST}
    for place, phase, outside in points(steps):
        broken = [*steps[:place], failing(phase, outside), *steps[place:]]
        with pytest.raises(StepFailed) as caught:
            spawn(engine, config, broken).started()
        assert caught.value.step == failing(phase, outside)[1], (place, phase)
        state = engine.host.state(config.id)
        assert state.status.value == "created"
        assert state.error == caught.value.message
        aftermath.sockets()
    aftermath.assert_clean(config.id)
    assert spawn(engine, config, steps).wait() == 0
    engine.rm(config.id)


def test_whichever_step_fails_a_container_that_removes_itself_is_gone(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    for phase, outside in (
        (CLONE, True),
        (STAGE, False),
        (ASSEMBLE, True),
        (ASSEMBLE, False),
        (LAST, False),
    ):
        config = make(engine, rm=True)
        steps = steps_of(engine, config)
        place = max(at for at, (found, _, _) in enumerate(steps) if found == phase)
        with pytest.raises(StepFailed):
            spawn(
                engine, config, [*steps[:place], failing(phase, outside), *steps[place:]]
            ).started()
        aftermath.sockets()
    aftermath.assert_clean()


def test_a_foreman_killed_after_each_of_its_own_steps_leaves_all_to_the_next(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    marker, fifo = f"{store.folder}/marker", f"{store.folder}/fifo"
    os.mkfifo(fifo)
    config = make(engine)
    steps = steps_of(engine, config)
    own = [at for at, (_, do, _) in enumerate(steps) if do in (*OUTSIDE_STEPS, "clone")]
    for place in own:
        aftermath.wake()
        # after this step the foreman says that it is there, then it waits for ever
        phase = steps[place][0]
        stop = [
            [phase, "write_files", {"directory": store.folder, "owner": 0, "files": {name: "x"}}]
            for name in ("marker", "fifo")
        ]
        session = spawn(engine, config, [*steps[: place + 1], *stop, *steps[place + 1 :]])
        wait_until(lambda: os.path.exists(marker), "the step was reached")
        foreman = foreman_of(store)
        assert has_claimed(foreman, engine, config)
        os.kill(foreman, signal.SIGKILL)
        await_end(foreman)
        os.unlink(marker)
        assert engine.host.settled(config.id).status.value == (
            "created" if place == own[0] else "exited"
        )
        # nothing has begun, so that the client asks the next foreman, for whom the plan is whole
        steps_of(engine, config)
        assert session.wait() == 0
    os.unlink(fifo)
    aftermath.assert_clean(config.id)


def has_claimed(pid: int, engine: Any, config: Any) -> bool:
    """Tell whether this shim holds the container's lock."""
    lock = os.stat(engine.host.layout.container(config.id, "lock"))
    with os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            try:
                if os.path.samestat(os.stat(entry.path), lock):
                    return True
            except OSError:
                continue
    return False


@pytest.mark.parametrize("victim", ["shim", "init", "foreman", "zygote"])
def test_whoever_is_killed_at_any_moment_of_a_start_nothing_is_left(
    store: Store, aftermath: Aftermath, victim: str
) -> None:
    engine = store.engine()
    chance = random.Random(victim)
    for number in range(scaled(25 if victim in ("shim", "init") else 8, 200)):
        # who comes next starts the foreman, where that was killed
        aftermath.wake()
        shims = aftermath.await_pool()
        config = make(engine, rm=bool(number % 2), **limit_of(engine))
        creating.write_plan(engine.host, config)
        session = engine.host.runtime.spawn(config.id)
        time.sleep(chance.uniform(0, KILLED_WITHIN_S))
        foreman = foreman_of(store)
        if victim == "foreman":
            targets = [foreman]
        elif victim == "zygote":
            targets = children(foreman)
        elif victim == "shim":
            targets = shims
        else:
            targets = [child for shim in shims for child in children(shim)]
        aftermath.sockets()
        for pid in targets:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if victim in ("foreman", "zygote"):
            # while it dies it can still be connected to, and nothing would start another
            await_end(foreman)
        try:
            code = session.wait()
            # an init that is killed once the program runs ends it as any kill does
            assert code == 0 if victim == "zygote" else code in (0, 137)
        except HelperGone:
            assert victim in ("shim", "init", "foreman")
        except EngineError:
            assert victim == "init"
        session.close()
    aftermath.tidy()


@needs("strace")
@pytest.mark.parametrize("victim", ["shim and init", "foreman"])
def test_whoever_is_killed_at_its_nth_system_call_leaves_nothing(
    store: Store, aftermath: Aftermath, victim: str
) -> None:
    calls = "mount,move_mount,fsopen,fsmount,mkdir,rename,openat,openat2,clone,sendmsg,write,close"
    engine = store.engine()
    chance = random.Random(victim)
    for number in range(scaled(6, 60)):
        aftermath.wake()
        shims = aftermath.await_pool()
        if victim == "foreman":
            targets, most = [foreman_of(store)], 60
        else:
            targets, most = [*shims, *(child for shim in shims for child in children(shim))], 30
        # so many of these calls a start takes at least in one of them
        when = number + 1 if STRESS else chance.randrange(1, most)
        config = make(engine)
        creating.write_plan(engine.host, config)
        with traced(targets, f"trace={calls}", f"inject={calls}:signal=SIGKILL:when={when}"):
            session = engine.host.runtime.spawn(config.id)
            try:
                # what had not begun is begun once more by another shim, or by the next foreman
                assert session.wait() in (0, 137)
            except HelperGone:
                pass
            session.close()
            aftermath.sockets()
    aftermath.tidy()
