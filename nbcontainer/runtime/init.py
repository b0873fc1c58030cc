"""Init: the process that enters new namespaces, builds the container's view and becomes the program.

    foreman -> init   begin, cgroup entrances its group is made, its ids are mapped
    foreman -> init   stage, with the steps   Done or Failed
    foreman -> init   assemble and last steps, (a terminal's master, EXECUTING,) then end of file when
                      0, 1, 2, rootfs,         the program runs, or Failed
                      sources, filters

For a container that is started anew the shim stands in for the foreman.  Until it becomes the program
init is not dumpable, so that nothing inside can reach it through /proc (CVE-2019-5736).
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, NoReturn

from ..errors import EngineError
from ..linux import cgroup, syscalls
from . import advice, steps_inside, steps_last, wire
from .plan import Step


def run(sock: socket.socket, stage: str, programs: dict[str, bytes], has_ids: bool) -> NoReturn:
    """Be init.  Never returns: the process becomes the program, or ends after saying why not."""
    try:
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        # opened while we still are who may walk there
        stage_fd = os.open(stage, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        box = steps_inside.Inside(stage_fd)
        mode, entrances = _expect(sock, "begin")
        cgroup.enter_self(mode, entrances)
        for descriptor in entrances:
            os.close(descriptor)
        if has_ids:
            become_root()
        steps, _ = _expect(sock, "stage")
        for do, args in steps:
            _apply(steps_inside.APPLY[do], do, box, args)
        wire.send(sock, wire.Done(), tuple(box.handed))
        box.let_go()
        steps_last.rehearse()
        _assemble(sock, box, programs)
    except EngineError as error:
        tell(sock, error)
    except OSError as error:
        tell(sock, advice.refused("start", error))
    except BaseException as error:
        tell(sock, error)
    os._exit(70)


def _assemble(sock: socket.socket, box: steps_inside.Inside, programs: dict[str, bytes]) -> None:
    data, descriptors = wire.receive_long(sock)
    if not data:
        os._exit(0)  # this sandbox was put away unused
    stdin, stdout, stderr, box.rootfs_fd, *others = descriptors
    steps, last_steps = json.loads(data)
    unread = _missing([args for _, args in last_steps], programs)
    box.source_fds = tuple(others[: len(others) - len(unread)])
    for path, descriptor in zip(unread, others[len(box.source_fds) :], strict=True):
        programs[path] = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    for descriptor, number in ((stdin, 0), (stdout, 1), (stderr, 2)):
        os.dup2(descriptor, number)
    os.setsid()
    for do, args in steps:
        _apply(steps_inside.APPLY[do], do, box, args)
    finish(steps_last.Last(sock, programs, console=True), last_steps)


def missing_programs(steps: tuple[Step, ...], programs: dict[str, bytes]) -> list[str]:
    """Return the files of filters that the zygote did not read beforehand, each once, in order."""
    return _missing([step.args for step in steps], programs)


def _missing(steps: list[dict[str, Any]], programs: dict[str, bytes]) -> list[str]:
    wanted = dict.fromkeys([args["program"] for args in steps if "program" in args])
    return [path for path in wanted if path not in programs]


def finish(last: steps_last.Last, steps: list[tuple[str, dict[str, Any]]]) -> None:
    """Carry out the last steps; returns only by an error."""
    for do, args in steps:
        _apply(steps_last.APPLY[do], do, last, args)


def _apply(apply: Any, do: str, box: Any, args: dict[str, Any]) -> None:
    try:
        apply(box, args)
    except OSError as error:
        raise advice.refused(do, error) from error


def become_root() -> None:
    try:
        os.setgroups([])
    except PermissionError:
        pass  # a single id: Linux forbids setgroups, and there are none to lose
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # changing ids cleared it, and made the process dumpable as the new owner
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)


def _expect(sock: socket.socket, what: str) -> tuple[Any, tuple[int, ...]]:
    data, descriptors = wire.receive(sock)
    if not data:
        os._exit(0)
    name, value = json.loads(data)
    if name != what:
        raise EngineError(f"init expected {what} and got {name}")
    return value, descriptors


def tell(sock: socket.socket, error: BaseException) -> None:
    """Send why it ends; a shim that is gone needs no word."""
    try:
        wire.send(sock, wire.failure(error))
    except OSError:
        pass
