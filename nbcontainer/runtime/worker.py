"""A worker: a short-lived child of the zygote that does one job on the store's files and answers.

It ends when who asked has left, since nobody would use what it makes; its half-made things go with it.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import sys
from types import FrameType
from typing import Any, NoReturn

from ..errors import EngineError
from ..linux import process
from ..store.files import refused
from ..store.layout import Layout
from . import wire

# whoever asked for these wants them done, there or not
_FINISHED_ALONE = ("remove_tree", "copy_up_volume")


class _NobodyWaits(BaseException):
    """Unwind the job."""


FORK = b"W"
READY, DONE = b"ready", b"done"


def wait(layout: Layout, descriptors: tuple[int, ...]) -> NoReturn:
    """In a fresh child of the zygote: import what jobs need, then do the next one that comes."""
    from ..store import jobs  # noqa: F401

    foreman = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=descriptors[0])
    data: bytes = b""
    try:
        wire.send_bytes(foreman, READY)
        data, descriptors = wire.receive(foreman)
    except OSError:
        pass  # the foreman left meanwhile
    if data:
        _run(layout, wire.unpack(data), descriptors)
        try:
            wire.send_bytes(foreman, DONE)
        except OSError:
            pass  # as above
    os._exit(0)


def _run(layout: Layout, job: wire.Job, descriptors: tuple[int, ...]) -> None:
    """Do the job and answer on the first descriptor.  The others are the job's own."""
    reply = socket.socket(fileno=descriptors[0])
    try:
        from ..store import jobs

        function = jobs.JOBS.get(job.function)
        if function is None:
            raise EngineError(f"no such job: {job.function}")
        if job.function not in _FINISHED_ALONE:
            _end_with(reply)
        value = function(layout, list(descriptors[1:]), **job.arguments)
        # from here on who asked may leave as soon as it has its answer
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        wire.answer(reply, wire.Done(value))
        reply.close()
        _go_on(layout, job.function, value)
    except OSError as error:
        _answer(reply, refused(error, job.function.replace("_", " ")))
        _clear(layout)
    except BaseException as error:
        _answer(reply, error)
        _clear(layout)
    sys.stderr.flush()


def _go_on(layout: Layout, function: str, value: Any) -> None:
    from ..store import jobs

    afterwards = jobs.AFTERWARDS.get(function)
    if afterwards is not None:
        try:
            afterwards(layout, value)
        except OSError:
            pass  # nobody waits to hear of it


def _clear(layout: Layout) -> None:
    """Remove what the job left half-made: who asked may have left while it removed that itself."""
    from ..store.tree import open_directory, remove_tree

    mark = f"{process.own_mark()}-"
    try:
        tmp = open_directory(layout.tmp)
        for name in os.listdir(tmp):
            if name.startswith(mark):
                remove_tree(tmp, name)
    except (OSError, EngineError):
        pass  # what cannot go now is swept by the next


def _end_with(reply: socket.socket) -> None:
    """Unwind the job when the peer of `reply` closes it or ends."""
    poll = select.poll()
    poll.register(reply, 0)

    def look(number: int, frame: FrameType | None) -> None:
        if poll.poll(0):
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            raise _NobodyWaits

    signal.signal(signal.SIGIO, look)
    fcntl.fcntl(reply, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(reply, fcntl.F_SETFL, fcntl.fcntl(reply, fcntl.F_GETFL) | os.O_ASYNC)
    look(0, None)


def _answer(reply: socket.socket, error: BaseException) -> None:
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        wire.send(reply, wire.failure(error))
    except OSError:
        pass  # who asked has left
