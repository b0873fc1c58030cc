"""Do before the fork what every shim will do after it, with a container that does not exist.

Python adapts code, and fills caches, while it runs the first few times.  What is adapted already is not
written to again, and so stays shared between the zygote and its shims.
"""

from __future__ import annotations

import gc
import os

from ..spec.runtime import RuntimeConfig
from ..store.layout import Layout
from . import adoption, ending, pipes, steps_last, wire
from .plan import Plan
from .planner_last import exec_steps
from .record import running
from .sandbox import Sandbox
from .sandbox_name import name_of
from .shim import Shim

_TIMES = 9


def rehearse(layout: Layout, idle: RuntimeConfig, plan: Plan) -> None:
    """Give a container to shims that are none; leaves nothing behind."""
    before = _descriptors()
    name = name_of(os.getpid())
    for _ in range(_TIMES):
        _hand_over(layout, idle, name)
        _ask_for_more(plan)
        steps_last.rehearse()
    gc.collect()
    for descriptor in _descriptors() - before:
        os.close(descriptor)


def _descriptors() -> set[int]:
    found = set(map(int, os.listdir("/proc/self/fd")))
    return {descriptor for descriptor in found if os.path.lexists(f"/proc/self/fd/{descriptor}")}


def _ask_for_more(plan: Plan) -> None:
    """Take a request for one more process."""
    request = wire.unpack(wire.pack(wire.Exec("0", ("true",), ("A=b",), "/", "")))
    exec_steps(plan, request)


def _hand_over(layout: Layout, idle: RuntimeConfig, name: str) -> None:
    control, theirs = wire.pair()
    session, client = wire.pair()
    ends, ours = pipes.make_pipes(stdin=False, owner=0)
    sandbox = Sandbox((), {}, name, os.getpid())
    with control, theirs, session, client:
        adoption.give(
            control,
            idle,
            sandbox,
            owned=False,
            session=session.fileno(),
            lock=client.fileno(),
            listener=session.fileno(),
            pipes=ours,
        )
        shim = Shim(layout, sandbox, {}, control, adoption.Adoption(*wire.receive(theirs)))
        adoption.say_it_runs(control, running(os.getpid(), name), sandbox, "none", 0)
        shim.begin(adoption.ItRuns(*wire.receive(theirs), has_terminal=False))
        pipes.close_all(ends)
        shim.loop.step(0.0)
        shim.exited(0)
        ending.Ended.unpack(theirs.recv(65536))
        wire.send_bytes(theirs, b"[]")
        shim.loop.step(0.0)
