"""Volumes: named directories that outlive containers.

A volume comes by one rename of its finished directory and goes by one, as a container does.  What uses
a volume stands in the containers' configs, so callers say it: this module knows no containers.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Collection, Mapping

from ..errors import InvalidArgument, StateUnreadable, StillInUse, VolumeNotFound
from ..linux.process import own_mark
from ..spec.codec import decode, encode
from ..values import field, value
from .files import dump_json, no_space, read_json, sync_directory, unlink_quietly, write_atomic
from .layout import Layout

ANONYMOUS_LABEL = "com.docker.volume.anonymous"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _LETTERS | frozenset("_.-")
_numbers = itertools.count(1)


@value
class Volume:
    """What volume.json holds.  `options` are --opt's, kept and shown."""

    name: str
    created_ns: int
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody gave it a name."""
        return ANONYMOUS_LABEL in self.labels


_Volumes = list[Volume]  # not to be taken for Volumes.list


def check_name(name: str) -> None:
    """Raise InvalidArgument, in Docker's words, unless `name` can be a volume's."""
    if len(name) == 1:
        raise InvalidArgument(
            "volume name is too short, names should be at least two alphanumeric characters"
        )
    if not name or name[0] not in _LETTERS or not _NAME.issuperset(name) or len(name) > 255:
        shown = name[:300]
        raise InvalidArgument(
            f'create {shown}: "{shown}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )


class Volumes:
    """The volumes of one store."""

    __slots__ = ("_layout",)

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def create(
        self,
        name: str = "",
        *,
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        owner: tuple[int, int] | None = None,
        now_ns: int = 0,
    ) -> Volume:
        """Make the volume, or return the one that is there; without `name`, an anonymous one.

        `owner` is who owns its directory, as seen from here.  If it fails, nothing is left.

        Raises: InvalidArgument, NoSpace.
        """
        labels = dict(labels or {})
        if not name:
            name = os.urandom(32).hex()
            labels[ANONYMOUS_LABEL] = ""
        check_name(name)
        if os.path.exists(self._layout.volume(name)):
            return self.get(name)
        volume = Volume(name, now_ns or time.time_ns(), labels, dict(options or {}))
        made = f"{self._layout.tmp}/{own_mark()}-volume-{next(_numbers)}"
        with no_space(f"create volume {name}"):
            try:
                self._build(made, volume, owner)
                os.rename(made, self._layout.volume(name))
            except BaseException as error:
                _undo(made)
                if isinstance(error, OSError) and os.path.exists(self._layout.volume(name)):
                    return self.get(name)  # somebody else was faster
                raise
            sync_directory(self._layout.volumes)
        return volume

    def get(self, name: str) -> Volume:
        """Return the volume.

        Raises: VolumeNotFound, StateUnreadable.
        """
        try:
            path = self._layout.volume(_known(name), "volume.json")
            return decode(Volume, read_json(path), lenient=True)
        except (FileNotFoundError, NotADirectoryError):
            raise _not_found(name) from None

    def path(self, name: str) -> str:
        """Return the directory that a container sees."""
        return self._layout.volume(name, "_data")

    def is_empty(self, name: str) -> bool:
        """Tell whether the volume holds nothing; one that we may not look into is in use already."""
        try:
            return not os.listdir(self.path(name))
        except PermissionError:
            return False

    def list(self) -> _Volumes:
        """Return all volumes by name; one whose file is damaged is left out."""
        found = []
        try:
            names = sorted(os.listdir(self._layout.volumes))
        except FileNotFoundError:
            return []
        for name in names:
            try:
                found.append(self.get(name))
            except (VolumeNotFound, StateUnreadable):
                continue
        return found

    def remove(self, name: str, users: Collection[str] = ()) -> str:
        """Take the volume out of the store; return the path in tmp/ where its tree now lies.

        Raises: VolumeNotFound; StillInUse if `users` (container ids) is not empty; NoSpace.
        """
        if not os.path.isdir(self._layout.volume(_known(name))):
            raise _not_found(name)
        if users:
            raise StillInUse(
                f"remove {name}: volume is in use - [{', '.join(sorted(users))}]",
                "remove those containers first",
            )
        doomed = f"{self._layout.tmp}/{own_mark()}-removed-volume-{next(_numbers)}"
        with no_space(f"remove volume {name}"):
            try:
                os.rename(self._layout.volume(name), doomed)
            except FileNotFoundError:
                raise _not_found(name) from None
        return doomed

    def _build(self, made: str, volume: Volume, owner: tuple[int, int] | None) -> None:
        os.mkdir(made, 0o711)
        os.mkdir(f"{made}/_data")
        os.chmod(f"{made}/_data", 0o755)  # whatever the umask is, all in the container may enter
        if owner is not None:
            os.chown(f"{made}/_data", *owner)
        write_atomic(f"{made}/volume.json", dump_json(encode(volume)), sync=True)


def _known(name: str) -> str:
    # what could not be created does not exist, and never becomes a path
    try:
        check_name(name)
    except InvalidArgument:
        raise _not_found(name) from None
    return name


def _not_found(name: str) -> VolumeNotFound:
    return VolumeNotFound(f"get {name[:300]}: no such volume", "`volume ls` shows what is there")


def _undo(made: str) -> None:
    unlink_quietly(f"{made}/volume.json")
    for path in (f"{made}/_data", made):
        try:
            os.rmdir(path)
        except OSError:
            pass
