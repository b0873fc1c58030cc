"""Kinds: how the text of a flag or an argument is checked, called in help, and completed.

A kind's value stays what the user typed (str, int, bool, list of str): what it means is decided by
`spec`.  A check refuses with ValueError in Go's words, since those are the sentences that people
find when they search for them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import EngineError

Completer = Callable[[Any, str], Iterable[str]]


class Kind(NamedTuple):
    """`name` stands in help; `check` turns text into the value; `many` collects a list.

    `complete(engine, fragment)` proposes values; `choices` are all there are.
    """

    name: str
    check: Callable[[str], Any] = str
    default: Any = ""
    many: bool = False
    complete: Completer | None = None
    choices: tuple[str, ...] = ()

    def zero(self) -> Any:
        """Return the value of a flag that was not given."""
        return [] if self.many else self.default


_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def _bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _int(text: str) -> int:
    digits = text[1:] if text[:1] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if len(digits) > 19 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def _bytes(text: str) -> str:
    from ..units import parse_bytes

    _checked(parse_bytes, text)
    return text


def _duration(text: str) -> str:
    from ..units import parse_duration

    _checked(parse_duration, text)
    return text


def _seconds(text: str) -> str:
    try:
        float(text)
    except ValueError:
        return _duration(text)
    return text


def _decimal(text: str) -> str:
    from ..units import parse_cpus

    _checked(parse_cpus, text)
    return text


def _checked(parse: Callable[[str], Any], text: str) -> None:
    try:
        parse(text)
    except EngineError as error:
        raise ValueError(error.message) from error


def _filter(text: str) -> str:
    if "=" not in text:
        raise ValueError("invalid filter format: should be of the form 'name=value'")
    return text


def _containers(engine: Any, fragment: str) -> Iterable[str]:
    return [name for row in engine.ps(all=True) for name in str(row["Names"]).split(",")]


def _running(engine: Any, fragment: str) -> Iterable[str]:
    return [name for row in engine.ps() for name in str(row["Names"]).split(",")]


def _images(engine: Any, fragment: str) -> Iterable[str]:
    from ..builtin import NAMES

    # made on first use, so they can be named before they are there
    found = list(NAMES)
    for row in engine.images():
        repository, tag = str(row["Repository"]), str(row["Tag"])
        if "<none>" in (repository, tag):
            found.append(str(row["ID"]))
            continue
        # the short form is what people type; a tag is proposed once they ask for it
        found.append(f"{repository}:{tag}" if ":" in fragment or tag != "latest" else repository)
    return found


def _volumes(engine: Any, fragment: str) -> Iterable[str]:
    return [str(row["Name"]) for row in engine.volume_ls()]


def _registries(engine: Any, fragment: str) -> Iterable[str]:
    names = (str(row["Repository"]).partition("/")[0] for row in engine.images())
    # a registry is told from a repository by its dot or its port, as in a reference
    return sorted({name for name in names if "." in name or ":" in name or name == "localhost"})


def _copied(engine: Any, fragment: str) -> Iterable[str]:
    if ":" in fragment or "/" in fragment:
        return _paths(engine, fragment) if ":" not in fragment else []
    return [*(f"{name}:/" for name in _containers(engine, fragment)), *_paths(engine, fragment)]


def _networks(engine: Any, fragment: str) -> Iterable[str]:
    return [str(row["Name"]) for row in engine.network_ls()]


def _objects(engine: Any, fragment: str) -> Iterable[str]:
    kinds = (_containers, _images, _volumes, _networks)
    return [name for names in kinds for name in names(engine, fragment)]


def _paths(engine: Any, fragment: str) -> Iterable[str]:
    folder, _, _ = fragment.rpartition("/")
    base = folder + "/" if folder or fragment.startswith("/") else ""
    try:
        with os.scandir(os.path.expanduser(base) or ".") as entries:
            return [f"{base}{e.name}/" if e.is_dir() else f"{base}{e.name}" for e in entries]
    except OSError:
        return []


BOOL = Kind("", _bool, False)
STRING = Kind("string")
INT = Kind("int", _int, 0)
LIST = Kind("list", many=True)
STRINGS = Kind("stringArray", many=True)
MAP = Kind("map", many=True)
BYTES = Kind("bytes", _bytes)
DURATION = Kind("duration", _duration)
SECONDS = Kind("seconds", _seconds)
DECIMAL = Kind("decimal", _decimal)
FILTER = Kind("filter", _filter, many=True)

TEXT = Kind("string")
CONTAINER = Kind("string", complete=_containers)
RUNNING = Kind("string", complete=_running)
IMAGE = Kind("string", complete=_images)
VOLUME = Kind("string", complete=_volumes)
NETWORK = Kind("string", complete=_networks)
NETWORKS = Kind("list", many=True, complete=_networks)
OBJECT = Kind("string", complete=_objects)
PATH = Kind("string", complete=_paths)
VOLUMES = Kind("list", many=True, complete=_volumes)
COPY = Kind("string", complete=_copied)
PLATFORM = Kind("string", choices=("linux/amd64", "linux/arm64"))
REGISTRY = Kind("string", complete=_registries)


def choice(*words: str) -> Kind:
    """Return a kind whose completion proposes `words`; what is refused is the engine's to say."""
    return Kind("string", choices=words)
