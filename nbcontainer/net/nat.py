"""The one table of a store in nf_tables: what leaves, what comes in by published ports, who may talk to whom.

Links tell whose a packet is: a store's bridges begin with its key, and `_` in place of `-` says that a
network is internal.  So no rule is made for a container: publishing a port is one element of a map.

    raw          127.0.0.0/8 is this host's own, whatever a container sends there
    published    from outside, and from the host itself: ports -> a container
    masquerade   what leaves goes under the host's own address
    proxy        what leads out otherwise is not for internal networks
    forward      bridges do not reach one another; from outside nothing comes but by published ports
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import NamedTuple

from . import netlink, nft

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_IFNAMSIZ = 16
_V4 = b"\x02"
_LOOPBACK = b"\x7f"
_RAW, _DSTNAT, _SRCNAT = -300, -100, 100
_ALL, _SOME, _SAME = "published", "published_at", "bridges"


class Published(NamedTuple):
    """A port of the host, address "" or 0.0.0.0 = all of version 4, and where it leads."""

    protocol: str
    host: tuple[str, int]
    to: tuple[str, int]


def prefix(key: str) -> str:
    """Return how the names of a store's bridges begin."""
    return f"nbc{key}"


def table_name(key: str) -> str:
    """Return the name of a store's table."""
    return f"nbcontainer-{key}"


def bridge_name(key: str, network_id: str, *, internal: bool) -> str:
    """Return the name of a network's bridge."""
    return f"{prefix(key)}{'_' if internal else '-'}{network_id[:6]}"


def make(sock: socket.socket, key: str, *, proxy_port: int = 0) -> None:
    """Make the table; nothing happens if it is there.

    `proxy_port`: what listens there leads out, so internal networks do not reach it.
    Raises: OSError where nf_tables cannot do it.
    """
    try:
        nft.commit(sock, *ruleset(key, proxy_port))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def remove(sock: socket.socket, key: str) -> None:
    """Remove the table and all that is in it; idempotent."""
    try:
        nft.commit(sock, nft.delete_table(table_name(key)))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def ruleset(key: str, proxy_port: int = 0) -> list[nft.Request]:
    """Return the table's making.  A second time it is refused as a whole by EEXIST."""
    table = table_name(key)
    port = (nft.PROTOCOL << 6 | nft.SERVICE, 8)
    place = (nft.IPV4 << 6 | nft.SERVICE, 8)
    at = (nft.IPV4 << 12 | nft.PROTOCOL << 6 | nft.SERVICE, 12)
    pair = (nft.NAME << 6 | nft.NAME, 2 * _IFNAMSIZ)
    made = nft.add_table(table)
    # the table is the claim: whoever comes second is refused before a rule is doubled
    requests = [(made[0], made[1] | netlink.EXCLUSIVE, made[2])]
    requests += [
        nft.add_set(table, _ALL, 1, port, place),
        nft.add_set(table, _SOME, 2, at, place),
        nft.add_set(table, _SAME, 3, pair),
        nft.add_chain(table, "raw", "filter", nft.PREROUTING, _RAW),
        nft.add_chain(table, "from_outside", "nat", nft.PREROUTING, _DSTNAT),
        nft.add_chain(table, "from_host", "nat", nft.OUTPUT, _DSTNAT),
        nft.add_chain(table, "masquerade", "nat", nft.POSTROUTING, _SRCNAT),
        nft.add_chain(table, "forward", "filter", nft.FORWARD, 0),
    ]
    requests.append(
        nft.add_rule(
            table,
            "raw",
            *_from(key),
            *_first_byte(nft.DESTINATION_FIRST_BYTE),
            nft.verdict(nft.DROP),
        )
    )
    for chain in ("from_outside", "from_host"):
        requests += [nft.add_rule(table, chain, *rule) for rule in _publish_rules()]
    requests += [nft.add_rule(table, "masquerade", *rule) for rule in _masquerade_rules(key)]
    requests += [nft.add_rule(table, "forward", *rule) for rule in _forward_rules(key)]
    if proxy_port:
        requests.append(nft.add_chain(table, "proxy", "filter", nft.INPUT, 0))
        requests.append(nft.add_rule(table, "proxy", *_closed(key, proxy_port)))
    return requests


def _closed(key: str, port: int) -> list[bytes]:
    """Return the rule that keeps a port of this side from containers on internal networks."""
    tcp = [nft.meta(nft.L4PROTO), nft.compare(bytes([socket.IPPROTO_TCP]))]
    there = [nft.payload(nft.DESTINATION_PORT), nft.compare(struct.pack(">H", port))]
    return [*_is(nft.IIFNAME, f"{prefix(key)}_"), *tcp, *there, nft.verdict(nft.DROP)]


def _is(name: int, text: str, how: int = nft.EQUAL) -> list[bytes]:
    return [nft.meta(name), nft.compare(text.encode(), how)]


def _from(key: str, how: int = nft.EQUAL) -> list[bytes]:
    return _is(nft.IIFNAME, prefix(key), how)


def _to(key: str, how: int = nft.EQUAL) -> list[bytes]:
    return _is(nft.OIFNAME, prefix(key), how)


def _first_byte(field: tuple[int, int, int]) -> list[bytes]:
    loopback = [nft.payload(field), nft.compare(_LOOPBACK)]
    return [nft.meta(nft.NFPROTO), nft.compare(_V4), *loopback]


def _publish_rules() -> list[list[bytes]]:
    to_container = nft.dnat(1, nft.register(1))
    v4 = [nft.meta(nft.NFPROTO), nft.compare(_V4)]
    at = [
        *v4,
        nft.payload(nft.DESTINATION),
        nft.meta(nft.L4PROTO, nft.register(1)),
        nft.payload(nft.DESTINATION_PORT, nft.register(2)),
        nft.lookup(_SOME, 1),
        to_container,
    ]
    local = [nft.is_local_destination(), nft.compare(struct.pack("=I", nft.LOCAL))]
    anywhere = [
        *v4,
        *local,
        nft.meta(nft.L4PROTO),
        nft.payload(nft.DESTINATION_PORT, nft.register(1)),
        nft.lookup(_ALL, 1),
        to_container,
    ]
    return [at, anywhere]


def _masquerade_rules(key: str) -> list[list[bytes]]:
    outward = [*_is(nft.IIFNAME, f"{prefix(key)}-"), *_to(key, nft.DIFFERENT)]
    translated = [nft.conntrack(nft.STATUS), nft.any_bit(nft.DNAT)]
    return [
        [*outward, nft.masquerade()],
        # a container that asks for a published port of its own neighbour, or of itself
        [*_to(key), *translated, *_from(key), nft.masquerade()],
        # the host's own loopback cannot be answered to
        [*_to(key), *_first_byte(nft.SOURCE_FIRST_BYTE), nft.masquerade()],
    ]


def _forward_rules(key: str) -> list[list[bytes]]:
    accept = nft.verdict(nft.ACCEPT)
    other = [*_from(key, nft.DIFFERENT), *_to(key, nft.DIFFERENT), nft.verdict(nft.RETURN)]
    known = [nft.conntrack(nft.STATE), nft.any_bit(nft.ESTABLISHED_OR_RELATED)]
    published = [nft.conntrack(nft.STATUS), nft.any_bit(nft.DNAT)]
    # 16 bytes each: a name fills a register of old size
    same = [nft.meta(nft.IIFNAME), nft.meta(nft.OIFNAME, 2), nft.lookup(_SAME)]
    outward = [*_is(nft.IIFNAME, f"{prefix(key)}-"), *_to(key, nft.DIFFERENT)]
    return [
        other,
        [*known, accept],
        [*published, accept],
        [*same, accept],
        [*outward, accept],
        [nft.verdict(nft.DROP)],
    ]


def add_bridge(sock: socket.socket, key: str, bridge: str) -> None:
    """Let the containers of one bridge reach one another where bridged packets pass here too."""
    try:
        nft.commit(sock, nft.add_elements(table_name(key), _SAME, (_pair(bridge), b"")))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def forget_bridge(sock: socket.socket, key: str, bridge: str) -> None:
    """Undo `add_bridge`; idempotent."""
    _forget(sock, nft.delete_element(table_name(key), _SAME, _pair(bridge)))


def _pair(bridge: str) -> bytes:
    return bridge.encode().ljust(_IFNAMSIZ, b"\0") * 2


def publish(sock: socket.socket, key: str, *ports: Published) -> None:
    """Lead ports of the host to a container, all in one moment.

    What the maps held for a port is replaced: who has the port's socket decides.
    """
    try:
        nft.commit(sock, *_additions(key, ports))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        unpublish(sock, key, *ports)
        nft.commit(sock, *_additions(key, ports))


def _additions(key: str, ports: tuple[Published, ...]) -> list[nft.Request]:
    made = []
    for port in ports:
        name, its_key = _place(port.protocol, port.host)
        value = socket.inet_aton(port.to[0]) + _port(port.to[1])
        made.append(nft.add_elements(table_name(key), name, (its_key, value)))
    return made


def unpublish(sock: socket.socket, key: str, *ports: Published) -> None:
    """Undo `publish`; idempotent."""
    for port in ports:
        name, its_key = _place(port.protocol, port.host)
        _forget(sock, nft.delete_element(table_name(key), name, its_key))


def led_to(sock: socket.socket, key: str, address: str) -> tuple[Published, ...]:
    """Return what is published of a container's address."""
    return tuple([port for port in published(sock, key) if port.to[0] == address])


def published(sock: socket.socket, key: str) -> list[Published]:
    """Return all that is published by this store."""
    names = {number: name for name, number in PROTOCOLS.items()}
    found = []
    for name in (_ALL, _SOME):
        for its_key, value in nft.elements(sock, table_name(key), name):
            address = socket.inet_ntoa(its_key[:4]) if name == _SOME else ""
            protocol, port = struct.unpack(">B3xH", its_key[-8:-2])
            to = socket.inet_ntoa(value[:4]), struct.unpack_from(">H", value, 4)[0]
            found.append(Published(names.get(protocol, str(protocol)), (address, port), to))
    return found


def _port(number: int) -> bytes:
    return struct.pack(">HH", number, 0)


def _place(protocol: str, host: tuple[str, int]) -> tuple[str, bytes]:
    address, port = host
    key = struct.pack(">B3x", PROTOCOLS[protocol]) + _port(port)
    if address in ("", "0.0.0.0"):
        return _ALL, key
    return _SOME, socket.inet_aton(address) + key


def _forget(sock: socket.socket, request: nft.Request) -> None:
    try:
        nft.commit(sock, request)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
