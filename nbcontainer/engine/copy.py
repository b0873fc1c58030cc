"""cp: files between a container, running or not, and the host; Docker's rules for what goes where.

Two workers do it, one at each end of a pipe, so that the container's end has the container's rights alone.
A stream takes the place of the host's end.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from ..errors import EngineError, InvalidArgument, NotFound, Unavailable
from ..spec import copy_rules as rules
from ..spec.copy_rules import Thing, kind_of
from ..spec.runtime import Mount, RuntimeConfig
from ..store import tar_entry
from ..store.files import Lock
from ..store.placing import Owners
from ..store.tar_entry import Entry
from .create import unpack_layers
from .host import Host
from .queries import id_base

_CHUNK = 1 << 20
Side = str | os.PathLike[str] | BinaryIO


def copy(host: Host, source: Side, target: Side, *, archive: bool, follow_link: bool) -> int:
    """Copy and return the bytes of files that were copied, or for a stream the bytes of its tar.

    Raises: InvalidArgument, NotFound, ContainerNotFound in Docker's words; NoSpace.
    """
    one = rules.split(source) if isinstance(source, str) else rules.Endpoint("", "-")
    two = rules.split(target) if isinstance(target, str) else rules.Endpoint("", "-")
    if isinstance(source, os.PathLike):
        one = rules.Endpoint("", os.fspath(source))
    if isinstance(target, os.PathLike):
        two = rules.Endpoint("", os.fspath(target))
    way = rules.direction(one, two)
    with _Tree(host, (one if way == "out" else two).container) as tree:
        if way == "out":
            stream = target if two.is_stream else None
            return _out(tree, one.path, two.path, stream, archive, follow_link)
        stream = source if one.is_stream else None
        return _in(tree, one.path, two.path, stream, archive, follow_link)


def put_file(host: Host, container: str, path: str, data: bytes) -> None:
    """Write one file into a container."""
    entry = Entry(rules.base_name(path).encode(), tar_entry.REGULAR)
    entry.mode, entry.size, entry.mtime_ns = 0o644, len(data), host.now_ns()
    whole = tar_entry.header(entry) + data + bytes(-len(data) % tar_entry.BLOCK)
    stream = io.BytesIO(whole + tar_entry.end(len(whole)))
    target = f"{container}:{rules.parent(path)}"
    copy(host, stream, target, archive=False, follow_link=False)


class _Tree:
    """A container whose files are copied; one that does not run is kept from starting meanwhile."""

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.shown = name
        self.id = host.containers.resolve(name)
        self.config: RuntimeConfig = host.containers.config(self.id)
        self._lock = Lock(host.layout.container(self.id, "lock"))
        self._about: dict[str, Any] = {}

    def __enter__(self) -> _Tree:
        state = self.host.settled(self.id)
        self._about = {"shown": self.shown, "pid": 0}
        if state.status.is_alive:
            self._about |= {"pid": state.pid, "pid_start": state.pid_start}
        elif not self._lock.try_acquire():
            raise Unavailable(f"container {self.shown} is being changed", "Try again.")
        else:
            unpack_layers(self.host, self.config)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _mount(self, path: str) -> Mount | None:
        """Return the mount of the container that holds a path."""
        normal = os.path.normpath("/" + path.lstrip("/"))
        holding = [m for m in self.config.mounts if _holds(m.target, normal)]
        return max(holding, key=lambda m: len(m.target), default=None)

    def require_writable(self, path: str) -> None:
        """Raise InvalidArgument in Docker's words for what the container may not change either."""
        mount = self._mount(path)
        if mount is not None and mount.read_only:
            raise InvalidArgument("mounted volume is marked read-only")
        if mount is None and self.config.security.read_only:
            raise InvalidArgument("container rootfs is marked read-only")

    def at(self, path: str) -> tuple[dict[str, Any], str]:
        """Return what a job is told of the tree that holds `path`, and the path in it.

        Raises: InvalidArgument for what only a running container shows.
        """
        if self._about["pid"]:
            return self._about, path
        within = {}
        mount = self._mount(path)
        if mount is not None:
            if mount.type not in ("volume", "bind"):
                raise InvalidArgument(
                    f"{path} is in a {mount.type} mount of container {self.shown}, which does not run",
                    "Start it first.",
                )
            normal = os.path.normpath("/" + path.lstrip("/"))
            within, inner = {mount.type: mount.source}, normal[len(mount.target.rstrip("/")) :]
            if mount.type == "bind" and not os.path.isdir(mount.source):
                within = {"bind": rules.parent(mount.source)}
                inner = f"/{rules.base_name(mount.source)}"
            # what the path says of itself stays: /. and the slash at its end
            ending = path[len(path.rstrip("/.")) :] if path.endswith(("/", "/.")) else ""
            path = (inner or "/") + ending
        features = self.host.features
        about = {
            "container": self.id,
            "layers": list(self.config.layers),
            "id_base": id_base(self.host, self.config),
            "id_count": features.id_count,
            **self.host.backend(),
            **within,
        }
        return self._about | about, path

    @property
    def notes_owners(self) -> bool:
        """Tell whether true owners stand in an xattr, since there is one id only."""
        return self.host.features.id_mode == "single"

    def thing(self, path: str, *, follow: bool = True) -> Thing:
        """Return what is at a path."""
        return Thing(path, str(self._look(path, follow)["kind"]))

    def target(self, path: str) -> tuple[Thing, dict[str, Any], str]:
        """Return what is where something is to go, what a job is told of its tree, and its path there.

        A link means what it leads to, there or not.
        """
        found = self._look(path, True)
        tree, inner = self.at(path)
        if found["link"]:
            ending = path[len(path.rstrip("/")) :]
            inner = f"/{found['path']}{ending}"
        return Thing(path, str(found["kind"])), tree, inner

    def _look(self, path: str, follow: bool) -> dict[str, Any]:
        tree, inner = self.at(path)
        found: dict[str, Any] = self.host.runtime.job(
            "container_stat", tree=tree, path=inner, follow=follow
        )
        return found


def _holds(target: str, path: str) -> bool:
    top = target.rstrip("/")
    return path == top or path.startswith(f"{top}/")


def _out(
    tree: _Tree, path: str, target: str, stream: Side | None, archive: bool, follow: bool
) -> int:
    # "link/" and "link/." mean what the link leads to
    source = tree.thing(path, follow=follow or Thing(path).asserts_directory)
    if not source.kind:
        raise NotFound(f"Could not find the file {path} in container {tree.shown}")
    follow = follow or source.asserts_directory
    about, inner = tree.at(path)
    name = rules.base_name(path)
    arguments: dict[str, Any] = {
        "tree": about,
        "path": inner,
        "name": "root" if name in ("/", ".", "..") else name,
        "follow": follow,
        "owners": tree.notes_owners,
    }
    if stream is not None:
        return _job_to(tree.host, "container_out", arguments, stream)
    placed = rules.place(source, _host_target(target))
    into = _open_directory(placed.directory, target)
    try:
        keeps = archive and os.geteuid() == 0
        end = {"name": placed.name, "owners": Owners.KEPT if keeps else Owners.OWN}
        return _joined(
            tree.host,
            ("container_out", (), arguments),
            ("host_in", (into,), end),
        )
    finally:
        os.close(into)


def _in(
    tree: _Tree, path: str, target: str, stream: Side | None, archive: bool, follow: bool
) -> int:
    tree.require_writable(target)
    there, about, inner = tree.target(target)
    owners = Owners.KEPT if archive else Owners.ROOT
    if tree.notes_owners:
        owners = Owners.NOTED if archive else Owners.OWN
    if stream is not None:
        if there.kind != "directory":
            raise InvalidArgument(
                f'destination "{tree.shown}:{target}" must be a directory', "Make it first."
            )
        arguments = {"tree": about, "path": inner, "name": "*", "owners": Owners.KEPT}
        if tree.notes_owners:
            arguments["owners"] = Owners.NOTED
        return _job_from(tree.host, "container_in", arguments, stream)
    source = _host_thing(path, follow=follow or Thing(path).asserts_directory)
    if not source.kind:
        raise InvalidArgument(f"lstat {path}: no such file or directory")
    rules.place(source, there, tree.shown)  # what it refuses is said of the path that was given
    placed = rules.place(source, Thing(inner, there.kind), tree.shown)
    true = os.path.realpath(path) if follow or source.asserts_directory else path
    base, parent = rules.base_name(true), rules.parent(true)
    if base == "/":
        raise InvalidArgument("the host's root directory cannot be copied")
    folder = _open_directory(parent, path)
    try:
        return _joined(
            tree.host,
            ("host_out", (folder,), {"path": base, "name": base, "owners": archive}),
            (
                "container_in",
                (),
                {"tree": about, "path": placed.directory, "name": placed.name, "owners": owners},
            ),
        )
    finally:
        os.close(folder)


def _host_thing(path: str, *, follow: bool = True) -> Thing:
    """Return what the host has at a path, as whoever asks sees it."""
    try:
        status = os.stat(path) if follow else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Thing(path)
    except OSError as error:
        raise InvalidArgument(f"stat {path}: {(error.strerror or '').lower()}") from None
    return Thing(path, kind_of(status.st_mode))


def _host_target(path: str) -> Thing:
    """Return what is where something is to go; a link there means what it leads to, there or not."""
    plain = path.rstrip("/")
    if not os.path.islink(plain):
        return _host_thing(path)
    return _host_thing(os.path.realpath(plain) + path[len(plain) :])


def _open_directory(path: str, shown: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidArgument(
            f"invalid output path: directory {path} does not exist", "Make it first."
        ) from None
    except OSError as error:
        raise InvalidArgument(f"open {shown}: {(error.strerror or '').lower()}") from None


Job = tuple[str, tuple[int, ...], dict[str, Any]]


def _joined(host: Host, sender: Job, receiver: Job) -> int:
    """Run two jobs with a pipe between them; return the bytes of files."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    sent = _Beside(lambda: _job(host, sender, writer), lambda: os.close(writer))
    try:
        try:
            received = _job(host, receiver, reader)
        finally:
            os.close(reader)
    except EngineError:
        # a sender that failed cut the tar short: what it says is the reason
        sent.result()
        raise
    sent.result()
    return int(received["size_bytes"])


def _job(host: Host, job: Job, pipe: int) -> Any:
    function, descriptors, arguments = job
    return host.runtime.job(function, (pipe, *descriptors), **arguments)


class _Beside:
    """A call in a thread of its own; what it raised is raised by `result`."""

    def __init__(self, call: Callable[[], Any], after: Callable[[], None]) -> None:
        self._call = call
        self._after = after
        self._outcome: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="nbcontainer-cp")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self._after()

    def result(self) -> Any:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome


def _job_to(host: Host, function: str, arguments: dict[str, Any], stream: Any) -> int:
    """Let a job write into a stream of ours."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    working = _Beside(
        lambda: host.runtime.job(function, (writer,), **arguments), lambda: os.close(writer)
    )
    with open(reader, "rb", buffering=0) as pipe:
        while data := pipe.read(_CHUNK):
            stream.write(data)
    return int(working.result()["size_bytes"])


def _job_from(host: Host, function: str, arguments: dict[str, Any], stream: Any) -> int:
    """Let a job read from a stream of ours, which may be compressed."""
    from ..store.streams import Uncompressed

    reader, writer = os.pipe2(os.O_CLOEXEC)
    working = _Beside(
        lambda: host.runtime.job(function, (reader,), **arguments), lambda: os.close(reader)
    )
    size = 0
    try:
        with open(writer, "wb", buffering=0) as pipe:
            plain = Uncompressed(stream.read)
            while data := plain.read(_CHUNK):
                view = memoryview(data)
                while view:
                    view = view[pipe.write(view) :]
                size += len(data)
    except BrokenPipeError:
        pass  # the job says why it stopped
    working.result()
    return size
