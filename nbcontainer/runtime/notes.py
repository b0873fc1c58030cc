"""What helper processes write down for a person: lines of <run>/helpers.log, which is their descriptor 2."""

from __future__ import annotations

import sys
import time


def note(who: str, error: BaseException, *, trace: bool = False) -> None:
    """Write one line, with `trace` also where it happened; a full disk loses it."""
    try:
        sys.stderr.write(f"nbcontainer {who}: {type(error).__name__}: {error}\n")
        if trace:
            import traceback

            traceback.print_exception(error, file=sys.stderr)
        sys.stderr.flush()
    except OSError:
        return


class Notes:
    """The first few of one process's notes; the pause keeps a lasting cause cheap."""

    __slots__ = ("_left", "_who")

    def __init__(self, who: str, most: int = 20) -> None:
        self._who = who
        self._left = most

    def add(self, error: Exception) -> None:
        """Write down what should not have happened."""
        if self._left > 0:
            self._left -= 1
            note(self._who, error)
        time.sleep(0.05)
