"""Run a container's health check at its interval and keep the verdict, as Docker's rules have it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ..errors import EngineError
from ..spec.lifecycle import Health
from ..spec.runtime import Healthcheck, RuntimeConfig
from ..values import replace
from . import wire
from .loop import Loop, Timer
from .planner_last import exec_environment

_OUTPUT_LIMIT = 4096
_KEPT = 5

Probe = Callable[[wire.Exec, Callable[[int, bytes], None]], Callable[[], None]]


def active_check(config: RuntimeConfig) -> Healthcheck | None:
    """Return the check that a container is to be watched by, None where there is none."""
    check = config.healthcheck
    return check if check is not None and check.test and check.test[0] != "NONE" else None


class HealthMonitor:
    """Probes while the container runs.

    `probe(request, done)` starts a process, calls `done(exit code, output)` once, and returns a function
    that kills it; `changed(health)` is told each new verdict.
    """

    def __init__(
        self,
        loop: Loop,
        config: RuntimeConfig,
        probe: Probe,
        changed: Callable[[Health], None],
    ) -> None:
        self._loop = loop
        self._config = config
        self._check = config.healthcheck or Healthcheck()
        self._probe = probe
        self._changed = changed
        self._started = time.monotonic()
        self._timers: list[Timer] = []
        self._let_go: Callable[[], None] = lambda: None
        self.health = Health()
        self._schedule()

    def stop(self) -> None:
        """Probe no more; one that is under way counts for nothing."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        self._let_go()

    def resume(self) -> None:
        """Probe again, after `stop`."""
        self._schedule()

    def _schedule(self) -> None:
        starting = self.health.status == "starting" and self._in_start_period()
        delay = self._check.start_interval_s if starting else self._check.interval_s
        self._timers = [self._loop.after(delay, self._run)]

    def _in_start_period(self) -> bool:
        return time.monotonic() - self._started < self._check.start_period_s

    def _run(self) -> None:
        kind, *words = self._check.test
        args = tuple(words) if kind == "CMD" else ("/bin/sh", "-c", " ".join(words))
        began = time.time_ns()
        finished: list[bool] = []

        def done(code: int, output: bytes) -> None:
            if finished:
                return
            finished.append(True)
            self._let_go = lambda: None
            self._record(began, code, output)

        request = wire.Exec(
            os.urandom(32).hex(),
            args,
            exec_environment(self._config),
            self._config.cwd,
            self._config.user,
        )
        try:
            kill = self._probe(request, done)
        except EngineError as error:
            done(-1, error.message.encode())
            return

        def let_go() -> None:
            finished.append(True)
            kill()

        def overdue() -> None:
            text = f"Health check exceeded timeout ({self._check.timeout_s:g}s)"
            kill()
            done(-1, text.encode())

        if not finished:
            self._let_go = let_go
            self._timers = [self._loop.after(self._check.timeout_s, overdue)]

    def _record(self, began: int, code: int, output: bytes) -> None:
        for timer in self._timers:
            timer.cancel()
        text = output[:_OUTPUT_LIMIT].decode("utf-8", "replace")
        entry = {
            "Start": str(began),
            "End": str(time.time_ns()),
            "ExitCode": str(code),
            "Output": text,
        }
        old = self.health
        log = (*old.log, entry)[-_KEPT:]
        if code == 0:
            self.health = Health("healthy", 0, log)
        elif self._in_start_period() and old.status == "starting":
            self.health = replace(old, log=log)
        else:
            streak = old.failing_streak + 1
            failed = streak >= max(1, self._check.retries)
            self.health = Health("unhealthy" if failed else old.status, streak, log)
        self._changed(self.health)
        self._schedule()
