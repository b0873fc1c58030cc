"""Shims that wait for a container, made in quiet moments: a start that finds one ready is over in no time.

They are of two kinds at most: what a container needs that wants nothing special, and what others needed
lately that did.  Nothing of a third container's is ever held by one that waits.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import EngineError, HelperGone
from .loop import Loop, Timer
from .notes import note
from .plan import CONNECT, PREPARED, Plan, Step
from .waiting import Told, WaitingShim

SIZE, SIZE_OF_OTHER = 2, 1
FILL_S = 0.01
EMPTY_FILL_S = 0.0005
_FAILURES = 3
# these hold what belongs to another container
_OTHERS = ("join", "bind_shared")

Steps = tuple[Step, ...]


class Pool:
    """The waiting shims of a foreman.

    `make` begins one for some steps; `is_quiet` tells whether now is a moment for it; `next_task` is what
    else quiet moments are good for, once nothing is missing here.
    """

    def __init__(
        self,
        loop: Loop,
        steps: Steps,
        make: Callable[[Steps, Told], WaitingShim],
        is_quiet: Callable[[], bool],
        next_task: Callable[[], None],
    ) -> None:
        """`steps`: what is prepared for everybody who wants nothing special."""
        self._loop = loop
        self._usual = steps
        # the one that was asked for last comes first
        self._kinds: list[Steps] = [steps]
        self._unknown: Steps = ()
        self._make = make
        self._is_quiet = is_quiet
        self._next_task = next_task
        self._waiting: list[tuple[Steps, WaitingShim]] = []
        self._failures = 0
        self._timer: Timer | None = None

    def take(self, plan: Plan) -> WaitingShim | None:
        """Return a waiting shim whose sandbox is what the plan asks for, if there is one."""
        self._failures = 0
        kind = self._wanted(plan.of(*PREPARED))
        for place, (its_kind, shim) in enumerate(self._waiting):
            if its_kind is kind and shim.is_ready and shim.sandbox.is_waiting:
                del self._waiting[place]
                return shim
        return None

    def _wanted(self, steps: Steps) -> Steps | None:
        """Return the kind that these steps are, which may become one by being asked for again."""
        for kind in self._kinds:
            if kind == steps:
                self._unknown = ()
                if kind is not self._kinds[0]:
                    self._kinds.reverse()
                return kind
        if steps != self._unknown:
            self._unknown = steps
        elif self._is_nobodys(steps):
            self._kinds = [steps, self._usual]
            self._drop_unwanted()
        return None

    def _is_nobodys(self, steps: Steps) -> bool:
        """Tell whether they may wait: nothing of another container, no network but the usual one."""
        return all(
            step in self._usual if step.phase == CONNECT else step.do not in _OTHERS
            for step in steps
        )

    def _drop_unwanted(self) -> None:
        for kind, shim in list(self._waiting):
            # one that is still being made is looked at again when it is
            if shim.is_ready and not any(kind is wanted for wanted in self._kinds):
                self._remove(shim)
                shim.lost = lambda: None
                shim.take()
                shim.dismiss()

    def fill_soon(self) -> None:
        """Fill what is missing after a pause; a request never waits for it."""
        if self._timer is not None:
            self._timer.cancel()
        first = self._kinds[0]
        # where none is left the next request would wait for one to be made
        is_empty = not any(shim.is_ready for kind, shim in self._waiting if kind is first)
        self._timer = self._loop.after(EMPTY_FILL_S if is_empty else FILL_S, self._fill)

    def _fill(self) -> None:
        self._timer = None
        if not self._is_quiet():
            return
        kind = self._missing()
        if kind is None or self._failures >= _FAILURES:
            self._next_task()
            return
        shim = self._make(kind, self._made)
        if shim.control.fileno() >= 0:
            shim.lost = lambda: self._lost(shim)
            self._waiting.append((kind, shim))

    def _missing(self) -> Steps | None:
        for wanted, size in zip(self._kinds, (SIZE, SIZE_OF_OTHER), strict=False):
            if sum(kind is wanted for kind, _ in self._waiting) < size:
                return wanted
        return None

    def _made(self, shim: WaitingShim, error: EngineError | None) -> None:
        if error is None:
            self._failures = 0
            self._drop_unwanted()
        else:
            # after some failures only a request tries again
            self._failures += 1
            if self._failures == _FAILURES and not isinstance(error, HelperGone):
                note("foreman", error)
            self._remove(shim)
        self.fill_soon()

    def _lost(self, shim: WaitingShim) -> None:
        self._remove(shim)
        self.fill_soon()

    def _remove(self, shim: WaitingShim) -> None:
        self._waiting = [entry for entry in self._waiting if entry[1] is not shim]
