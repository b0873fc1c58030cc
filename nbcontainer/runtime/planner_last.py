"""Plan how a process gives up its rights and becomes the program; the first one's and an exec's.  Pure."""

from __future__ import annotations

from typing import Any

from ..spec.confinement import PIDS_LIMIT
from ..spec.host import HostFeatures
from ..spec.runtime import RuntimeConfig
from .plan import LAST, Places, Plan, Step
from .wire import Exec


def rlimits(config: RuntimeConfig, host: HostFeatures) -> dict[str, list[int]]:
    """Return name -> [soft, hard]; Linux's own limits cap them when they are set."""
    found = {"core": [0, 0]} if not config.security.privileged else {}
    is_counted = host.cgroup.parent("pids") is not None or config.resources.pids_limit
    if not is_counted and not config.namespaces.user:
        # no cgroup counts them: Linux counts a user's processes in each user namespace alone
        found["nproc"] = [PIDS_LIMIT, PIDS_LIMIT]
    found.update({u.name: [u.soft, u.hard] for u in config.ulimits})
    return found


def kept_capabilities(config: RuntimeConfig, privileged: bool) -> list[str]:
    return ["ALL"] if privileged else list(config.security.capabilities)


def confinement_steps(
    config: RuntimeConfig, host: HostFeatures, places: Places, *, privileged: bool
) -> list[Step]:
    """Return how a process of this container gives up its rights; exec shares it with init."""
    keep = kept_capabilities(config, privileged)
    filters = []
    if places.fake_owners:
        filters.append(Step(LAST, "fake_owners", {"program": places.fake_owners}))
    if places.seccomp and not privileged:
        filters.append(Step(LAST, "seccomp", {"program": places.seccomp}))
    locked = config.security.no_new_privileges and not privileged
    return [
        Step(LAST, "limit_resources", {"limits": rlimits(config, host)}),
        # without no_new_privileges a filter needs CAP_SYS_ADMIN, so it comes before that is given up
        *([] if locked else filters),
        Step(LAST, "become_user", {"user": config.user, "single_id": host.id_count < 2}),
        Step(LAST, "capabilities", {"keep": keep}),
        *([Step(LAST, "no_new_privileges", {})] if locked else []),
        *(filters if locked else []),
    ]


def last_steps(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    steps = []
    if config.tty:
        steps.append(Step(LAST, "terminal", {}))
    steps.append(Step(LAST, "change_directory", {"path": config.cwd}))
    steps += confinement_steps(config, host, places, privileged=config.security.privileged)
    run = {"args": list(config.args), "env": list(config.env), "reap": config.init}
    steps.append(Step(LAST, "execute", run))
    return steps


def exec_steps(plan: Plan, request: Exec) -> list[tuple[str, dict[str, Any]]]:
    """Return how one more process joins: the container's own last steps, for another program."""
    changes: dict[str, dict[str, Any]] = {
        "become_user": {"user": request.user},
        "bound_capabilities": {"keep": ["ALL"]} if request.privileged else {},
        "capabilities": {"keep": ["ALL"]} if request.privileged else {},
    }
    skipped = {"terminal", "change_directory", "execute"}
    if request.privileged:
        skipped |= {"no_new_privileges", "seccomp"}
    steps: list[tuple[str, dict[str, Any]]] = [("new_keyring", {})]
    if request.tty:
        steps.append(("terminal", {"rows": request.rows, "columns": request.columns}))
    # only a container's own directory is made for it
    steps.append(("change_directory", {"path": request.cwd, "is_made": False}))
    for step in plan.steps:
        if step.do == "bound_capabilities" or (step.phase == LAST and step.do not in skipped):
            steps.append((step.do, {**step.args, **changes.get(step.do, {})}))
    steps.append(("execute", {"args": list(request.args), "env": list(request.env)}))
    return steps


def exec_environment(config: RuntimeConfig, extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the container's environment with `extra` lines laid over it; a bare name takes one out."""
    merged: dict[str, str] = {}
    for line in (*config.env, *extra):
        name, equals, value = line.partition("=")
        if equals:
            merged[name] = value
        else:
            merged.pop(name, None)
    return tuple(f"{name}={value}" for name, value in merged.items())
