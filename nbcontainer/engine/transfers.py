"""The engine's end of a carrier: start it, hand it its order, read how it goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from typing import Any

from ..errors import HelperGone, from_wire
from ..under_way import LayerProgress
from .host import Host

Carrying = Generator[LayerProgress, None, Any]


def carry(host: Host, order: dict[str, Any]) -> Carrying:
    """Have an order carried out: yield progress, return what came of it.

    Closing the generator ends the carrier.  Raises: what the carrier met; HelperGone if it ended early.
    """
    process = _start(host)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = json.dumps({**order, "home": host.layout.home}) + "\n"
        try:
            process.stdin.write(line.encode())
            process.stdin.flush()
        except BrokenPipeError:
            pass  # its end tells more
        for told in process.stdout:
            said = json.loads(told)
            if "layer" in said:
                yield LayerProgress(*said["layer"])
            elif "error" in said:
                raise from_wire(said["error"])
            else:
                return said["done"]
        raise HelperGone(
            f"{order['verb']}: the process that carries the image ended early", "Try again."
        )
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def helper_command(module: str, function: str) -> list[str]:
    """Return the command that runs a function of ours in another process, with this one's modules."""
    # whatever brought them: an environment, a checkout, a user's own folder
    paths = [path for path in sys.path if path and os.path.isabs(path)]
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if package_parent not in paths:
        paths.append(package_parent)
    code = f"import sys; sys.path[:] = {paths!r}; from {module} import {function}; {function}()"
    return [sys.executable, "-I", "-S", "-c", code]


def _start(host: Host) -> subprocess.Popen[bytes]:
    log = os.open(
        f"{host.layout.run}/carrier.log",
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
        0o600,
    )
    try:
        return subprocess.Popen(
            helper_command("nbcontainer.engine.carrier", "main"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(host.settings.environ or {}),
            cwd="/",
            # an interrupt in a terminal is ours to answer
            start_new_session=True,
        )
    finally:
        os.close(log)
