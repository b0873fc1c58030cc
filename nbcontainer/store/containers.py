"""Containers: their directories, names and states, as files.

A container comes into being by one rename of its finished directory into place, and goes by one rename
out of it; the symbolic link names/<name> is the claim on its name.  Both happen under a lock on names/,
so a link whose container is missing belongs to a creator or remover that was killed, and is free.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable

from ..errors import ContainerNotFound, InvalidArgument, NameInUse, StateUnreadable
from ..linux.process import own_mark
from ..spec.codec import decode, encode
from ..spec.lifecycle import State
from ..spec.runtime import RuntimeConfig
from ..values import replace
from .files import (
    Directories,
    Lock,
    dump_json,
    is_held,
    no_space,
    read_json,
    sync_directory,
    unlink_quietly,
    write_all,
    write_in_any_case,
)
from .lately import Lately
from .layout import Layout
from .marks import NEVER, Mark, is_settled, mark_of

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _LETTERS | frozenset("_.-")
_HEX = frozenset("0123456789abcdef")
_numbers = itertools.count(1)

Listing = tuple[RuntimeConfig, State, str]
_Texts = list[str]  # not to be taken for Containers.list


def check_name(name: str) -> None:
    """Raise InvalidArgument, in Docker's words, unless `name` can be a container's."""
    if len(name) < 2 or name[0] not in _LETTERS or not _NAME.issuperset(name) or len(name) > 255:
        raise InvalidArgument(
            f"Invalid container name ({name[:300]}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )


class Containers:
    """The containers of one store.  Instances may be shared by threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._configs: dict[str, tuple[Mark, RuntimeConfig]] = {}
        self._states: dict[str, tuple[Mark, State]] = {}
        self._names: tuple[Mark, dict[str, str]] = (NEVER, {})
        # which containers were asked for by name here, and when last
        self.asked: Lately[str] = Lately()

    def create(self, config: RuntimeConfig) -> None:
        """Make the container's directory with its config.json, and claim its name.

        Afterwards it is `created` and survives a power cut (unless `auto_remove`, which would not be
        missed).  If it fails, nothing is left.

        Raises: NameInUse, InvalidArgument, NoSpace.
        """
        check_name(config.name)
        made = f"{self._layout.tmp}/{own_mark()}-create-{next(_numbers)}"
        file = f"{made}/config.json"
        sync = not config.auto_remove
        try:
            with no_space(f"create container {config.name}"):
                os.mkdir(made, 0o700)
                fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    write_all(fd, dump_json(encode(config)))
                    if sync:
                        os.fsync(fd)
                finally:
                    os.close(fd)
                if sync:
                    sync_directory(made)
                self._put_in_place(made, config, sync)
        except BaseException:
            unlink_quietly(file)
            _rmdir_quietly(made)
            raise

    def _put_in_place(self, made: str, config: RuntimeConfig, sync: bool) -> None:
        places = (self._layout.containers, self._layout.names) if sync else ()
        with Directories(*places) as directories:
            with Lock(self._layout.names):
                self._claim(config.name, config.id)
                self._rename_in(made, config)
            try:
                directories.sync()
            except OSError:
                os.rename(self._layout.container(config.id), made)
                unlink_quietly(self._layout.name(config.name))
                raise

    def resolve(self, text: str) -> str:
        """Return the id that `text` means: an id, a name, or the start of exactly one id.

        Raises: ContainerNotFound; InvalidArgument for a start that fits several.
        """
        container_id = self._resolve(text)
        self.asked.note(container_id)
        return container_id

    def _resolve(self, text: str) -> str:
        wanted = text.removeprefix("/")
        if len(wanted) == 64 and _HEX.issuperset(wanted) and self._exists(wanted):
            return wanted
        if _is_name(wanted):
            container_id = self._link(wanted)
            if container_id and self._exists(container_id):
                return container_id
        if wanted and len(wanted) < 64 and _HEX.issuperset(wanted):
            found = [each for each in self.ids() if each.startswith(wanted)]
            if len(found) == 1:
                return found[0]
            if found:
                raise InvalidArgument(
                    f"Multiple IDs found with provided prefix: {text}", "give more digits of the id"
                )
        raise _not_found(text)

    def ids(self) -> _Texts:
        """Return the ids of all containers, in no order."""
        try:
            return [name for name in os.listdir(self._layout.containers) if len(name) == 64]
        except FileNotFoundError:
            return []

    def config(self, container_id: str) -> RuntimeConfig:
        """Return what the container was created with.

        Raises: ContainerNotFound; StateUnreadable.
        """
        path = self._layout.container(container_id, "config.json")
        # never changed in place, but lab mode may give the id of a removed container again
        mark = mark_of(path)
        known = self._configs.get(container_id)
        if known is not None and known[0] == mark:
            return known[1]
        try:
            config = decode(RuntimeConfig, read_json(path), lenient=True)
        except FileNotFoundError:
            self._forget(container_id)
            raise _not_found(container_id) from None
        self._configs[container_id] = (mark, config)
        return config

    def state(self, container_id: str) -> State:
        """Return the truth about the container: alive only if its shim lives.

        Raises: ContainerNotFound; StateUnreadable.
        """
        path = self._layout.container(container_id, "state.json")
        while True:
            mark, state = self._read_state(container_id, path)
            if not state.status.is_alive or self.is_alive(container_id):
                return state
            # the shim may have written its last state, or a new one its first, since we read
            again, state = self._read_state(container_id, path)
            if again == mark:
                finished_ns = mark[1] or time.time_ns()
                return state.orphaned(finished_ns) if state.status.is_alive else state

    def is_alive(self, container_id: str) -> bool:
        """Tell whether the container's shim lives."""
        return is_held(self._layout.container(container_id, "lock"))

    def reconcile(self, container_id: str, finished_ns: int = 0) -> State:
        """Write down the end of a container whose shim was killed; return its state.  Idempotent.

        `finished_ns`: when that was; not known, it is taken for the moment of the last change.

        Raises: ContainerNotFound; StateUnreadable.
        """
        lock = Lock(self._layout.container(container_id, "lock"))
        state = self.state(container_id)
        path = self._layout.container(container_id, "state.json")
        if self._read_state(container_id, path)[1].status.is_alive and lock.try_acquire():
            try:
                # nobody but us may write now: we hold what the shim would hold
                mark, written = self._read_state(container_id, path)
                if written.status.is_alive:
                    state = written.orphaned(finished_ns or mark[1] or time.time_ns())
                    # the sandbox is undone by now: an empty name says that nothing is left to mend
                    write_in_any_case(path, dump_json(encode(replace(state, sandbox=""))))
            finally:
                lock.release()
        return state

    def name(self, container_id: str) -> str:
        """Return the container's name today (`rename` does not change config.json)."""
        names = self._name_map()
        for name, named in names.items():
            if named == container_id:
                return name
        return self.config(container_id).name

    def rename(self, container_id: str, new: str) -> None:
        """Give the container another name.

        Raises: ContainerNotFound, NameInUse, InvalidArgument, NoSpace.
        """
        new = new.removeprefix("/")
        if not new:
            raise InvalidArgument("Neither old nor new names may be empty")
        check_name(new)
        with Lock(self._layout.names):
            if not self._exists(container_id):
                raise _not_found(container_id)
            old = self._links_to(container_id)
            if new in old:
                raise InvalidArgument("Renaming a container with the same name as its current name")
            try:
                with no_space(f"rename container {container_id[:12]}"):
                    self._claim(new, container_id)
            except NameInUse as error:
                raise NameInUse(
                    f"Error when allocating new name: {error.message}", error.hint
                ) from None
            for name in old:
                os.unlink(self._layout.name(name))
            sync_directory(self._layout.names)

    def list(self) -> list[Listing]:
        """Return (config, state, name) of every container, the newest first.

        What did not change since the last call is not read again.  A container whose files are damaged
        is left out of the list; `config` says what is wrong with it.
        """
        ids = self.ids()
        names = {container_id: name for name, container_id in self._name_map().items()}
        found: list[Listing] = []
        for container_id in ids:
            try:
                seen = self._states.get(container_id)
                state = self.state(container_id)
                known = self._configs.get(container_id)
                if known is None or seen is None or self._states.get(container_id) is not seen:
                    config = self.config(container_id)
                else:
                    config = known[1]  # the state is the one that was read with it
            except (ContainerNotFound, StateUnreadable):
                continue
            found.append((config, state, names.get(container_id, config.name)))
        if len(self._configs) > len(ids):
            for gone in self._configs.keys() - set(ids):
                self._forget(gone)
        found.sort(key=_age, reverse=True)
        return found

    def remove(self, container_id: str) -> str:
        """Take the container out of the store; return the path in tmp/ where its tree now lies.

        Atomic: afterwards no name and no list knows it, and its tree only waits to be deleted.

        Raises: ContainerNotFound, NoSpace.
        """
        doomed = f"{self._layout.tmp}/{own_mark()}-removed-{next(_numbers)}-{container_id[:12]}"
        with no_space(f"remove container {container_id[:12]}"), Lock(self._layout.names):
            try:
                os.rename(self._layout.container(container_id), doomed)
            except FileNotFoundError:
                raise _not_found(container_id) from None
            usual = self._usual_name(doomed, container_id)
            for name in [usual] if usual else self._links_to(container_id):
                # to be deleted with the tree: a rename is over at once, an unlink may wait for the disk
                os.rename(self._layout.name(name), f"{doomed}/name-{next(_numbers)}")
        self._forget(container_id)
        return doomed

    def _claim(self, name: str, container_id: str) -> None:
        link = self._layout.name(name)
        try:
            os.symlink(container_id, link)
        except FileExistsError:
            holder = self._link(name)
            if holder and self._exists(holder):
                raise NameInUse(
                    f'Conflict. The container name "/{name}" is already in use by container '
                    f'"{holder}". You have to remove (or rename) that container to be able to '
                    "reuse that name."
                ) from None
            os.unlink(link)
            os.symlink(container_id, link)

    def _rename_in(self, made: str, config: RuntimeConfig) -> None:
        try:
            os.rename(made, self._layout.container(config.id))
        except BaseException:
            unlink_quietly(self._layout.name(config.name))
            raise

    def _link(self, name: str) -> str:
        try:
            return os.readlink(self._layout.name(name))
        except OSError:
            return ""

    def _links_to(self, container_id: str) -> _Texts:
        return [name for name in _listdir(self._layout.names) if self._link(name) == container_id]

    def _usual_name(self, doomed: str, container_id: str) -> str:
        # spares the look at all names, unless the container was renamed or cannot be read
        known = self._configs.get(container_id)
        try:
            name = known[1].name if known else str(read_json(f"{doomed}/config.json")["name"])
        except (OSError, StateUnreadable, LookupError, TypeError):
            return ""
        return name if _is_name(name) and self._link(name) == container_id else ""

    def _exists(self, container_id: str) -> bool:
        return os.path.exists(self._layout.container(container_id))

    def _forget(self, container_id: str) -> None:
        self._configs.pop(container_id, None)
        self._states.pop(container_id, None)

    def _name_map(self) -> dict[str, str]:
        mark = mark_of(self._layout.names)
        known, names = self._names
        if mark != known or mark == NEVER:
            names = {name: self._link(name) for name in _listdir(self._layout.names)}
            self._names = (mark if is_settled(mark) else NEVER, names)
        return names

    def _read_state(self, container_id: str, path: str) -> tuple[Mark, State]:
        mark = mark_of(path)
        known = self._states.get(container_id)
        if known is not None and known[0] == mark:
            return known
        if mark == NEVER:
            if not self._exists(container_id):
                self._forget(container_id)
                raise _not_found(container_id)
            return mark, _CREATED
        try:
            state = decode(State, read_json(path), lenient=True)
        except FileNotFoundError:
            raise _not_found(container_id) from None
        if is_settled(mark):
            self._states[container_id] = (mark, state)
        return mark, state


_CREATED = State()


def _age(listing: Listing) -> tuple[int, str]:
    return (listing[0].created_ns, listing[0].id)


def _is_name(text: str) -> bool:
    return bool(text) and text[0] in _LETTERS and _NAME.issuperset(text) and len(text) <= 255


def _listdir(path: str) -> Iterable[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _rmdir_quietly(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        pass


def _not_found(text: str) -> ContainerNotFound:
    return ContainerNotFound(f"No such container: {text}", "`ps -a` shows what is there")
