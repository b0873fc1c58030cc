"""Processes in a running container: exec and top."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..errors import InvalidArgument, WrongStatus
from ..linux import process_table
from ..results import Completed, Table
from ..runtime import wire
from ..runtime.planner_last import exec_environment
from ..runtime.session import Session
from ..spec.create import command_words, words
from ..spec.create_flags import Words
from ..spec.flags_values import parse_env
from ..spec.lifecycle import State, Status, require
from ..values import replace
from ..views.processes import top_table
from . import networking
from .create import read_text
from .host import Host
from .life import gather


class ExecFlags(TypedDict, total=False):
    """The flags of exec: Docker's long names, values as a user types them."""

    env: Words | Mapping[str, str]
    env_file: Words
    interactive: bool
    privileged: bool
    tty: bool
    user: str | int
    workdir: str


def exec_(
    host: Host,
    name: str,
    command: Sequence[str],
    flags: Any,
    *,
    detach: bool,
    stdin: bytes | None,
    check: bool,
) -> Completed | str:
    """Run one more program; gather its output, or with `detach` return its exec id."""
    if stdin is not None:
        flags = {**flags, "interactive": True}
    if detach:
        _, state, request = _request(host, name, command, flags, detach=True)
        host.runtime.ask(state.sandbox, request)
        return request.exec_id
    return gather(exec_session(host, name, command, flags), stdin, check)


def exec_session(host: Host, name: str, command: Sequence[str], flags: Any) -> Session:
    """Run one more program, attached.

    Raises: WrongStatus, CommandNotFound (127), NotExecutable (126).
    """
    container_id, state, request = _request(host, name, command, flags, detach=False)
    return host.runtime.exec(state.sandbox, container_id, request)


def _request(
    host: Host, name: str, command: Sequence[str], flags: Any, *, detach: bool
) -> tuple[str, State, wire.Exec]:
    container_id = host.containers.resolve(name)
    state = host.state(container_id)
    if state.status is Status.PAUSED:
        raise WrongStatus(f"container {container_id} is paused, unpause the container before exec")
    require("exec", state.status, f"container {container_id} is not running", "`start` starts it.")
    args = command_words(command)
    if not args or not args[0]:
        raise InvalidArgument("no exec command specified")
    config = networking.current(host, host.containers.config(container_id))
    config = replace(config, env=(*config.env, *networking.environment(host, config)))
    extra = parse_env(
        words(flags.get("env")),
        words(flags.get("env_file")),
        host.settings.environ or {},
        read_text,
    )
    tty = bool(flags.get("tty"))
    if tty and not any(line.startswith("TERM=") for line in (*config.env, *extra)):
        extra = ["TERM=xterm", *extra]
    request = wire.Exec(
        exec_id=secrets.token_hex(32),
        args=args,
        env=exec_environment(config, tuple(extra)),
        cwd=str(flags.get("workdir") or "") or config.cwd,
        user=str(flags.get("user", "")) or config.user,
        tty=tty,
        stdin=bool(flags.get("interactive")),
        privileged=bool(flags.get("privileged")),
        detach=detach,
    )
    return container_id, state, request


def top(host: Host, name: str, ps_args: str) -> Table:
    """Return the container's processes as the host sees them, in the columns of `ps -ef`."""
    container_id = host.containers.resolve(name)
    state = host.state(container_id)
    require("top", state.status, f"container {container_id} is not running")
    pids = host.runtime.ask(state.sandbox, wire.Top())
    return top_table(process_table.read(pids), ps_args, host.now_ns() / 1e9)
