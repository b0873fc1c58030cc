"""Where a container's programs ask for names: two sockets of init's, bound once somebody answers.

Port 53 stays the container's own: a rule in its network leads there what asks the name server's address.
Where nf_tables cannot do that, port 53 of that one address is taken.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from ..net import netlink, redirect

PORT = 53
# above the ports that Linux gives to whoever asks for any
_OTHERS = range(61_053, 61_073)


def take(descriptors: Sequence[int], address: str) -> None:
    """Bind the sockets (UDP, TCP; then one of nf_tables, where there is one); idempotent.

    Raises: OSError where the container has port 53 itself and no rule can be made.
    """
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    try:
        if sockets[0].getsockname()[1]:
            return  # told again
        rules = sockets[2] if len(sockets) > 2 else None
        if rules is None or not _beside(sockets[:2], rules, address):
            _bind(sockets[:2], address, PORT)
    finally:
        for sock in sockets:
            sock.detach()


def _beside(sockets: list[socket.socket], rules: socket.socket, address: str) -> bool:
    """Bind another port and have 53 led there; False where nothing can be led."""
    netlink.prepare(rules)
    for number in _OTHERS:
        try:
            # first, since a socket that is bound cannot be bound to 53 any more
            redirect.lead(rules, address, PORT, number)
        except OSError:
            return False
        try:
            _bind(sockets, address, number)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or sockets[0].getsockname()[1]:
                raise
            continue
        return True
    redirect.forget(rules)
    return False


def _bind(sockets: list[socket.socket], address: str, number: int) -> None:
    for sock in sockets:
        # a server that is started later and shares its port on purpose may have it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, number))
    sockets[1].listen(16)
