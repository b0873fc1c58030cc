"""Anatomy: what one container is made of at a moment, as plain facts.  Read by the engine, drawn by views.

Whatever this host does not tell is None or empty; a container that does not run has no processes and no
namespaces, but its layers and what it was asked to be.
"""

from __future__ import annotations

from ..values import value


@value
class Process:
    """One process, as it is counted inside (0 = not seen from there) and outside."""

    pid_inside: int
    pid_outside: int
    uid_inside: int
    uid_outside: int
    command: str


@value
class Namespace:
    """`inode` is its identity; `host_inode` that of whoever looks, so that equal ones are shared."""

    kind: str
    inode: int
    host_inode: int

    @property
    def is_own(self) -> bool:
        """Tell whether the container has its own."""
        return self.inode != self.host_inode


@value
class Limit:
    """What a cgroup allows and what is used of it; limit 0 = none.

    `unit` is "bytes", "cpus" or "" (a number).
    """

    name: str
    used: float | None
    limit: float
    unit: str = ""


@value
class Layer:
    """One layer, the lowest first; `size_bytes` is what it takes packed, -1 = not known."""

    id: str
    created_by: str
    size_bytes: int = -1


@value
class Mount:
    """What is mounted where, in the container's own words."""

    target: str
    fstype: str
    source: str
    read_only: bool


@value
class Hop:
    """A station of a packet from outside to a process; `is_end`: it gets no further."""

    name: str
    detail: str = ""
    is_end: bool = False


@value
class Anatomy:
    """All of it.  `uid_map`: (inside, outside, count).  `kept`, `dropped`: capabilities."""

    id: str
    name: str
    image: str
    status: str
    command: str
    linux: str
    host_processes: int
    cgroup: str = ""
    processes: tuple[Process, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    uid_map: tuple[tuple[int, int, int], ...] = ()
    limits: tuple[Limit, ...] = ()
    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    seccomp: str = ""
    no_new_privileges: bool = True
    layers: tuple[Layer, ...] = ()
    upper_bytes: int = -1
    mounts: tuple[Mount, ...] = ()
    hops: tuple[Hop, ...] = ()
