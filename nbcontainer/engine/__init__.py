"""Engine: one method a verb, keywords are Docker's long flag names, results are values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..results import Completed, Container, Detail, Image, Table, Text
from ..runtime.session import Session
from ..settings import Settings
from .border import in_words
from .host import Host
from .image_verbs import ImageVerbs
from .network_verbs import NetworkVerbs
from .sight import Sight

if TYPE_CHECKING:
    from typing import Unpack

    from ..runtime.plan import Plan
    from ..spec.create_flags import CreateFlags
    from . import create as creating
    from . import life
    from .archives import Source
    from .processes import ExecFlags
else:
    from .later import Later

    creating, life = Later(".create"), Later(".life")


@in_words
class Engine(ImageVerbs, NetworkVerbs, Sight):
    """The engine of one store."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(Host(settings or Settings.load()))

    def close(self) -> None:
        """Let go of the helper processes and of connections; containers go on."""
        self.host.close()

    # -- containers: from create to rm

    def create(
        self, image: str, command: Sequence[str] = (), **flags: Unpack[CreateFlags]
    ) -> Container:
        """Make a container and do not start it."""
        return creating.container(self.host, creating.create(self.host, image, command, flags))

    def run(
        self,
        image: str,
        command: Sequence[str] = (),
        *,
        detach: bool = False,
        stdin: bytes | None = None,
        check: bool = False,
        **flags: Unpack[CreateFlags],
    ) -> Container | Completed:
        """Create a container and start it; wait for its end unless `detach`.

        `stdin` is its whole input.  Raises: what create raises; CommandNotFound, NotExecutable,
        StepFailed; ContainerFailed where `check` is set and its exit code is not 0.
        """
        self.host.begin()
        return life.run(self.host, image, command, flags, detach=detach, stdin=stdin, check=check)

    def run_session(
        self, image: str, command: Sequence[str] = (), **flags: Unpack[CreateFlags]
    ) -> Session:
        """Create a container and start it, attached."""
        self.host.begin()
        return life.run_session(self.host, image, command, flags)

    def start(self, *containers: str) -> list[str]:
        """Start containers that were created or have ended; return the names."""
        self.host.begin()
        for name in containers:
            life.start(self.host, name)
        return list(containers)

    def start_session(self, container: str, *, interactive: bool = False) -> Session:
        """Start a container, attached."""
        return life.start_session(self.host, container)

    def stop(
        self,
        *containers: str,
        time: int | None = None,
        timeout: int | None = None,
        signal: str | int = "",
    ) -> list[str]:
        """Ask containers to end; after `timeout` seconds (negative: never; also `time`) they are killed."""
        for name in containers:
            life.stop(self.host, name, time=time if timeout is None else timeout, signal=signal)
        return list(containers)

    def restart(
        self,
        *containers: str,
        time: int | None = None,
        timeout: int | None = None,
        signal: str | int = "",
    ) -> list[str]:
        """Stop containers, where they run, and start them; `timeout` as with stop."""
        patience = time if timeout is None else timeout
        for name in containers:
            life.stop(self.host, name, time=patience, signal=signal, again=True)
        return list(containers)

    def kill(self, *containers: str, signal: str | int = "KILL") -> list[str]:
        """Send a signal to containers' first processes."""
        for name in containers:
            life.kill(self.host, name, signal)
        return list(containers)

    def pause(self, *containers: str) -> list[str]:
        """Freeze containers.  Raises: HostLacks where this host gives no freezer."""
        for name in containers:
            life.pause(self.host, name, True)
        return list(containers)

    def unpause(self, *containers: str) -> list[str]:
        """Let frozen containers go on."""
        for name in containers:
            life.pause(self.host, name, False)
        return list(containers)

    def wait(self, *containers: str) -> list[int]:
        """Return the containers' exit codes once each has ended."""
        return [life.wait(self.host, name) for name in containers]

    def rm(self, *containers: str, force: bool = False, volumes: bool = False) -> list[str]:
        """Remove containers with their files; `volumes`: their anonymous volumes too."""
        life.remove(self.host, *containers, force=force, volumes=volumes)
        return list(containers)

    def rename(self, container: str, new_name: str) -> None:
        """Give a container another name."""
        from . import queries

        queries.rename(self.host, container, new_name)

    # -- containers: their processes and streams

    def exec(
        self,
        container: str,
        command: Sequence[str],
        *,
        detach: bool = False,
        stdin: bytes | None = None,
        check: bool = False,
        **flags: Unpack[ExecFlags],
    ) -> Completed | str:
        """Run one more program in a container; with `detach` return its exec id at once."""
        from . import processes

        return processes.exec_(
            self.host, container, command, flags, detach=detach, stdin=stdin, check=check
        )

    def exec_session(
        self, container: str, command: Sequence[str], **flags: Unpack[ExecFlags]
    ) -> Session:
        """Run one more program in a container, attached."""
        from . import processes

        return processes.exec_session(self.host, container, command, flags)

    def attach(self, container: str, *, no_stdin: bool = False) -> Session:
        """Join the streams of a running container's first program."""
        return life.attach(self.host, container, stdin=not no_stdin)

    def top(self, container: str, ps_args: str = "") -> Table:
        """Return a container's processes as the host sees them."""
        from . import processes

        return processes.top(self.host, container, ps_args)

    # -- containers: what is known of them

    def ps(
        self,
        *,
        all: bool = False,
        filter: Any = None,
        last: int = -1,
        latest: bool = False,
        no_trunc: bool = False,
        size: bool = False,
    ) -> Table:
        """Return the containers, the newest first; without `all` only those that run."""
        from . import queries

        return queries.ps(
            self.host,
            all=all,
            filter=filter,
            last=last,
            latest=latest,
            no_trunc=no_trunc,
            size=size,
        )

    def diff(self, container: str) -> Table:
        """Return what a container added (A), changed (C) and deleted (D)."""
        from . import queries

        return queries.diff(self.host, container)

    def plan(self, image: str, command: Sequence[str] = (), **flags: Unpack[CreateFlags]) -> Plan:
        """Return the steps that run would take, without taking one."""
        from . import queries

        return queries.plan(self.host, image, command, flags)

    def commit(
        self,
        container: str,
        reference: str = "",
        *,
        author: str = "",
        message: str = "",
        change: Any = (),
        pause: bool = True,
    ) -> Image:
        """Make an image of a container's changes; `change`: Dockerfile instructions for its config."""
        from . import commit

        return commit.commit(
            self.host,
            container,
            reference,
            author=author,
            message=message,
            change=change,
            pause=pause,
        )

    def container_prune(self, *, filter: Any = None) -> Text:
        """Remove the containers that do not run."""
        from . import system

        return system.container_prune(self.host, filter=filter)

    def cp(
        self,
        source: str | Source,
        target: str | Source,
        *,
        archive: bool = False,
        follow_link: bool = False,
    ) -> int:
        """Copy files between a container ("NAME:/path") and the host; return their bytes.

        A stream in place of the host's path is a tar.  `archive` keeps owners, else all is root's inside and
        the caller's outside.  Raises: NotFound, InvalidArgument in Docker's words.
        """
        from . import copy

        return copy.copy(self.host, source, target, archive=archive, follow_link=follow_link)

    def put_file(self, container: str, path: str, data: bytes) -> None:
        """Write one file of root's into a container; its directory must be there."""
        from . import copy

        copy.put_file(self.host, container, path, data)

    def export(self, container: str, output: Source) -> int:
        """Write a container's files as a tar to a path or a stream; return its bytes."""
        from . import archives

        return archives.export(self.host, container, output)

    # -- volumes

    def volume_create(self, name: str = "", *, driver: str = "local", label: Any = ()) -> str:
        """Make a volume, without a name an anonymous one; return its name."""
        from . import volumes

        return volumes.create(self.host, name, driver=driver, label=label)

    def volume_inspect(self, *names: str) -> Detail:
        """Return Docker's documents on volumes."""
        return self.inspect(*names, type="volume")

    def volume_ls(self, *, filter: Any = None) -> Table:
        """Return the volumes by name."""
        from . import volumes

        return volumes.ls(self.host, filter=filter)

    def volume_prune(self, *, all: bool = False, filter: Any = None) -> Text:
        """Remove the volumes that no container uses: the anonymous ones, or `all`."""
        from . import volumes

        return volumes.prune(self.host, all=all, filter=filter)

    def volume_rm(self, *names: str, force: bool = False) -> list[str]:
        """Remove volumes that no container uses; with `force` one that is missing is no error."""
        from . import volumes

        return volumes.rm(self.host, names, force=force)

    # -- all of it

    def doctor(self) -> Table:
        """Return what this host can do, what blocks the rest, and one remedy for each."""
        from . import system

        return system.doctor(self.host)

    def info(self) -> Detail:
        """Return what is known of the host and the store."""
        from . import system

        return system.info(self.host)

    def inspect(self, *names: str, type: str = "", size: bool = False) -> Detail:
        """Return Docker's documents on containers, images, networks and volumes."""
        from . import inspect

        return inspect.inspect(self.host, names, type=type, size=size)

    def system_df(self, *, verbose: bool = False) -> Table | Text:
        """Return what uses the store's disk; with `verbose` each image, container and volume."""
        from . import usage

        return usage.df(self.host, verbose=verbose)

    def system_prune(self, *, all: bool = False, volumes: bool = False, filter: Any = None) -> Text:
        """Remove what nothing uses: containers, networks, images (`all`: with a name, too), volumes."""
        from . import usage

        return usage.prune(self.host, all=all, with_volumes=volumes, filter=filter)

    def version(self) -> Detail:
        """Return the versions of the engine and of what it stands on."""
        from . import system

        return system.version()
