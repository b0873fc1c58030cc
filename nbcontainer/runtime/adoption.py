"""How a container comes to its shim: what the shim will hold, and the word that the program runs.

    foreman -> shim   the JSON of `give`, with   session, lock, listener, stdout, stderr, stdin (unless it
                      these descriptors          is to have a terminal), what is kept, the cgroup's entrances
    foreman -> shim   the JSON of `say_it_runs`  the program runs: from here on the container is the shim's.
                      with a terminal's master,  End of file: there is none
                      its cables, what else is kept

The first comes while init still assembles, so that the shim is ready once the program runs.  It says no more
than what a quiet container needs; the rest is in the container's two files, read when it comes to that.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from ..spec.codec import encode
from ..spec.lifecycle import State
from ..spec.runtime import RuntimeConfig
from . import wire
from .health import active_check
from .pipes import Ends
from .sandbox import Sandbox

# the first byte: may the shim stay quiet, and what is to be listened to then
QUIET, QUIET_TERMINAL, BUSY = b"q", b"t", b"b"
_ZERO = ord("0")


class Adoption:
    """What the shim is given.  A `session` of -1 stands for one that was let go of."""

    __slots__ = (
        "container_id", "entrances", "has_check", "is_restarted", "keeps_stdin", "kept", "listener",
        "lock", "log", "owned", "pipes", "sandbox", "session", "takes_stdin",
    )  # fmt: skip

    def __init__(self, data: bytes, descriptors: tuple[int, ...]) -> None:
        given: dict[str, Any] = json.loads(data[1:])
        self.container_id: str = given["id"]
        self.sandbox: str = given["sandbox"]
        self.log: list[int] = given["log"]
        self.owned: bool = given["owned"]
        self.takes_stdin: bool = given["takes_stdin"]
        self.keeps_stdin: bool = given["keeps_stdin"]
        self.has_check: bool = given["has_check"]
        self.is_restarted: bool = given["is_restarted"]
        self.session, self.lock, self.listener, *rest = descriptors
        self.pipes: Ends = (-1, -1, -1)
        if given["tty"]:
            pass  # it comes with the word that the program runs
        elif given["takes_stdin"]:
            self.pipes, rest = (rest[2], rest[0], rest[1]), rest[3:]
        else:
            self.pipes, rest = (-1, rest[0], rest[1]), rest[2:]
        self.kept = rest[: given["kept"]]
        self.entrances = rest[given["kept"] :]


def give(
    control: socket.socket,
    config: RuntimeConfig,
    sandbox: Sandbox,
    *,
    owned: bool,
    session: int,
    lock: int,
    listener: int,
    pipes: Ends,
) -> None:
    """Give the shim what it will hold.  Raises: OSError if it is gone."""
    given = {
        "id": config.id,
        "sandbox": sandbox.name,
        "log": [config.log.max_size_bytes, config.log.max_file],
        "owned": owned,
        "tty": config.tty,
        "takes_stdin": config.open_stdin,
        "keeps_stdin": config.tty or not config.stdin_once,
        "has_check": active_check(config) is not None,
        "is_restarted": config.restart.name != "no",
        "kept": len(sandbox.box.kept),
    }
    streams = [end for end in (*pipes[1:], pipes[0]) if end >= 0]
    descriptors = (session, lock, listener, *streams, *sandbox.box.kept, *sandbox.box.entrances)
    kind = QUIET_TERMINAL if config.tty else QUIET
    is_busy = owned or given["has_check"] or config.publish or config.publish_all
    if is_busy or (config.open_stdin and config.stdin_once):
        kind = BUSY
    wire.send_bytes(control, kind + json.dumps(given).encode(), descriptors)


def to_watch(
    data: bytes, descriptors: tuple[int, ...], runs: bytes, more: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the descriptors by which a quiet container calls its shim.

    `data`, `runs`: both packets.  Does next to nothing: see `quiet`.
    """
    outputs = descriptors[2:5] if data[:1] == QUIET else descriptors[2:3]
    return outputs + more[: runs[0] - _ZERO]


def say_it_runs(
    control: socket.socket, state: State, sandbox: Sandbox, mode: str, given: int
) -> None:
    """Leave the container to its shim, with all that was not in `give`.  Raises: OSError if it is gone.

    `mode`: where the store's bridges are.  `given`: how many descriptors were kept then.
    """
    masters = [sandbox.master] if sandbox.master >= 0 else []
    cabling, cables = sandbox.box.cabling.give()
    kept = sandbox.box.kept[given:]
    told = {"state": encode(state), "cabling": cabling, "mode": mode, "kept": len(kept)}
    # the first byte counts those of the first that call for the shim: a terminal, the end of the keeper
    watched = len(masters) + bool(cabling["is_registered"])
    packet = bytes([_ZERO + watched]) + json.dumps(told).encode()
    wire.send_bytes(control, packet, (*masters, *cables, *kept))


class ItRuns:
    """The word that the program runs, as the shim got it."""

    __slots__ = ("cables", "cabling", "kept", "master", "mode", "state")

    def __init__(self, data: bytes, descriptors: tuple[int, ...], *, has_terminal: bool) -> None:
        told: dict[str, Any] = json.loads(data[1:])
        self.state: dict[str, Any] = told["state"]
        self.cabling: dict[str, Any] = told["cabling"]
        self.mode: str = told["mode"]
        self.master = descriptors[0] if has_terminal else -1
        first, last = int(has_terminal), len(descriptors) - told["kept"]
        self.cables = descriptors[first:last]
        self.kept = descriptors[last:]


def as_session(descriptor: int) -> socket.socket:
    """Return the packet socket of a descriptor; closes it with the socket."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=descriptor)


def close_all(descriptors: tuple[int, ...]) -> None:
    """Close descriptors that came with a packet."""
    for descriptor in descriptors:
        os.close(descriptor)
