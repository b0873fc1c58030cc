"""--change of commit and import: the Dockerfile's instructions that alter an image's config.  Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import InvalidArgument
from ..units import parse_duration
from ..values import replace
from .flags_limits import as_int
from .flags_values import merge_env
from .image import ImageConfig
from .instructions import Instruction, instructions, json_words
from .runtime import Healthcheck
from .shell_words import environment, expand, split
from .signals import signal_number

DEFAULT_SHELL = ("/bin/sh", "-c")
_HEALTH_FLAGS = {
    "interval": "interval_s",
    "timeout": "timeout_s",
    "start-period": "start_period_s",
    "start-interval": "start_interval_s",
}


def apply_changes(config: ImageConfig, changes: Iterable[str] | str) -> ImageConfig:
    """Return `config` as the instructions leave it, one after the other.

    Raises: InvalidArgument in Docker's words.
    """
    lines = [changes] if isinstance(changes, str) else list(changes)
    if not lines:
        return config
    found = instructions("\n".join(lines))
    if not found:
        raise InvalidArgument("file with no instructions")
    for instruction in found:
        if instruction.name not in _APPLY:
            raise InvalidArgument(
                f"{instruction.written.lower()} is not a valid change command",
                f"There are: {', '.join(sorted(_APPLY))}.",
            )
    cmd_given = False
    for instruction in found:
        if instruction.flags and instruction.name != "HEALTHCHECK":
            flag = instruction.flags[0].removeprefix("--").partition("=")[0]
            raise InvalidArgument(f"Unknown flag: {flag}")
        _refuse_nul(instruction)
        config = _APPLY[instruction.name](config, instruction)
        if instruction.name == "ENTRYPOINT" and not cmd_given:
            # what was the argument of another program means nothing to this one
            config = replace(config, cmd=()) if config.entrypoint else config
        cmd_given |= instruction.name == "CMD"
    return config


def _refuse_nul(instruction: Instruction) -> None:
    if "\0" in instruction.rest or "\\u0000" in instruction.rest:
        raise InvalidArgument(f"{instruction.name} cannot hold a NUL character")


def _expanded(config: ImageConfig, text: str) -> str:
    try:
        return expand(text, environment(config.env))
    except InvalidArgument as error:
        raise InvalidArgument(f'failed to process "{text}": {error.message}') from None


def _one(config: ImageConfig, instruction: Instruction) -> str:
    if not instruction.rest:
        raise InvalidArgument(f"{instruction.name} requires exactly one argument")
    return _expanded(config, instruction.rest)


def _at_least_one(instruction: Instruction) -> None:
    if not instruction.rest:
        raise InvalidArgument(f"{instruction.name} requires at least one argument")


def _command(config: ImageConfig, rest: str) -> tuple[str, ...]:
    """Return a program's words: the JSON form as it is, the other form for the shell."""
    words = json_words(rest)
    if words is not None:
        return tuple(words)
    return (*(config.shell or DEFAULT_SHELL), rest) if rest else ()


def _pairs(config: ImageConfig, instruction: Instruction) -> dict[str, str]:
    """Return name=value pairs, or the one pair of the old form "name value"."""
    words = split(instruction.rest)
    if not words:
        raise InvalidArgument(f"{instruction.name} requires at least one argument")
    if "=" not in words[0]:
        old = instruction.rest.split(None, 1)
        if len(old) < 2:
            raise InvalidArgument(f"{instruction.name} must have two arguments")
        pairs = [(old[0], old[1])]
    else:
        for word in words:
            if "=" not in word:
                raise InvalidArgument(
                    f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
                )
        pairs = [(name, value) for name, _, value in (word.partition("=") for word in words)]
    found = {_expanded(config, name): _expanded(config, value) for name, value in pairs}
    if not all(found):
        raise InvalidArgument(f"{instruction.name} names can not be blank")
    return found


def _cmd(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    return replace(config, cmd=_command(config, instruction.rest))


def _entrypoint(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    return replace(config, entrypoint=_command(config, instruction.rest))


def _env(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    pairs = _pairs(config, instruction)
    return replace(config, env=merge_env(config.env, [f"{n}={v}" for n, v in pairs.items()]))


def _label(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    return replace(config, labels={**config.labels, **_pairs(config, instruction)})


def _expose(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    _at_least_one(instruction)
    ports = set(config.exposed_ports)
    for text in instruction.rest.split():
        for word in _expanded(config, text).split():
            ports.update(_ports(word))
    return replace(config, exposed_ports=tuple(sorted(ports)))


def _ports(word: str) -> list[str]:
    """Return the container's ports of "[[address:]port:]port[-port][/protocol]"."""
    numbers, _, protocol = word.rpartition(":")[2].partition("/")
    protocol = protocol.lower() or "tcp"
    first, dash, last = numbers.partition("-")
    last = last if dash else first
    if not all(n.isascii() and n.isdigit() and len(n) < 6 for n in (first, last)) or not (
        int(first) <= int(last) < 65536
    ):
        raise InvalidArgument(f"Invalid containerPort: {numbers}")
    if protocol not in ("tcp", "udp", "sctp"):
        raise InvalidArgument(f"Invalid proto: {protocol}")
    return [f"{port}/{protocol}" for port in range(int(first), int(last) + 1)]


def _user(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    return replace(config, user=_one(config, instruction))


def _workdir(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    asked = _one(config, instruction)
    if not asked:
        raise InvalidArgument("cannot normalize nothing")
    if not asked.startswith("/"):
        joined = posixpath.normpath(posixpath.join("/", config.working_dir, asked))
        asked = "/" + joined.lstrip("/")
    return replace(config, working_dir=asked)


def _stopsignal(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    asked = _one(config, instruction)
    signal_number(asked)
    return replace(config, stop_signal=asked)


def _volume(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    _at_least_one(instruction)
    words = json_words(instruction.rest)
    if words == []:
        raise InvalidArgument("VOLUME requires at least one argument")
    paths = [_expanded(config, word).strip() for word in (words or instruction.rest.split())]
    if not all(paths):
        raise InvalidArgument("VOLUME specified can not be an empty string")
    return replace(config, volumes=tuple(sorted({*config.volumes, *paths})))


def _onbuild(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    _at_least_one(instruction)
    first = instruction.rest.split()[0].upper()
    if first == "ONBUILD":
        raise InvalidArgument("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if first in ("MAINTAINER", "FROM"):
        raise InvalidArgument(f"{first} isn't allowed as an ONBUILD trigger")
    return replace(config, on_build=(*config.on_build, instruction.rest))


def _healthcheck(config: ImageConfig, instruction: Instruction) -> ImageConfig:
    _at_least_one(instruction)
    kind, _, command = instruction.rest.partition(" ")
    command = command.strip()
    if kind.upper() == "NONE":
        if command:
            raise InvalidArgument("HEALTHCHECK NONE takes no arguments")
        return replace(config, healthcheck=Healthcheck(test=("NONE",)))
    if kind.upper() != "CMD":
        raise InvalidArgument(f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)')
    if not command:
        raise InvalidArgument("Missing command after HEALTHCHECK CMD")
    words = json_words(command)
    test = ("CMD-SHELL", command) if words is None else ("CMD", *words)
    before = config.healthcheck or Healthcheck()
    values = _health_values(instruction.flags)
    return replace(config, healthcheck=replace(before, test=test, **values))


def _health_values(flags: Iterable[str]) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    for flag in flags:
        name, equals, text = flag.removeprefix("--").partition("=")
        if name not in (*_HEALTH_FLAGS, "retries"):
            raise InvalidArgument(f"Unknown flag: {name}")
        if not equals:
            raise InvalidArgument(f"Missing a value on flag: {name}")
        if name == "retries":
            retries = as_int("--retries", text)
            if retries < 0:
                raise InvalidArgument(f"--retries cannot be negative ({retries})")
            values[name] = retries or Healthcheck().retries
            continue
        seconds = parse_duration(text)
        if seconds and seconds < 0.001:
            raise InvalidArgument(f'Interval "{name}" cannot be less than 1ms')
        field = _HEALTH_FLAGS[name]
        values[field] = seconds or getattr(Healthcheck(), field)
    return values


_APPLY: dict[str, Callable[[ImageConfig, Instruction], ImageConfig]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
