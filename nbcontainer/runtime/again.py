"""A program is started once more, by its shim, which is init's parent: it forks and waits for itself."""

from __future__ import annotations

from ..spec.lifecycle import State
from ..spec.runtime import RuntimeConfig
from ..store.layout import Layout
from ..values import replace
from . import pipes, record
from .health import active_check
from .plan import PREPARED, Plan, Step
from .sandbox import Sandbox
from .streams import Streams


def launch(
    sandbox: Sandbox, streams: Streams, config: RuntimeConfig, plan: Plan, stage: str
) -> None:
    """Prepare the sandbox and start the program in it, with new streams.

    Raises: StepFailed and its kin.
    """
    sandbox.prepare_here(stage)
    if config.tty:
        stdio = pipes.no_streams()
    else:
        stdio = streams.open_pipes(stdin=config.open_stdin, owner=plan.owner)
    try:
        master = sandbox.launch_here(plan, stdio)
    finally:
        pipes.close_all(stdio)
    if master >= 0:
        streams.open_terminal(master)


def steps(plan: Plan, layout: Layout) -> tuple[Step, ...]:
    """Return what is prepared, with the processes of today of those whose namespaces are joined.

    They may have been started anew since the plan was written.
    """
    prepared = plan.of(*PREPARED)
    owners: dict[tuple[int, int], str] = {}
    for step in prepared:
        if step.do == "join":
            owners |= {(pid, start): name for name, (pid, start) in step.args["processes"].items()}

    def now(process: list[int]) -> list[int]:
        owner = owners.get((process[0], process[1]), "")
        state = record.Record(layout, owner).state() if owner else None
        return [state.pid, state.pid_start] if state is not None and state.pid else process

    def renewed(step: Step) -> Step:
        if step.do == "join":
            found = {name: now(each) for name, each in step.args["processes"].items()}
            return replace(step, args={**step.args, "processes": found})
        if step.do == "bind_shared":
            return replace(step, args={**step.args, "process": now(step.args["process"])})
        return step

    return tuple([renewed(step) for step in prepared]) if owners else prepared


def running(sandbox: Sandbox, config: RuntimeConfig, restart_count: int) -> State:
    """Return the state of the container from here on."""
    return record.running(
        sandbox.pid,
        sandbox.name,
        restart_count=restart_count,
        is_checked=active_check(config) is not None,
        cabling=sandbox.box.cabling,
    )
