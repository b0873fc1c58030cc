"""Where cp puts things: Docker's table of cases, decided without touching a file.

SRC             DST                   result
file            is not there          a file of that name; its parent must be there
file            is not there, ends /  refused: no such directory
file            a file                overwritten
file            a directory           in it, under its own name
directory       is not there          a directory of that name, with its content
directory       a file                refused: cannot copy directory
directory       a directory           in it, under its own name
directory/.     a directory           its content goes in
anything        a device, a socket…   refused
"""

from __future__ import annotations

import stat

from ..errors import ContainerNotFound, InvalidArgument, NotFound
from ..values import value

_GOT = {"device": "got a device", "other": "got an irregular file"}


@value
class Endpoint:
    """One side of a cp: a container's path, a path of the host ("" container), or a stream ("-")."""

    container: str
    path: str

    @property
    def is_stream(self) -> bool:
        return not self.container and self.path == "-"


@value
class Thing:
    """What is at a path: `kind` is "file", "directory", "device", "other", or "" for nothing."""

    path: str
    kind: str = ""

    @property
    def asserts_directory(self) -> bool:
        """Tell whether its path says that it is a directory."""
        return self.path.endswith(("/", "/.")) or self.path in (".", "..", "")

    @property
    def means_content(self) -> bool:
        """Tell whether its path means what is in the directory."""
        return self.path.endswith("/.") or self.path == "."


@value
class Placed:
    """Into which directory, and under which name; "" as name puts a directory's content straight in."""

    directory: str
    name: str


def split(text: str) -> Endpoint:
    """Read CONTAINER:PATH, a path, or "-".  A path with a colon is written with a slash or a dot before it.

    Raises: InvalidArgument for a container without a name.
    """
    if text.startswith(("/", ".")):
        return Endpoint("", text)
    container, colon, path = text.partition(":")
    if not colon:
        return Endpoint("", text)
    if "/" in container:
        return Endpoint("", text)
    if not container:
        raise ContainerNotFound("No such container: ")
    return Endpoint(container, path or "/")


def direction(source: Endpoint, target: Endpoint) -> str:
    """Return "in" or "out".  Raises: InvalidArgument in Docker's words."""
    if source.container and target.container:
        raise InvalidArgument("copying between containers is not supported")
    if not source.container and not target.container:
        raise InvalidArgument("must specify at least one container source")
    return "out" if source.container else "in"


def base_name(path: str) -> str:
    """Return the last part of a path, "/" for the root."""
    return path.rstrip("/").rpartition("/")[2] or "/"


def parent(path: str) -> str:
    """Return the directory that a path lies in."""
    head = path.rstrip("/").rpartition("/")[0]
    return head or ("/" if path.startswith("/") else ".")


def kind_of(mode: int) -> str:
    """Return what a file's mode says it is, in the words of cp's rules; what a link is, who follows tells."""
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        return "file"
    return "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "other"


def place(source: Thing, target: Thing, where: str = "") -> Placed:
    """Return where `source` goes; `where` names the target's container in what is said.

    Raises: InvalidArgument, NotFound in Docker's words.
    """
    is_directory = source.kind == "directory"
    if source.asserts_directory and not is_directory:
        raise InvalidArgument(f"{source.path}: not a directory")
    if source.kind == "device":
        raise InvalidArgument(f"cannot copy {source.path}: it is a device")
    if target.kind in _GOT:
        what = (
            f'destination "{where}:{target.path}"'
            if where
            else f'invalid output path: "{target.path}"'
        )
        raise InvalidArgument(f"{what} must be a directory or a regular file: {_GOT[target.kind]}")
    if target.kind == "directory":
        name = "" if source.means_content else base_name(source.path)
        return Placed(target.path, "" if name in ("/", "..") else name)
    if not target.kind:
        if target.asserts_directory and not is_directory:
            raise NotFound(f"{_shown(where, target.path)}: no such directory", "Make it first.")
        return Placed(parent(target.path), base_name(target.path))
    if is_directory:
        raise InvalidArgument("cannot copy directory", f"{target.path} is a file.")
    if target.asserts_directory:
        raise InvalidArgument(f"{_shown(where, target.path)}: not a directory")
    return Placed(parent(target.path), base_name(target.path))


def _shown(where: str, path: str) -> str:
    return f"{where}:{path}" if where else path
