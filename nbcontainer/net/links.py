"""Links, addresses and routes, by rtnetlink on a socket that says in which network namespace.

Thin: names in, OSErrors out.  What is asked for and there already is no error.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from . import netlink
from .netlink import attribute, nested, number, text

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR = 20
_NEWROUTE, _GETROUTE = 24, 26
_ADDRESS, _IFNAME, _MTU, _MASTER, _LINKINFO, _NET_NS_PID, _GROUP = 1, 3, 4, 10, 18, 19, 27
_AF_SPEC = 26
_KIND, _DATA, _VETH_PEER = 1, 2, 1
_INET6_ADDR_GEN_MODE, _NO_ADDRESS = 8, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_FLAGS, _IFA_F_NODAD = 1, 2, 4, 8, 0x02
_DESTINATION, _OUT, _GATEWAY = 1, 4, 5
_UP = 1
_MAIN, _BOOT, _UNIVERSE, _UNICAST = 254, 3, 0, 1
_NEW = netlink.CREATE | netlink.EXCLUSIVE


class Link(NamedTuple):
    """One link.  `group` is a number that who made it put on it."""

    number: int
    name: str
    kind: str
    is_up: bool
    master: int
    mac: str
    group: int


class Route(NamedTuple):
    """One route of the main table: "10.0.0.0/8", and the number of the link it leads out of."""

    destination: str
    link: int


def _link(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BBHiII", 0, 0, 0, index, flags, change)


def mac_bytes(mac: str) -> bytes:
    """Return the six bytes of "02:42:ac:11:00:02"."""
    return bytes.fromhex(mac.replace(":", ""))


def packed(address: str) -> tuple[int, bytes]:
    """Return (family, bytes) of an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)


def index_of(sock: socket.socket, name: str) -> int:
    """Return a link's number, 0 if there is none of that name."""
    try:
        data = netlink.one(sock, _GETLINK, _link() + text(_IFNAME, name))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return 0
    return int(struct.unpack_from("=i", data, 4)[0])


def links(sock: socket.socket) -> Iterator[Link]:
    """Yield every link of the namespace."""
    for data in netlink.dump(sock, _GETLINK, _link()):
        index, flags = struct.unpack_from("=iI", data, 4)
        found = netlink.parse(data[16:])
        info = netlink.parse(found.get(_LINKINFO, b""))
        yield Link(
            index,
            _word(found.get(_IFNAME, b"")),
            _word(info.get(_KIND, b"")),
            bool(flags & _UP),
            struct.unpack("=I", found[_MASTER])[0] if _MASTER in found else 0,
            found.get(_ADDRESS, b"").hex(":"),
            struct.unpack("=I", found[_GROUP])[0] if _GROUP in found else 0,
        )


def _word(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")


def routes(sock: socket.socket) -> Iterator[Route]:
    """Yield the routes of the main table that lead to a network; default routes are left out."""
    for family in (socket.AF_INET, socket.AF_INET6):
        body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
        for data in netlink.dump(sock, _GETROUTE, body):
            its_family, bits, _, _, table = struct.unpack_from("=BBBBB", data)
            found = netlink.parse(data[12:])
            if table != _MAIN or not bits or _DESTINATION not in found or its_family != family:
                continue
            where = socket.inet_ntop(family, found[_DESTINATION])
            out = struct.unpack("=I", found[_OUT])[0] if _OUT in found else 0
            yield Route(f"{where}/{bits}", out)


def routed(sock: socket.socket) -> list[tuple[str, str]]:
    """Return where the routes of the main table lead to, each with its link's name."""
    names = {link.number: link.name for link in links(sock)}
    return [(route.destination, names.get(route.link, "?")) for route in routes(sock)]


def make_bridge(sock: socket.socket, name: str, mac: str, *, mtu: int = 0) -> int:
    """Make a bridge, up; return its number.  One that is there is taken as it is."""
    body = text(_IFNAME, name) + attribute(_ADDRESS, mac_bytes(mac))
    if mtu:
        body += number(_MTU, mtu)
    body += nested(_LINKINFO, text(_KIND, "bridge"))
    try:
        netlink.ask(sock, (_NEWLINK, _NEW, _link(0, _UP, _UP) + body))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    return index_of(sock, name)


def make_veth(
    sock: socket.socket,
    name: str,
    *,
    bridge: int,
    pid: int,
    peer: str,
    mac: str,
    mtu: int = 0,
    group: int = 0,
) -> None:
    """Make a pair: `name` here, on the bridge and up; `peer` in the namespace of `pid`, still down."""
    size = number(_MTU, mtu) if mtu else b""
    inside = _link() + text(_IFNAME, peer) + number(_NET_NS_PID, pid)
    inside += attribute(_ADDRESS, mac_bytes(mac)) + size
    # Linux reads the group of attributes of a peer without the nesting flag only
    data = attribute(_DATA, attribute(_VETH_PEER, inside))
    body = text(_IFNAME, name) + number(_MASTER, bridge) + number(_GROUP, group) + size
    body += attribute(_LINKINFO, text(_KIND, "veth") + data)
    netlink.ask(sock, (_NEWLINK, _NEW, _link(0, _UP, _UP) + body))


def add_to_bridge(sock: socket.socket, index: int, bridge: int) -> None:
    """Put a link on a bridge."""
    netlink.ask(sock, (_SETLINK, 0, _link(index, _UP, _UP) + number(_MASTER, bridge)))


def set_up(sock: socket.socket, index: int) -> None:
    """Switch a link on."""
    netlink.ask(sock, (_NEWLINK, 0, _link(index, _UP, _UP)))


def remove(sock: socket.socket, name: str) -> None:
    """Remove a link; one that is not there is fine."""
    try:
        netlink.ask(sock, (_DELLINK, 0, _link() + text(_IFNAME, name)))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def may_change(sock: socket.socket) -> bool:
    """Tell whether the caller may change links here, by asking for what cannot be.

    Linux looks at rights first.
    """
    try:
        netlink.ask(sock, (_DELLINK, 0, _link() + text(_IFNAME, "nbc-no-such-link"[:15])))
    except OSError as error:
        return error.errno == errno.ENODEV
    return True


def _address_request(index: int, address: str, prefix: int) -> tuple[int, int, bytes]:
    family, data = packed(address)
    body = struct.pack("=BBBBI", family, prefix, 0, 0, index)
    body += attribute(_IFA_LOCAL, data) + attribute(_IFA_ADDRESS, data)
    if family == socket.AF_INET:
        last = int.from_bytes(data) | (1 << 32 - prefix) - 1
        body += attribute(_IFA_BROADCAST, last.to_bytes(4))
    else:
        # nobody else chooses addresses here, so there is nothing to wait a second for
        body += number(_IFA_FLAGS, _IFA_F_NODAD)
    return _NEWADDR, netlink.CREATE | netlink.REPLACE, body


def add_address(sock: socket.socket, index: int, address: str, prefix: int) -> None:
    """Give a link an address; idempotent."""
    netlink.ask(sock, _address_request(index, address, prefix))


def configure(
    sock: socket.socket, index: int, addresses: list[tuple[str, int]], gateways: list[str]
) -> None:
    """Give a link its addresses, switch it on and make it the way out to these gateways.

    The addresses come first, so that a link that comes up announces them where arp_notify is set.
    Without an address of version 6 it gives itself none either.
    """
    body = _link(index, _UP, _UP)
    if not any(":" in address for address, _ in addresses):
        mode = attribute(_INET6_ADDR_GEN_MODE, bytes([_NO_ADDRESS]))
        body += nested(_AF_SPEC, nested(socket.AF_INET6, mode))
    requests = [_address_request(index, address, prefix) for address, prefix in addresses]
    requests.append((_SETLINK, 0, body))
    for request in requests:
        netlink.ask(sock, request)
    lead_out(sock, index, gateways)


def lead_out(sock: socket.socket, index: int, gateways: list[str]) -> None:
    """Make a link the way out to these gateways."""
    for gateway in gateways:
        netlink.ask(sock, _default_request(index, gateway))


def _default_request(index: int, gateway: str) -> tuple[int, int, bytes]:
    family, data = packed(gateway)
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, _MAIN, _BOOT, _UNIVERSE, _UNICAST, 0)
    body += attribute(_GATEWAY, data) + number(_OUT, index)
    return _NEWROUTE, netlink.CREATE | netlink.REPLACE, body
