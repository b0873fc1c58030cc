"""A process's standard streams: pipes whose other ends the shim holds, or none before a terminal."""

from __future__ import annotations

import os

Ends = tuple[int, int, int]


def make_pipes(*, stdin: bool, owner: int) -> tuple[Ends, Ends]:
    """Return the process's ends of 0, 1 and 2, and ours; ours of 0 is -1 where it has no input.

    The process's belong to `owner`, the id outside of root inside, so that /dev/stdout can be opened
    there.
    """
    ours_in = -1
    out_read, out_write = os.pipe2(os.O_CLOEXEC)
    err_read, err_write = os.pipe2(os.O_CLOEXEC)
    if stdin:
        theirs_in, ours_in = os.pipe2(os.O_CLOEXEC)
    else:
        theirs_in = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    if owner:
        os.fchown(out_write, owner, owner)
        os.fchown(err_write, owner, owner)
        if stdin:
            os.fchown(theirs_in, owner, owner)
    return (theirs_in, out_write, err_write), (ours_in, out_read, err_read)


def no_streams() -> Ends:
    """Return 0, 1 and 2 for a process that opens a terminal of its own."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    return (null, null, null)


def close_all(ends: Ends) -> None:
    """Close each of them that is open, once."""
    for descriptor in set(ends) - {-1}:
        os.close(descriptor)
