"""Netlink's packets: a request, its attributes, and the answer as an OSError or as attributes.

A start of a container spends a millisecond here, and whoever mends after a kill may be any process: so
this is written down in a page instead of being imported.  Numbers are those of linux/netlink.h.
See: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence

ROUTE, NETFILTER = 0, 12
REQUEST, ACK, DUMP, REPLACE, EXCLUSIVE, CREATE, APPEND = 1, 4, 0x300, 0x100, 0x200, 0x400, 0x800
NESTED = 0x8000

_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_CAP_ACK, _SOL_NETLINK = 10, 270
_BUFFER = 1 << 17
# what a peer may keep us waiting: Linux answers at once, or never
_PATIENCE_S = 10.0

Attributes = dict[int, bytes]


def open_socket(protocol: int) -> socket.socket:
    """Return a netlink socket of the calling thread's network namespace."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        sock.bind((0, 0))
        prepare(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def prepare(sock: socket.socket) -> None:
    """Set up a socket that another process opened in its own network namespace."""
    # an error then comes without a copy of the request, however long that was
    sock.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
    sock.settimeout(_PATIENCE_S)


def attribute(kind: int, data: bytes) -> bytes:
    """Return one attribute, padded."""
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + b"\0" * (-size % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind | NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a text."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds 32 bits in this machine's order."""
    return attribute(kind, struct.pack("=I", value))


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    """Return a request."""
    return _HEADER.pack(16 + len(body), kind, flags | REQUEST, sequence, 0) + body


def parse(data: bytes) -> Attributes:
    """Return an attribute's number -> its bytes; what does not fit ends the reading."""
    found: Attributes = {}
    position = 0
    while position + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, position)
        if size < 4 or position + size > len(data):
            break
        found[kind & 0x3FFF] = data[position + 4 : position + size]
        position += size + (-size % 4)
    return found


def ask(sock: socket.socket, *requests: tuple[int, int, bytes]) -> None:
    """Send requests of (type, flags, body) and wait until each was carried out.

    Raises: OSError with Linux's errno for the first that was refused; the others were tried as well.
    """
    transact(sock, requests, [True] * len(requests))


def transact(
    sock: socket.socket, requests: Sequence[tuple[int, int, bytes]], answered: Sequence[bool]
) -> None:
    """Send requests in one packet; of those `answered` say so an answer is awaited.

    Raises: OSError with Linux's errno for the first that was refused.
    """
    parts = []
    for sequence, ((kind, flags, body), wanted) in enumerate(
        zip(requests, answered, strict=True), 1
    ):
        parts.append(message(kind, flags | (ACK if wanted else 0), body, sequence))
    sock.send(b"".join(parts))
    waiting = {sequence for sequence, wanted in enumerate(answered, 1) if wanted}
    first = 0
    while waiting:
        for kind, sequence, body in _packets(sock.recv(_BUFFER)):
            if kind == _ERROR:
                error = struct.unpack_from("=i", body)[0]
                waiting.discard(sequence)
                first = first or -error
                # a batch that is refused as a whole is answered once
                if error and sequence not in range(1, len(answered) + 1):
                    waiting.clear()
    if first:
        raise OSError(first, os.strerror(first), "netlink")


def dump(sock: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """Yield the bodies of all answers to a question.

    Raises: OSError with Linux's errno.
    """
    sock.send(message(kind, DUMP, body, 1))
    while True:
        for answer, _, data in _packets(sock.recv(_BUFFER)):
            if answer == _DONE:
                return
            if answer == _ERROR:
                _raise(data)
            yield data


def one(sock: socket.socket, kind: int, body: bytes) -> bytes:
    """Return the body of the one answer to a question.

    Raises: OSError with Linux's errno.
    """
    sock.send(message(kind, 0, body, 1))
    for answer, _, data in _packets(sock.recv(_BUFFER)):
        if answer == _ERROR:
            _raise(data)
        return data
    return b""


def _raise(data: bytes) -> None:
    error = -struct.unpack_from("=i", data)[0]
    raise OSError(error, os.strerror(error), "netlink")


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + 16 <= len(data):
        size, kind, _, sequence, _ = _HEADER.unpack_from(data, position)
        if size < 16:
            return
        yield kind, sequence, data[position + 16 : position + size]
        position += size + (-size % 4)
