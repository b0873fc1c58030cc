"""The zygote: a single-threaded process that has done its imports, holds one socket, and only forks.

What it touches after a fork is lost to the memory that its children share, so it does next to nothing:

    foreman --S, W or T, with descriptors--> zygote --fork--> shim, worker or tidier

Its children are nobody's to wait for.  It leaves when the foreman does.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import NoReturn

from ..errors import EngineError
from ..spec.host import HostFeatures
from ..store.layout import Layout
from . import waiting, wire, worker
from .mend import tidy
from .notes import note

TIDY = b"T"


def serve(
    control: socket.socket, layout: Layout, host: HostFeatures, programs: dict[str, bytes]
) -> NoReturn:
    """Fork on the foreman's word until it leaves."""
    # Linux collects the children by itself
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, descriptors = wire.receive(control)
        if not data:
            os._exit(0)
        try:
            pid = os.fork()
        except OSError as error:
            # no process to be had: who waits for one hears of it by end of file
            note("zygote", error)
            pid = -1
        if pid == 0:
            os.close(control.fileno())
            _be(data, descriptors, layout, host, programs)
        for descriptor in descriptors:
            os.close(descriptor)


def _be(
    data: bytes,
    descriptors: tuple[int, ...],
    layout: Layout,
    host: HostFeatures,
    programs: dict[str, bytes],
) -> NoReturn:
    """Live a child's life; whatever happens, there is one zygote only."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if data[:1] == waiting.FORK:
            waiting.wait(layout, programs, data, descriptors)
        elif data[:1] == worker.FORK:
            worker.wait(layout, descriptors)
        elif data[:1] == TIDY:
            tidy(layout, host)
            wire.send_bytes(_socket(descriptors[0]), worker.DONE)
        code = 0
    except BaseException as error:
        # a killed init is told in a line; what nobody expected, with the place where it happened
        note("helper", error, trace=not isinstance(error, EngineError))
    os._exit(code)


def _socket(descriptor: int) -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=descriptor)
