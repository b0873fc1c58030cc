"""Write bytes to a standard stream, all of them, or say in one sentence why not."""

from __future__ import annotations

import os

from .errors import CannotWrite

_NAMES = {1: "/dev/stdout", 2: "/dev/stderr"}


def write_all(fd: int, data: bytes) -> None:
    """Write to descriptor 1 or 2.

    Raises: CannotWrite; BrokenPipeError where the reader has had enough, which is no error.
    """
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(f"write {_NAMES[fd]}: {os.strerror(error.errno or 0).lower()}") from error
