"""How a start comes to a container: by its lock, which one has, and by the two files it is made of."""

from __future__ import annotations

import os

from ..errors import ContainerNotFound, StateUnreadable, Unavailable, WrongStatus
from ..spec.codec import decode
from ..spec.runtime import RuntimeConfig
from ..store.files import Lock, read_json
from .plan import Plan
from .record import Record

_PLAN_LIMIT_BYTES = 32 << 20


def claim(lock: Lock, record: Record, directory: str, container_id: str) -> bool:
    """Take the container's lock; whoever else has it starts, runs, mends or removes the container.

    False where somebody changes it just now: then it is worth trying again.
    Raises: WrongStatus if it runs, ContainerNotFound if it was removed meanwhile.
    """
    try:
        if not lock.try_acquire():
            if record.state().status.is_alive:
                raise WrongStatus(f"container {container_id} is already running")
            return False
    except FileNotFoundError:
        pass
    if not os.path.exists(directory):
        raise ContainerNotFound(f"No such container: {container_id}")
    return True


def being_changed(container_id: str) -> Unavailable:
    """Return the error for a container that somebody else is busy with for too long."""
    return Unavailable(f"container {container_id} is being changed", "Try again.")


def load(directory: str, container_id: str) -> tuple[RuntimeConfig, Plan]:
    """Read what the container is to be.  Raises: StateUnreadable."""
    try:
        config = decode(RuntimeConfig, read_json(f"{directory}/config.json"), lenient=True)
        plan = Plan.from_json(read_json(f"{directory}/plan.json", _PLAN_LIMIT_BYTES))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StateUnreadable(f"container {container_id}: {error}", "Create it anew.") from error
    return config, plan
