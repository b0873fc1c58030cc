"""Ways to be somebody else on this host: root with many ids, with one, an ordinary user, a pod's root.

A command line under such a prefix meets the engine as it is for them, so that a run as root covers the
others too.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.running import running
from tests.stores import Store

# As whoever runs the tests; as root of a user namespace with one id, as a pod gives; as root that may
# give ids away and mount nothing.
PLAIN: tuple[str, ...] = ()
ONE_ID = ("unshare", "--user", "--map-root-user")
NO_ADMIN = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")


@contextmanager
def going(way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the prefix that goes this way; skip the test where this host or this user cannot.

    All commands under one prefix are in one user namespace.
    """
    if way == NO_ADMIN and os.geteuid():
        pytest.skip("only root has the rights that are given up here")
    if way and subprocess.run([*way, "true"], capture_output=True).returncode:
        pytest.skip(f"{' '.join(way)}: refused here")
    if way != ONE_ID:
        yield way
        return
    # `cat` says by its answer that it is there, and ends with its input
    with running([*way, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"there\n")
        holder.stdin.flush()
        holder.stdout.readline()
        yield ("nsenter", "--user", f"--target={holder.pid}", "--preserve-credentials", "--")
        holder.stdin.close()


class Cli:
    """The command line on a store, under a prefix."""

    def __init__(self, store: Store, way: tuple[str, ...] = PLAIN) -> None:
        self.store = store
        self.way = way

    def __call__(
        self, *args: str, code: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None
    ) -> str:
        """Run a command, which must end with `code`; return what it wrote, stderr after stdout."""
        done = self.store.cli(*args, stdin=stdin, env=env, way=self.way)
        text = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == code, text
        return text
