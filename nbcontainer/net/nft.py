"""nf_tables' packets: tables, chains, sets and rules as values, and batches that happen wholly or not.

Numbers are those of linux/netfilter/nf_tables.h; a rule is written as a row of expressions, each named as
`nft --debug=netlink` prints it, so that the two can be laid side by side.
"""

from __future__ import annotations

import errno
import socket
import struct

from . import netlink
from .netlink import attribute, nested, text

INET = 1
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _GETCHAIN, _NEWRULE = 0, 2, 3, 4, 6
_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
_NEWSET, _NEWSETELEM, _GETSETELEM, _DELSETELEM = 9, 12, 13, 14
_BATCH_BEGIN, _BATCH_END = 16, 17

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = 0, 1, 2, 3, 4
DROP, ACCEPT, RETURN = 0, 1, -5
EQUAL, DIFFERENT = 0, 1

# where a packet's fields lie: [network header | transport header], offset, bytes
SOURCE_FIRST_BYTE, DESTINATION_FIRST_BYTE = (1, 12, 1), (1, 16, 1)
DESTINATION, DESTINATION_PORT = (1, 16, 4), (2, 2, 2)
# meta keys
NFPROTO, L4PROTO, IIFNAME, OIFNAME = 15, 16, 6, 7
# conntrack keys and bits
STATE, STATUS = 0, 2
ESTABLISHED_OR_RELATED, DNAT = 6, 32
LOCAL = 2

_MAP = 8
# set types, as nft numbers them; only for who lists the table by `nft`
IPV4, PROTOCOL, SERVICE, NAME = 7, 12, 13, 41

Request = tuple[int, int, bytes]


def _be32(value: int) -> bytes:
    return struct.pack(">i", value)


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, _be32(value))


def _request(kind: int, flags: int, body: bytes) -> Request:
    return _SUBSYSTEM << 8 | kind, flags, struct.pack(">BBH", INET, 0, 0) + body


def register(words: int) -> int:
    """Return the number of the register that begins `words` words of 32 bits into the sixteen."""
    return 8 + words if words else 1


# -- expressions


def _expression(name: str, *parts: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *parts))


def meta(key: int, into: int = 1) -> bytes:
    """Load something about the packet."""
    return _expression("meta", _number(2, key), _number(1, into))


def payload(field: tuple[int, int, int], into: int = 1) -> bytes:
    """Load a field of the packet."""
    base, offset, size = field
    numbers = ((1, into), (2, base), (3, offset), (4, size))
    return _expression("payload", *(_number(kind, value) for kind, value in numbers))


def conntrack(key: int) -> bytes:
    """Load what is known of the connection."""
    return _expression("ct", _number(2, key), _number(1, 1))


def is_local_destination() -> bytes:
    """Load what kind of address the packet goes to."""
    return _expression("fib", _number(1, 1), _number(2, 3), _number(3, 2))


def compare(data: bytes, how: int = EQUAL) -> bytes:
    """Go on only if the register begins (EQUAL), or does not begin (DIFFERENT), with `data`."""
    return _expression("cmp", _number(1, 1), _number(2, how), nested(3, attribute(1, data)))


def any_bit(mask: int) -> bytes:
    """Go on only if the register has one of these bits."""
    word = struct.pack("=I", mask)
    sizes = (_number(1, 1), _number(2, 1), _number(3, 4))
    masks = (nested(4, attribute(1, word)), nested(5, attribute(1, bytes(4))))
    return _expression("bitwise", *sizes, *masks) + compare(bytes(4), DIFFERENT)


def lookup(name: str, into: int = 0) -> bytes:
    """Go on only if the set holds what the registers hold; of a map the value is loaded."""
    value = (_number(3, into),) if into else ()
    return _expression("lookup", text(1, name), _number(2, 1), *value)


def dnat(address: int, port: int) -> bytes:
    """Send the connection elsewhere: version 4, address and port from registers."""
    numbers = ((1, 1), (2, socket.AF_INET), (3, address), (5, port))
    return _expression("nat", *(_number(kind, value) for kind, value in numbers))


def masquerade() -> bytes:
    """Let the connection come from this host's own address."""
    return _expression("masq")


def constant(data: bytes, into: int = 1) -> bytes:
    """Load bytes that are the same for every packet."""
    return _expression("immediate", _number(1, into), nested(2, attribute(1, data)))


def verdict(code: int) -> bytes:
    """End: DROP, ACCEPT or RETURN."""
    return _expression("immediate", _number(1, 0), nested(2, nested(2, _number(1, code))))


# -- what holds them


def add_table(table: str) -> Request:
    """Make a table; one that is there is kept."""
    return _request(_NEWTABLE, netlink.CREATE, text(1, table))


def delete_table(table: str) -> Request:
    """Remove a table with all that is in it."""
    return _request(_DELTABLE, 0, text(1, table))


def add_chain(table: str, chain: str, kind: str, hook: int, priority: int) -> Request:
    """Make a chain that packets pass."""
    place = nested(4, _number(1, hook), _number(2, priority))
    body = text(1, table) + text(3, chain) + place + text(7, kind)
    return _request(_NEWCHAIN, netlink.CREATE, body)


def add_rule(table: str, chain: str, *expressions: bytes) -> Request:
    """Append a rule."""
    body = text(1, table) + text(2, chain) + nested(4, *expressions)
    return _request(_NEWRULE, netlink.CREATE | netlink.APPEND, body)


def add_set(
    table: str, name: str, number: int, key: tuple[int, int], value: tuple[int, int] = (0, 0)
) -> Request:
    """Make a set, or a map where there is a `value`; each is (nft's type, bytes).

    `number` tells the sets of one batch apart.
    """
    is_map = value != (0, 0)
    body = text(1, table) + text(2, name) + _number(3, _MAP if is_map else 0)
    body += _number(4, key[0]) + _number(5, key[1])
    if is_map:
        body += _number(6, value[0]) + _number(7, value[1])
    return _request(_NEWSET, netlink.CREATE, body + _number(10, number))


def add_elements(table: str, name: str, *elements: tuple[bytes, bytes]) -> Request:
    """Put (key, value) pairs into a map; an empty value for a set.  One that is there: EEXIST."""
    return _request(
        _NEWSETELEM, netlink.CREATE | netlink.EXCLUSIVE, _elements(table, name, elements)
    )


def delete_element(table: str, name: str, key: bytes) -> Request:
    """Take one key out of a set."""
    return _request(_DELSETELEM, 0, _elements(table, name, ((key, b""),)))


def _elements(table: str, name: str, elements: tuple[tuple[bytes, bytes], ...]) -> bytes:
    rows = []
    for key, value in elements:
        parts = [nested(1, attribute(1, key))]
        if value:
            parts.append(nested(2, attribute(1, value)))
        rows.append(nested(1, *parts))
    return text(2, name) + text(1, table) + nested(3, *rows)


def commit(sock: socket.socket, *requests: Request) -> None:
    """Carry out all requests at one moment, or none.

    Raises: OSError with Linux's errno for the first that was refused.
    """
    body = struct.pack(">BBH", 0, 0, _SUBSYSTEM)
    everything = [(_BATCH_BEGIN, 0, body), *requests, (_BATCH_END, 0, body)]
    netlink.transact(sock, everything, [False, *[True] * len(requests), False])


def elements(sock: socket.socket, table: str, name: str) -> list[tuple[bytes, bytes]]:
    """Return the (key, value) pairs of a set; none where the table is not there."""
    found = []
    kind, _, body = _request(_GETSETELEM, 0, text(1, table) + text(2, name))
    try:
        for data in netlink.dump(sock, kind, body):
            rows = netlink.parse(data[4:]).get(3, b"")
            for row in _rows(rows):
                parts = netlink.parse(row)
                key = netlink.parse(parts.get(1, b"")).get(1, b"")
                value = netlink.parse(parts.get(2, b"")).get(1, b"")
                found.append((key, value))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    return found


def closed_to_forwarding(sock: socket.socket) -> list[str]:
    """Return the chains that drop what is forwarded where no rule of theirs lets it through.

    As "table ip filter, chain FORWARD"; version 6 is left out.  No other table can undo such a drop.
    """
    found = []
    for data in netlink.dump(sock, _SUBSYSTEM << 8 | _GETCHAIN, struct.pack(">BBH", 0, 0, 0)):
        parts = netlink.parse(data[4:])
        family = _FAMILIES.get(data[0], "")
        hook = netlink.parse(parts.get(4, b"")).get(1, b"")
        if family in ("inet", "ip") and hook == _be32(FORWARD) and parts.get(5) == _be32(DROP):
            table, chain = (
                parts.get(n, b"").rstrip(b"\0").decode(errors="replace") for n in (1, 3)
            )
            found.append(f"table {family} {table}, chain {chain}")
    return found


def _rows(data: bytes) -> list[bytes]:
    # a list of attributes that all have one number
    rows = []
    while len(data) >= 4:
        size = struct.unpack_from("=H", data)[0]
        if size < 4:
            break
        rows.append(data[4:size])
        data = data[size + (-size % 4) :]
    return rows
