"""The end of a container that is not started anew: written down, published, removed where that was wished.

The foreman does it, whose memory is warm; the shim does it where the foreman has gone.

    shim -> foreman   the JSON of `Ended`
    foreman -> shim   the JSON of the trees to delete, once the truth is on disk
"""

from __future__ import annotations

import json
import time
from typing import Any

from ..errors import EngineError
from ..spec.codec import decode
from ..spec.lifecycle import State, Status
from ..spec.runtime import RuntimeConfig
from ..store.layout import Layout
from ..values import replace
from . import removal
from .record import Record

# how long a shim waits for the foreman to write down an end
PATIENCE_S = 3.0


def exited(state: State, code: int, *, oom: bool, stopped: bool) -> State:
    """Return the state of a container whose program has just ended."""
    return replace(
        state,
        status=Status.EXITED,
        pid=0,
        pid_start=0,
        exit_code=code,
        oom_killed=oom,
        finished_ns=time.time_ns(),
        stopped_by_user=stopped,
        health=None,
        endpoints=(),
        ports=(),
    )


def settle(
    layout: Layout, record: Record, config: RuntimeConfig, ended: State, *, stopped: bool
) -> tuple[str, ...]:
    """Tell the world; return the trees of a container that removed itself, which are to be deleted."""
    if ended.oom_killed:
        record.publish("oom", {})
    left = record.state().endpoints
    if not config.auto_remove:
        # no sandbox's name: nothing is left for anybody to undo
        record.save(replace(ended, sandbox=""))
    record.publish("die", {"exitCode": str(ended.exit_code)}, left=left)
    if stopped:
        record.publish("stop", {})
    if not config.auto_remove:
        return ()
    doomed = removal.take_out(layout, config)
    if doomed:
        record.publish("destroy", {})
    return doomed


class Ended:
    """What a shim tells of its program's end; `state` is the container's as it was written last."""

    __slots__ = ("at_s", "code", "oom", "state", "stopped")

    def __init__(
        self, state: dict[str, Any], code: int, oom: bool, stopped: bool, at_s: float = 0.0
    ) -> None:
        self.at_s = at_s or time.monotonic()
        self.state = state
        self.code = code
        self.oom = oom
        self.stopped = stopped

    def pack(self) -> bytes:
        """Return the packet."""
        told = [self.state, self.code, self.oom, self.stopped, self.at_s]
        return json.dumps(told).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Ended:
        """Read what `pack` made."""
        return cls(*json.loads(data))

    @property
    def is_late(self) -> bool:
        """Tell whether the shim may have lost its patience."""
        return time.monotonic() > self.at_s + PATIENCE_S - 1.0

    def exited(self) -> State:
        """Return the state that follows."""
        return exited(decode(State, self.state), self.code, oom=self.oom, stopped=self.stopped)


def never_ran(error: EngineError) -> int:
    """Return what `inspect` shows of a program that never ran: 126, 127, or Docker's 128."""
    return error.exit_code if error.exit_code > 1 else 128
