"""Processes that tests start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(command: Sequence[str], **arguments: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that is over when the block is left, however it is left.

    Popen's own block waits for the process: a test that failed meanwhile would wait for ever.
    """
    with subprocess.Popen(command, **arguments) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
