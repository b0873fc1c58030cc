"""Run a Python program in a container of the built-in `python` image and get its answer as a value."""

from __future__ import annotations

import json
from typing import Any

PRELUDE = """
import ctypes, errno, json, os, signal, socket, stat, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def attempt(call, *args, **named):
    'Return "done", or the name of the errno that the call met.'
    try:
        call(*args, **named)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
def system_call(number, *args):
    ctypes.set_errno(0)
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args]
    if libc.syscall(ctypes.c_long(number), *words) != -1:
        return "done"
    return errno.errorcode[ctypes.get_errno()]
def mount(source, target, kind, flags=0, data=None):
    ctypes.set_errno(0)
    text = [None if a is None else a.encode() for a in (source, target, kind, data)]
    if libc.mount(*text[:3], ctypes.c_ulong(flags), text[3]) == 0:
        return "done"
    return errno.errorcode[ctypes.get_errno()]
def put(path, text):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
def read(path):
    with open(path, errors="replace") as file:
        return file.read()
def answer(value):
    print("ANSWER" + json.dumps(value), flush=True)
"""


def ask(
    engine: Any,
    program: str,
    image: str = "python",
    given: dict[str, Any] | None = None,
    **flags: Any,
) -> Any:
    """Run `program` (it calls `answer(value)`) in a new container and return the value.

    `given` are names that it finds defined.
    """
    flags.setdefault("rm", True)
    flags.setdefault("network", "none")
    words = "".join(f"{name} = {value!r}\n" for name, value in (given or {}).items())
    done = engine.run(image, ["python3", "-c", PRELUDE + words + program], **flags)
    return value_of(done.stdout, done.stderr)


def ask_in(engine: Any, container: str, program: str, **flags: Any) -> Any:
    """Run `program` by exec in a running container and return the value."""
    done = engine.exec(container, ["python3", "-c", PRELUDE + program], **flags)
    return value_of(done.stdout, done.stderr)


def value_of(stdout: bytes, stderr: bytes) -> Any:
    for line in stdout.decode(errors="replace").splitlines():
        if line.startswith("ANSWER"):
            return json.loads(line[len("ANSWER") :])
    raise AssertionError(f"no answer: {stdout[-500:]!r} {stderr[-2000:]!r}")
