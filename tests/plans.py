"""Plans of one small container on the hosts of the golden files, for tests that look at their steps."""

from __future__ import annotations

from typing import Any

from nbcontainer.runtime.plan import Places, Step
from nbcontainer.runtime.planner import plan_for
from nbcontainer.spec.runtime import RuntimeConfig, Security
from tests.golden.hosts import HOSTS

CONFIG = RuntimeConfig(
    "id", "n", "i", "d", 0, ("sha256:a",), ("true",), hostname="box",
    security=Security(capabilities=("CHOWN",)),
)  # fmt: skip
PLACES = Places("/s", "/s/c/id", ("/s/l/a",), {"v": "/s/v"}, seccomp="/s/seccomp")


def steps(
    config: RuntimeConfig = CONFIG, host: str = "root-v1", places: Places = PLACES
) -> tuple[Step, ...]:
    """Return the plan's steps."""
    return plan_for(config, HOSTS[host], places).steps


def names(*args: Any, **kwargs: Any) -> list[str]:
    """Return what the plan does, in order."""
    return [step.do for step in steps(*args, **kwargs)]


def one(do: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of the plan's one step of that name."""
    (found,) = [step for step in steps(*args, **kwargs) if step.do == do]
    return found.args
