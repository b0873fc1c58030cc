"""Start containers and bring them to their end: run, start, stop, restart, kill, pause, wait, rm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import (
    ContainerFailed,
    ContainerNotFound,
    EngineError,
    HelperGone,
    NoSpace,
    NotFound,
    WrongStatus,
)
from ..linux import cgroup_limits
from ..results import Completed, Container
from ..runtime import wire
from ..runtime.session import Session
from ..spec.lifecycle import State, Status, require
from ..spec.runtime import RuntimeConfig
from ..spec.signals import signal_number
from ..store.files import Lock
from ..values import replace
from . import create as creating
from . import joined, networking
from .host import Host

_KILL = 9
_KILLED = 128 + _KILL


def begin(host: Host, config: RuntimeConfig, *, owned: bool = False) -> Session:
    """Write the plan and have it carried out."""
    try:
        creating.write_plan(host, config)
    except FileNotFoundError:
        # somebody removes it while we start it
        raise ContainerNotFound(f"No such container: {config.id}") from None
    return host.runtime.spawn(config.id, tty=config.tty, owned=owned)


def _begin_new(host: Host, config: RuntimeConfig, *, owned: bool) -> Session:
    try:
        session = begin(host, config, owned=owned)
    except BaseException:
        if config.auto_remove:
            _remove_quietly(host, config.id)
        raise
    if config.auto_remove:
        session.unborn = lambda: _remove_quietly(host, config.id)
    return session


def _remove_quietly(host: Host, container_id: str) -> None:
    try:
        remove(host, container_id, force=True, volumes=True)
    except EngineError:
        pass  # the error that led here is the one to tell


def run_session(host: Host, image: str, command: Sequence[str], flags: Any) -> Session:
    """Create and start a container; its streams are attached from the first byte.

    It runs in the caller's foreground: it ends with the session, unless that was detached from.
    """
    config = creating.create(host, image, command, flags)
    session = _begin_new(host, config, owned=True)
    session.warn(networking.warnings(host, config))
    return session


def run(
    host: Host,
    image: str,
    command: Sequence[str],
    flags: Any,
    *,
    detach: bool,
    stdin: bytes | None,
    check: bool,
) -> Container | Completed:
    """Create and start a container; gather its output unless it is detached."""
    if stdin is not None:
        flags = {**flags, "interactive": True}
    config = creating.create(host, image, command, flags, detached=detach)
    session = _begin_new(host, config, owned=not detach)
    if detach:
        session.started()
        session.detach()
        return creating.container(host, config)
    return gather(session, stdin, check)


def gather(session: Session, stdin: bytes | None, check: bool) -> Completed:
    """Feed a process its input, collect its output, return how it ended."""
    if stdin is not None:
        session.feed(stdin)
    output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    try:
        while (chunk := session.read()) is not None:
            output[chunk.stream].append(chunk.data)
        code = session.wait()
    finally:
        # an interrupt ends what ran in the foreground
        session.close()
    done = Completed(
        code, b"".join(output["stdout"]), b"".join(output["stderr"]), session.container_id
    )
    if check and code:
        raise ContainerFailed(
            f"the command ended with exit code {code}",
            done.stderr.decode("utf-8", "replace").strip()[-500:] or None,
            exit_code=code,
        )
    return done


def start(host: Host, name: str) -> None:
    """Start a container that was created or has ended; one that runs is left alone."""
    session = _start(host, name)
    if session is not None:
        session.detach()


def start_session(host: Host, name: str) -> Session:
    """Start a container, attached."""
    session = _start(host, name)
    if session is None:
        return attach(host, name, stdin=True)
    return session


def _start(host: Host, name: str) -> Session | None:
    """Return the session of a program that runs; None if somebody else has started it."""
    container_id = host.containers.resolve(name)
    status = host.settled(container_id).status
    if status is Status.PAUSED:
        raise WrongStatus("cannot start a paused container, try unpause instead")
    if status.is_alive:
        return None
    creating.unpack_layers(host, host.containers.config(container_id))
    try:
        return begin(host, creating.of_today(host, container_id)).started()
    except WrongStatus:
        # two start it at one moment: one does, and both have what they asked for
        return None


def attach(host: Host, name: str, *, stdin: bool) -> Session:
    """Join the streams of a running container.

    Raises: WrongStatus in Docker's words.
    """
    container_id = host.containers.resolve(name)
    state = host.state(container_id)
    if state.status is Status.PAUSED:
        raise WrongStatus("You cannot attach to a paused container, unpause it first")
    require("attach", state.status, "You cannot attach to a stopped container, start it first")
    config = host.containers.config(container_id)
    request = wire.Attach(stdin=stdin and config.open_stdin)
    return host.runtime.attach(state.sandbox, container_id, request, config.tty)


def stop(
    host: Host, name: str, *, time: int | None, signal: str | int, again: bool = False
) -> None:
    """Ask a container to end and kill it if it does not; `again`: start it anew.

    `time`: seconds to wait, negative = for ever, None = as the container was created.
    """
    container_id = host.containers.resolve(name)
    state = host.settled(container_id)
    config = host.containers.config(container_id)
    if not state.status.is_alive:
        if again:
            start(host, container_id)
        return
    if again:
        joined.require_running(host, config.namespaces)
    number = signal_number(signal or config.stop_signal)
    patience = float(config.stop_timeout_s if time is None else time)
    try:
        host.runtime.ask(state.sandbox, wire.Stop(number, patience, again))
    except HelperGone:
        # it ended by itself at this very moment, which is what was asked for
        if host.state_or_gone(container_id).status.is_alive:
            raise
        if again:
            start(host, container_id)


def kill(host: Host, name: str, signal: str | int) -> None:
    """Send a signal to a container's first process."""
    number = signal_number(signal)
    container_id = host.containers.resolve(name)
    state = host.settled(container_id)
    require(
        "kill",
        state.status,
        f"cannot kill container: {name}: container {container_id} is not running",
    )
    started_ns = host.runtime.ask(state.sandbox, wire.Signal(number))
    if number == _KILL and host.containers.config(container_id).restart.name == "no":
        # as in Docker it has ended when the command returns
        _wait(host, container_id, replace(state, started_ns=started_ns))


def pause(host: Host, name: str, on: bool) -> None:
    """Freeze a container, or let it go on."""
    container_id = host.containers.resolve(name)
    state = host.state(container_id)
    if on:
        words = "already paused" if state.status is Status.PAUSED else "not running"
        require("pause", state.status, f"Container {container_id} is {words}")
    else:
        require("unpause", state.status, f"Container {container_id} is not paused")
    if host.features.cgroup.parent("freezer") is None:
        raise cgroup_limits.lacking("freezer", host.features.cgroup)
    host.runtime.ask(state.sandbox, wire.Pause(on))


def wait(host: Host, name: str) -> int:
    """Return the exit code once the container has ended; one that never ran is not waited for."""
    container_id = host.containers.resolve(name)
    return _wait(host, container_id, host.state(container_id))


def _wait(host: Host, container_id: str, state: State) -> int:
    if not state.status.is_alive:
        return state.exit_code
    try:
        exited = host.runtime.ask(state.sandbox, wire.Wait(state.started_ns))
    except HelperGone:
        state = host.state_or_gone(container_id)
        # its shim was killed, and a container that is to be removed at its end has gone with it
        return _KILLED if state.status is Status.DEAD else state.exit_code
    return int(exited.exit_code)


def remove(host: Host, *names: str, force: bool, volumes: bool) -> None:
    """Remove containers with their files; `volumes`: their anonymous volumes too.

    Raises: WrongStatus for one that runs, unless `force`; ContainerNotFound.  Those before it have gone.
    """
    doomed: list[str] = []
    try:
        for name in names:
            doomed += take_out(host, name, force=force, volumes=volumes)
    finally:
        host.discard(*doomed)


def take_out(host: Host, name: str, *, force: bool, volumes: bool) -> list[str]:
    """Take a container out of the store; return what of it is to be discarded.

    Raises: as `remove`.
    """
    container_id = host.containers.resolve(name)
    shown = host.containers.name(container_id)
    config = host.containers.config(container_id)
    lock = Lock(host.layout.container(container_id, "lock"))
    try:
        while True:
            state = host.settled(container_id)
            if state.status.is_alive:
                if not force:
                    raise _still_alive(shown, state)
                stop(host, container_id, time=-1, signal=_KILL)
            elif _claim(lock):
                break
        doomed = [host.containers.remove(container_id)]
    except ContainerNotFound:
        if config.auto_remove:
            return []  # its shim was faster
        raise
    finally:
        lock.release()
    host.publish("container", "destroy", container_id, image=config.image, name=shown)
    if volumes:
        doomed += remove_anonymous_volumes(host, config)
    return doomed


def _claim(lock: Lock) -> bool:
    """Take a container's lock, so that nobody can start what is being removed."""
    try:
        return lock.try_acquire()
    except NoSpace:
        return True  # removing is what frees a full disk
    except FileNotFoundError:
        return True  # it was removed meanwhile, as the next step will tell


def _still_alive(shown: str, state: State) -> WrongStatus:
    word = state.status.value
    hint = "unpause and stop" if state.status is Status.PAUSED else "stop"
    return WrongStatus(
        f'cannot remove container "/{shown}": container is {word}: '
        f"{hint} the container before removing or force remove"
    )


def remove_anonymous_volumes(host: Host, config: RuntimeConfig) -> list[str]:
    """Take the container's anonymous volumes out of the store; return their doomed trees."""
    doomed = []
    for mount in config.mounts:
        if mount.anonymous and mount.type == "volume":
            try:
                doomed.append(host.volumes.remove(mount.source))
            except NotFound:
                continue
    return doomed
