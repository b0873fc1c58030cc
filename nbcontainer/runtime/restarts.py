"""When a container that ended is started anew, and after which pause: Docker's policies.  Pure."""

from __future__ import annotations

from ..spec.runtime import RestartPolicy

FIRST_S, LAST_S, STABLE_S = 0.1, 60.0, 10.0


def is_to_restart(policy: RestartPolicy, exit_code: int, restart_count: int) -> bool:
    """Tell whether the policy starts a container anew that nobody asked to stop."""
    if policy.name == "no":
        return False
    if policy.name == "on-failure":
        limit = policy.maximum_retries
        return exit_code != 0 and (not limit or restart_count < limit)
    return True


class Backoff:
    """Pauses that double from restart to restart, and begin anew once a container was stable."""

    __slots__ = ("_pause_s",)

    def __init__(self) -> None:
        self._pause_s = FIRST_S

    def next_s(self, ran_s: float) -> float:
        """Return the pause, in seconds, after a run of `ran_s` seconds."""
        if ran_s >= STABLE_S:
            self._pause_s = FIRST_S
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, LAST_S)
        return pause_s
