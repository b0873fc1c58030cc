"""One more process in a running container: exec, and the probes of a health check.

The shim enters the container's pid namespace for its children and forks once; the child enters the
rest, gives up what the container's own first process gave up, and executes.  Until then it is not
dumpable, so nothing inside can reach our interpreter through it (CVE-2019-5736).
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from ..errors import EngineError, HelperGone
from ..linux import namespaces, process, syscalls
from . import advice, init, steps_last, wire
from .loop import READ, Loop
from .pipes import close_all, no_streams
from .plan import CLONE, Plan
from .planner_last import exec_steps
from .sandbox import Sandbox, await_program, receive_or_raise
from .steps_outside import CLONE_FLAGS, clone_by_helper
from .streams import Streams

# it holds up the shim: whoever froze the container from outside must not hold up all its clients
_PATIENCE_S = 20.0


class ExecProcess:
    """A process that joined; `on_exit(exit code)` is called once, after its output was taken."""

    def __init__(
        self,
        sandbox: Sandbox,
        plan: Plan,
        request: wire.Exec,
        streams: Streams,
        on_exit: Callable[[int], None],
    ) -> None:
        self.exec_id = request.exec_id
        self.request = request
        self.streams = streams
        self.pid = 0
        self._sandbox = sandbox
        self._plan = plan
        self._on_exit = on_exit
        self._loop: Loop | None = None
        self._pidfd = -1

    def start(self, owner: int) -> None:
        """Fork, join and execute; returns once the program was executed.

        Raises: StepFailed and its kin; then nothing is left.
        """
        request = self.request
        if request.tty:
            stdio = no_streams()
        else:
            stdio = self.streams.open_pipes(stdin=request.stdin, owner=owner)
        try:
            target = syscalls.pidfd_open(self._sandbox.pid)
        except OSError as error:
            # it ended a moment ago
            close_all(stdio)
            self.streams.close()
            raise advice.refused("join", error) from error
        programs = self._sandbox.read_programs(self._plan)
        ours, theirs = wire.pair()
        flags = self._flags()
        # what is worked out here is not copied by the child to be worked out there
        steps = exec_steps(self._plan, request)

        def child() -> None:
            ours.close()
            self._child(theirs, target, flags, stdio, programs, steps)

        try:
            self.pid = _fork(target, flags & syscalls.CLONE_NEWPID, child)
        except OSError as error:
            ours.close()
            self.streams.close()
            raise advice.refused("join", error) from error
        finally:
            theirs.close()
            os.close(target)
            close_all(stdio)
        master = self._await(ours)
        if request.tty:
            self.streams.open_terminal(master)

    def _await(self, ours: socket.socket) -> int:
        ours.settimeout(_PATIENCE_S)
        try:
            return await_program(lambda: receive_or_raise(ours), ours.close)
        except TimeoutError as error:
            # its end comes when it thaws; the shim reaps it then
            self.kill()
            self.streams.close()
            raise HelperGone(
                f"the process did not start within {_PATIENCE_S:g} seconds",
                "Has something else frozen the container's cgroup?",
            ) from error
        except EngineError:
            os.waitpid(self.pid, 0)
            self.streams.close()
            raise

    def _flags(self) -> int:
        kinds = {"mount"}
        for step in self._plan.of(CLONE):
            kinds.update(step.args.get("namespaces", ()))
        pid = self._sandbox.pid
        if namespaces.inode(pid, "user") == namespaces.inode("self", "user"):
            kinds.discard("user")  # one's own cannot be entered
        if any(step.do == "own_cgroup_view" for step in self._plan.steps):
            kinds.add("cgroup")
        flags = 0
        for kind in kinds:
            flags |= CLONE_FLAGS[kind]
        return flags

    def _child(
        self,
        sock: socket.socket,
        target: int,
        flags: int,
        stdio: tuple[int, int, int],
        programs: dict[str, bytes],
        steps: list[tuple[str, dict[str, Any]]],
    ) -> None:
        try:
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
            self._sandbox.box.enter_cgroup()
            syscalls.setns(target, flags & ~syscalls.CLONE_NEWPID)
            if flags & syscalls.CLONE_NEWUSER:
                init.become_root()
            for descriptor, number in zip(stdio, (0, 1, 2), strict=True):
                os.dup2(descriptor, number)
            os.setsid()
            last = steps_last.Last(sock, programs, console=False)
            init.finish(last, steps)
        except OSError as error:
            init.tell(sock, advice.refused("join", error))
        except BaseException as error:
            init.tell(sock, error)
        os._exit(70)

    def watch(self, loop: Loop) -> None:
        """Let the loop wake when the process ends, so that it is reaped.

        The end of its output does not tell: Linux closes a process's files before it can be reaped.
        """
        self._loop = loop
        self._pidfd = syscalls.pidfd_open(self.pid)
        loop.watch(self._pidfd, READ, lambda _: None)

    def ended(self, status: int) -> None:
        """Take the last output and report; called by who reaped the process."""
        if self._loop is not None:
            self._loop.forget(self._pidfd)
            os.close(self._pidfd)
            self._loop = None
        self.streams.drain()
        self._on_exit(process.exit_code(status))

    def kill(self) -> None:
        """End the process, if it still runs."""
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _fork(target: int, pid_namespace: int, child: Callable[[], None]) -> int:
    """Fork into the pid namespace of `target`, if it has one of its own; `child` never returns."""
    if not pid_namespace:
        return _fork_here(child)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # a trial that changes nothing: only the host's root may come back from there
        syscalls.setns(own, pid_namespace)
    except PermissionError:
        return clone_by_helper(lambda: syscalls.setns(target, pid_namespace), 0, child)
    else:
        syscalls.setns(target, pid_namespace)
        try:
            return _fork_here(child)
        finally:
            syscalls.setns(own, pid_namespace)
    finally:
        os.close(own)


def _fork_here(child: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        child()
        os._exit(70)
    return pid
