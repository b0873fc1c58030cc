"""What tells one version of a file from another without reading it, so that what was read can be kept."""

from __future__ import annotations

import os
import time

Mark = tuple[int, int, int]
NEVER: Mark = (0, 0, 0)
# before Linux 6.13 file times move in steps of up to 10 ms, and two changes in one step look like one:
# what changed this recently is read again
_STEP_NS = 50_000_000


def mark_of(path: str) -> Mark:
    """Return the mark of the file at `path`, NEVER if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return NEVER
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def is_settled(mark: Mark) -> bool:
    """Tell whether a later change would have another mark; NEVER is not settled."""
    return 0 < mark[1] < time.time_ns() - _STEP_NS
