"""What links a network namespace has, with their addresses and counters, for people who look.

pyroute2 reads the answers: it knows every attribute of every kind of link.  Nothing that a start waits for
stands here, since to import it takes as long as the links of many containers.
"""

from __future__ import annotations

import socket
from typing import Any

from ..spec.network import Interface
from . import netlink

_NEWLINK, _GETLINK = 16, 18
_NEWADDR, _GETADDR = 20, 22
_UP = 1


def survey(sock: socket.socket) -> list[Interface]:
    """Return the links of the socket's network namespace by number.

    Raises: OSError with Linux's errno.
    """
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    found = _decoded(sock, ifinfmsg, _NEWLINK, _GETLINK, bytes(16))
    names = {message["index"]: message.get_attr("IFLA_IFNAME") for message in found}
    addresses: dict[int, list[str]] = {}
    for message in _decoded(sock, ifaddrmsg, _NEWADDR, _GETADDR, bytes(8)):
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        addresses.setdefault(message["index"], []).append(f"{text}/{message['prefixlen']}")
    return [
        _interface(message, names, addresses.get(message["index"], []))
        for message in sorted(found, key=lambda message: message["index"])
    ]


def _decoded(sock: socket.socket, form: Any, kind: int, question: int, body: bytes) -> list[Any]:
    found = []
    for data in netlink.dump(sock, question, body):
        message = form(netlink.message(kind, 0, data))
        message.decode()
        found.append(message)
    return found


def _interface(message: Any, names: dict[int, str], addresses: list[str]) -> Interface:
    info = message.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") if info else "") or ""
    if not kind and message.get_attr("IFLA_IFNAME") == "lo":
        kind = "loopback"
    counts = message.get_attr("IFLA_STATS64") or {}
    return Interface(
        message["index"],
        message.get_attr("IFLA_IFNAME"),
        kind,
        bool(message["flags"] & _UP),
        message.get_attr("IFLA_MTU") or 0,
        message.get_attr("IFLA_ADDRESS") or "",
        (message.get_attr("IFLA_LINK") or 0) if kind == "veth" else 0,
        names.get(message.get_attr("IFLA_MASTER") or 0, ""),
        tuple(addresses),
        counts.get("rx_bytes", 0),
        counts.get("tx_bytes", 0),
    )
