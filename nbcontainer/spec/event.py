"""Event: one fact about one object, as `events` prints it and panels fold it.

Order is part of the contract: create, start, (exec_*, pause, unpause, health_status, oom, kill)*, die,
(stop | restart)?, destroy.  An exit is never published before its start.
"""

from __future__ import annotations

from ..values import field, value


@value
class Event:
    """`type` is container, image, volume, network or engine; `action` Docker's word; `id` the object's."""

    time_ns: int
    type: str
    action: str
    id: str
    attributes: dict[str, str] = field(default_factory=dict)
