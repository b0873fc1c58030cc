"""The rule in a container's own network that lets port 53 of its name server be answered at another one.

So port 53 stays free for a server of the container's own, on whichever addresses it listens.  Nothing of it
can be seen or changed inside without CAP_NET_ADMIN, and it ends with the container's network.
"""

from __future__ import annotations

import errno
import socket
import struct

from . import netlink, nft

_TABLE, _CHAIN, _DSTNAT = "nbcontainer-names", "ask", -100
_V4 = b"\x02"


def lead(sock: socket.socket, address: str, port: int, to_port: int) -> None:
    """Lead what asks `address` at `port`, by either protocol, to another port of it; replaces what was.

    Raises: OSError where nf_tables cannot do it; then nothing is led.
    """
    table = nft.add_table(_TABLE)
    made = [
        (table[0], table[1] | netlink.EXCLUSIVE, table[2]),
        nft.add_chain(_TABLE, _CHAIN, "nat", nft.OUTPUT, _DSTNAT),
    ]
    for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP):
        rule = _rule(protocol, socket.inet_aton(address), port, to_port)
        made.append(nft.add_rule(_TABLE, _CHAIN, *rule))
    try:
        nft.commit(sock, *made)
    except OSError as error:
        # only now: what is refused waits for all readers, and nearly never one is there
        if error.errno != errno.EEXIST:
            raise
        forget(sock)
        nft.commit(sock, *made)


def _rule(protocol: int, address: bytes, port: int, to_port: int) -> list[bytes]:
    return [
        *(nft.meta(nft.NFPROTO), nft.compare(_V4)),
        *(nft.payload(nft.DESTINATION), nft.compare(address)),
        *(nft.meta(nft.L4PROTO), nft.compare(bytes([protocol]))),
        *(nft.payload(nft.DESTINATION_PORT), nft.compare(struct.pack(">H", port))),
        nft.constant(address),
        nft.constant(struct.pack(">H", to_port), nft.register(1)),
        nft.dnat(1, nft.register(1)),
    ]


def forget(sock: socket.socket) -> None:
    """Undo `lead`; idempotent."""
    try:
        nft.commit(sock, nft.delete_table(_TABLE))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
