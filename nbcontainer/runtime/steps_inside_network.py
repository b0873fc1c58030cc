"""The stage's steps for a network namespace of init's own: settings, loopback, sockets to hand out."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .steps_inside import Inside

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_NETFILTER = 12


def sysctl(box: Inside, args: dict[str, Any]) -> None:
    """Write the network namespace's values; one that this Linux lacks is left as it is."""
    for name, value in args["values"].items():
        try:
            descriptor = os.open(box.staged(f"/proc/sys/{name}"), os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)


def loopback(box: Inside, args: dict[str, Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def network_socket(box: Inside, args: dict[str, Any]) -> None:
    """Open a netlink socket here: whoever has it may connect this namespace, now and later."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    sock.bind((0, 0))
    box.handed.append(sock.detach())


def name_sockets(box: Inside, args: dict[str, Any]) -> None:
    """Open the sockets that `names_place` binds once names are answered: until then no port is taken."""
    kinds = [(socket.AF_INET, socket.SOCK_DGRAM, 0), (socket.AF_INET, socket.SOCK_STREAM, 0)]
    for family, kind, protocol in (*kinds, (socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)):
        try:
            sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
        except OSError:
            if family != socket.AF_NETLINK:
                raise
            return  # this Linux has no netfilter
        if family == socket.AF_NETLINK:
            sock.bind((0, 0))
        box.handed.append(sock.detach())
