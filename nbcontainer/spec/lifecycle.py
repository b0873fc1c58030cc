"""A container's life: the statuses, the one transition table, and State (its state.json).

                 start            exit              start
    created ------------> running ----> exited ------------> running
       |                   |   ^           |  \\ policy: restarting -> running
       |             pause |   | unpause   |
       |                   v   |           |
       |                  paused           |
       +-------> removing <----------------+

Status words are Docker's, because people and templates read them.  Only the shim writes state.json;
a container without that file is `created`.  A state that says running while nobody holds the
container's lock is a shim that was killed: readers call `State.orphaned()` for the truth.
"""

from __future__ import annotations

import enum

from ..errors import WrongStatus
from ..values import replace, value
from .network import Endpoint, PortBinding


class Status(str, enum.Enum):
    """Docker's words for where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    @property
    def is_alive(self) -> bool:
        """Tell whether a process of the container exists or is about to."""
        return self in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


# verb -> statuses in which it applies
ALLOWED: dict[str, tuple[Status, ...]] = {
    "start": (Status.CREATED, Status.EXITED, Status.DEAD),
    "pause": (Status.RUNNING,),
    "unpause": (Status.PAUSED,),
    "exec": (Status.RUNNING,),
    "kill": (Status.RUNNING, Status.PAUSED, Status.RESTARTING),
    "attach": (Status.RUNNING,),
    "top": (Status.RUNNING,),
    "remove": (Status.CREATED, Status.EXITED, Status.DEAD),
}


def require(verb: str, status: Status, message: str, hint: str | None = None) -> None:
    """Raise WrongStatus with `message` unless `verb` applies to a container in `status`."""
    if status not in ALLOWED[verb]:
        raise WrongStatus(message, hint)


@value
class Health:
    """`status` is starting, healthy or unhealthy; `log` the last five results, newest last."""

    status: str = "starting"
    failing_streak: int = 0
    log: tuple[dict[str, str], ...] = ()


@value
class State:
    """What a container is doing, as its shim last wrote it.  Moments are ns since the epoch, 0 = never.

    A pid means nothing without `pid_start` (clock ticks since boot) and `boot_id`: pids are used again.
    `sandbox` names the shim's socket and the container's cgroup.  `endpoints` and `ports` are its places
    on networks and what is published of it, while it runs.
    """

    status: Status = Status.CREATED
    pid: int = 0
    pid_start: int = 0
    shim_pid: int = 0
    shim_start: int = 0
    boot_id: str = ""
    sandbox: str = ""
    started_ns: int = 0
    finished_ns: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    restart_count: int = 0
    stopped_by_user: bool = False
    health: Health | None = None
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[PortBinding, ...] = ()

    def orphaned(self, now_ns: int) -> State:
        """Return the state of a container whose shim was killed: it counts as killed, code 137."""
        return replace(
            self,
            status=Status.EXITED,
            pid=0,
            pid_start=0,
            endpoints=(),
            ports=(),
            exit_code=137,
            finished_ns=now_ns,
            error=self.error or "the container's shim was killed",
        )
