"""The pool of waiting shims: which kinds it holds, when it fills, and what it lets go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nbcontainer.errors import HelperGone, StepFailed
from nbcontainer.runtime import pool as module
from nbcontainer.runtime.plan import ASSEMBLE, CLONE, CONNECT, STAGE, Plan, Step
from nbcontainer.runtime.pool import SIZE, SIZE_OF_OTHER, Pool

CABLE = Step(CONNECT, "connect", {"network": "usual"})
USUAL = (Step(CLONE, "clone", {}), Step(STAGE, "loopback", {}), CABLE)
LONE = USUAL[:2]
LARGE = (*LONE, Step(STAGE, "mount", {"type": "tmpfs"}))


class Shim:
    def __init__(self, steps: Any, tell: Any) -> None:
        self.steps, self.tell = steps, tell
        self.is_ready = self.is_dismissed = False
        self.sandbox = SimpleNamespace(is_waiting=True)
        self.control = SimpleNamespace(fileno=lambda: 3)
        self.lost = lambda: None

    def ready(self) -> None:
        self.is_ready = True
        self.tell(self, None)

    def take(self) -> None:
        pass

    def dismiss(self) -> None:
        self.is_dismissed = True


class Bench:
    """A loop whose timers are run by hand, and a pool on it."""

    def __init__(self) -> None:
        self.timers: list[Any] = []
        self.made: list[Shim] = []
        self.is_quiet, self.tasks = True, 0
        loop = SimpleNamespace(after=self.after)
        self.pool = Pool(loop, USUAL, self.make, lambda: self.is_quiet, self.task)  # type: ignore[arg-type]

    def after(self, seconds: float, act: Any) -> Any:
        timer = SimpleNamespace(act=act, is_cancelled=False)
        timer.cancel = lambda: setattr(timer, "is_cancelled", True)
        self.timers.append(timer)
        return timer

    def make(self, steps: Any, tell: Any) -> Shim:
        self.made.append(Shim(steps, tell))
        return self.made[-1]

    def task(self) -> None:
        self.tasks += 1

    def rest(self) -> None:
        """Let quiet time pass until nothing more is done; each shim becomes ready."""
        self.pool.fill_soon()
        while self.timers:
            timer = self.timers.pop(0)
            if not timer.is_cancelled:
                timer.act()
            for shim in self.made:
                if not shim.is_ready and not shim.is_dismissed:
                    shim.ready()

    def take(self, steps: Any) -> Any:
        return self.pool.take(Plan((*steps, Step(ASSEMBLE, "pivot", {}))))

    def waiting(self, steps: Any) -> int:
        return sum(s.steps == steps and not s.is_dismissed for _, s in self.pool._waiting)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.rest()
    return made


def test_it_holds_what_most_want(bench):
    assert (bench.waiting(USUAL), bench.tasks) == (SIZE, 1)
    assert bench.take(USUAL) is bench.made[0]
    assert bench.waiting(USUAL) == SIZE - 1
    bench.rest()
    assert bench.waiting(USUAL) == SIZE


def test_what_is_asked_for_twice_is_held_too(bench):
    assert bench.take(LONE) is None
    bench.rest()
    assert bench.waiting(LONE) == 0
    assert bench.take(LONE) is None
    bench.rest()
    assert bench.waiting(LONE) == SIZE
    assert bench.take(LONE).steps == LONE
    assert bench.take(USUAL).steps == USUAL


def test_of_the_kind_asked_for_last_there_are_more(bench):
    for _ in range(2):
        bench.take(LONE)
    while bench.take(USUAL):
        pass
    bench.take(LONE)
    bench.rest()
    assert (bench.waiting(LONE), bench.waiting(USUAL)) == (SIZE, SIZE_OF_OTHER)


def test_a_third_kind_replaces_the_second(bench):
    for _ in range(2):
        bench.take(LONE)
    bench.rest()
    lone = [shim for shim in bench.made if shim.steps == LONE]
    for _ in range(2):
        bench.take(LARGE)
    assert all(shim.is_dismissed for shim in lone)
    bench.rest()
    assert (bench.waiting(LARGE), bench.waiting(LONE)) == (SIZE, 0)
    assert bench.waiting(USUAL)


def test_two_kinds_in_turn_change_nothing(bench):
    for _ in range(3):
        bench.take(LONE)
        bench.take(LARGE)
    bench.rest()
    assert (bench.waiting(LONE), bench.waiting(LARGE), bench.waiting(USUAL)) == (0, 0, SIZE)


@pytest.mark.parametrize(
    "step",
    [
        Step(CLONE, "join", {"processes": [1]}),
        Step(STAGE, "bind_shared", {"pid": 1}),
        Step(CONNECT, "connect", {"network": "shop"}),
    ],
    ids=lambda step: step.do,
)
def test_nothing_of_a_third_container_waits(bench, step):
    for _ in range(4):
        assert bench.take((*LONE, step)) is None
    bench.rest()
    assert len(bench.made) == SIZE


def test_one_that_ends_is_made_anew(bench):
    bench.pool._waiting[0][1].lost()
    assert bench.waiting(USUAL) == SIZE - 1
    bench.rest()
    assert bench.waiting(USUAL) == SIZE


def test_one_whose_init_has_spoken_is_not_given_away(bench):
    for _, shim in bench.pool._waiting:
        shim.sandbox.is_waiting = False
    assert bench.take(USUAL) is None


def test_nothing_is_made_while_somebody_waits(bench):
    bench.take(USUAL)
    bench.is_quiet = False
    bench.rest()
    assert bench.waiting(USUAL) == SIZE - 1


@pytest.mark.parametrize(("error", "notes"), [(StepFailed("no"), 1), (HelperGone("no"), 0)])
def test_after_some_failures_it_waits_for_a_request(monkeypatch, error, notes):
    said: list[Any] = []
    monkeypatch.setattr(module, "note", lambda *args: said.append(args))
    bench = Bench()
    monkeypatch.setattr(Shim, "ready", lambda self: self.tell(self, error) or self.dismiss())
    bench.rest()
    assert (len(bench.made), bench.waiting(USUAL), len(said)) == (3, 0, notes)
    bench.take(USUAL)
    bench.rest()
    assert len(bench.made) == 6
