"""Make a socket within a container's network, for a client outside who gets it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from ..linux import syscalls
from ..net import netlink
from . import wire

_PATIENCE_S = 5.0


def dial(init_pid: int, address: str, port: int, client: int) -> None:
    """Send a socket through `client` that is connected to `port` from within the network of `init_pid`."""

    def connected() -> socket.socket:
        made = socket.create_connection((address, port), timeout=_PATIENCE_S)
        made.setblocking(True)
        return made

    _make(init_pid, client, connected)


def look(init_pid: int, client: int) -> None:
    """Send a netlink socket of the network of `init_pid` through `client`, to ask what links there are."""
    _make(init_pid, client, lambda: netlink.open_socket(netlink.ROUTE))


def _make(init_pid: int, client: int, make: Callable[[], socket.socket]) -> None:
    """Have a child enter the network, make the socket and send it, or in its place what went wrong.

    Returns at once: the child may have to wait for somebody's answer.
    """
    network = os.open(f"/proc/{init_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fork() == 0:
            try:
                _send(network, client, make)
            finally:
                os._exit(0)
    finally:
        os.close(network)


def _send(network: int, client: int, make: Callable[[], socket.socket]) -> None:
    session = socket.socket(fileno=client)
    try:
        syscalls.setns(network, syscalls.CLONE_NEWNET)
        made = make()
        wire.send_bytes(session, b"made", (made.fileno(),))
    except OSError as error:
        wire.send_bytes(session, (error.strerror or str(error)).lower().encode())
