"""A container that nobody is attached to, and that says nothing, costs its shim next to no memory.

Each function, class and constant that is used after a fork becomes a copy of the shim's own.  So until
something happens (output, a request, the end) the shim stays in the few lines below, and only then becomes
what `shim.py` describes.
"""

from __future__ import annotations

import os
import select
import socket

_LOOK = socket.MSG_PEEK | socket.MSG_DONTWAIT


def stay(control: int, session: int, watched: tuple[int, ...], pid: int) -> bool:
    """Wait until a watched descriptor is ready or the program has ended.

    Who started it detaches meanwhile, and the foreman may leave: neither is a reason to wake up.
    Return whether the session is still open; it is closed if not.
    """
    ended = os.pidfd_open(pid)
    poll = select.poll()
    for descriptor in (control, session, ended, *watched):
        poll.register(descriptor, select.POLLIN)
    is_open = True
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == control:
                poll.unregister(control)
            elif descriptor == session and _has_left(session):
                poll.unregister(session)
                os.close(session)
                is_open = False
            else:
                os.close(ended)
                return is_open


def _has_left(session: int) -> bool:
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, session)
    try:
        return not sock.recv(1, _LOOK)
    except OSError:
        return True
    finally:
        sock.detach()
