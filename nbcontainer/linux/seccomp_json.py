"""Docker's JSON profiles (--security-opt seccomp=FILE) to `seccomp.Profile`.

The text is a stranger's: every shape is checked, nothing is guessed.  The list of architectures is
read for its errors and not used otherwise: only the machine's own 64-bit calls are ever let through.

See: docs.docker.com/engine/security/seccomp, runtime-spec config-linux.md "Seccomp".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..errors import InvalidArgument
from . import seccomp
from .bpf import Condition
from .seccomp import Profile, Rule

_ACTIONS = {
    "SCMP_ACT_KILL": seccomp.KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": seccomp.KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": seccomp.KILL_PROCESS,
    "SCMP_ACT_TRAP": seccomp.TRAP,
    "SCMP_ACT_ERRNO": seccomp.ERRNO,
    "SCMP_ACT_TRACE": seccomp.TRACE,
    "SCMP_ACT_LOG": seccomp.LOG,
    "SCMP_ACT_ALLOW": seccomp.ALLOW,
}
_WITH_ERRNO = (seccomp.ERRNO, seccomp.TRACE)
_OPERATORS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
_GO_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}

_RULE_KEYS = frozenset("name names action args errnoRet errno comment includes excludes".split())
_MAX_ERRNO = 4095
_MAX_64 = (1 << 64) - 1


def parse_profile(text: str, capabilities: Iterable[str], machine: str, linux: str = "") -> Profile:
    """Return the rules of `text` that hold for these capabilities, machine and release of Linux.

    A name that this machine lacks is passed over, as Docker does.  An empty `linux` counts as newer
    than every minKernel.
    Raises: InvalidArgument saying what is wrong, and where.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, ValueError) else "nested too deeply"
        raise InvalidArgument(f"decoding seccomp profile failed: {reason}") from error
    data = _object(data, "the profile")
    if data.get("architectures") and data.get("archMap"):
        raise _wrong(
            "'architectures' and 'archMap' were specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    for key in ("listenerPath", "listenerMetadata"):
        if data.get(key):
            raise _wrong(f"{key} is not supported")
    default = _action(data, "defaultAction", "defaultErrnoRet", "the profile")
    here = _Here(frozenset(capabilities), _GO_ARCH.get(machine, machine), _release(linux))
    rules: list[Rule] = []
    for place, item in enumerate(_list(data.get("syscalls"), "syscalls")):
        rules += _rules(item, f"syscalls[{place}]", here)
    return Profile(default, tuple(rules))


class _Here:
    """What includes and excludes are compared with."""

    def __init__(self, capabilities: frozenset[str], arch: str, release: tuple[int, ...]) -> None:
        self.capabilities = capabilities
        self.arch = arch
        self.release = release

    def holds(self, data: Any, where: str, *, every: bool) -> bool | None:
        """Tell whether the filter `data` fits; None if it says nothing.

        `every`: all its parts and all its capabilities must fit (includes); otherwise one will do.
        """
        data = _object(data or {}, where, frozenset(("caps", "arches", "minKernel")))
        found: list[bool] = []
        arches = _texts(data.get("arches"), where + ".arches")
        if arches:
            found.append(self.arch in arches)
        found += [cap in self.capabilities for cap in _texts(data.get("caps"), where + ".caps")]
        if data.get("minKernel"):
            least = _release(_text(data["minKernel"], where + ".minKernel"))
            if not least:
                raise _wrong(f"{where}.minKernel: {data['minKernel']!r} is no release of Linux")
            found.append(not self.release or self.release >= least)
        if not found:
            return None
        return all(found) if every else any(found)


def _rules(item: Any, where: str, here: _Here) -> list[Rule]:
    item = _object(item, where, _RULE_KEYS)
    names = _texts(item.get("names"), where + ".names")
    single = _text(item.get("name") or "", where + ".name")
    if single and names:
        raise _wrong(
            "'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'"
        )
    action = _action(item, "action", "errnoRet", where)
    conditions = [
        _condition(arg, f"{where}.args[{place}]")
        for place, arg in enumerate(_list(item.get("args"), where + ".args"))
    ]
    excluded = here.holds(item.get("excludes"), where + ".excludes", every=False)
    included = here.holds(item.get("includes"), where + ".includes", every=True)
    if excluded or included is False:
        return []
    called = (single,) if single else tuple(names)
    if len({condition.argument for condition in conditions}) < len(conditions):
        # libseccomp takes one comparison an argument; runc makes a rule of each, joined by "or"
        return [Rule(called, action, (condition,)) for condition in conditions]
    return [Rule(called, action, tuple(conditions))]


def _action(data: dict[str, Any], key: str, errno_key: str, where: str) -> int:
    name = _text(data.get(key), f"{where}.{key}")
    action = _ACTIONS.get(name)
    if action is None:
        raise _wrong(f"{where}: string {name} is not a valid action for seccomp")
    if action not in _WITH_ERRNO:
        return action
    errno = data.get(errno_key)
    return action | _whole(seccomp.EPERM if errno is None else errno, _MAX_ERRNO, where)


def _condition(data: Any, where: str) -> Condition:
    data = _object(data, where, frozenset(("index", "value", "valueTwo", "op")))
    name = _text(data.get("op"), where + ".op")
    operator = name.removeprefix("SCMP_CMP_")
    if operator not in _OPERATORS or operator == name:
        raise _wrong(f"{where}: string {name} is not a valid operator for seccomp")
    index = _whole(data.get("index", 0), 5, where + ".index")
    value = _whole(data.get("value", 0), _MAX_64, where + ".value")
    if operator == "MASKED_EQ":
        return Condition(
            index, operator, _whole(data.get("valueTwo", 0), _MAX_64, where), mask=value
        )
    return Condition(index, operator, value)


def _release(text: str) -> tuple[int, ...]:
    """Return version and patch level, which is all that Docker compares; () if there are none."""
    parts = text.split("-")[0].split(".")[:2]
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts):
        return ()
    return tuple([int(part[:9]) for part in parts])


def _object(value: Any, where: str, keys: frozenset[str] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"{where}: expected an object, found {type(value).__name__}")
    for key in value:
        # a misspelt "includes" or "args" would make a rule wider than it was meant
        if keys is not None and key not in keys:
            raise _wrong(f"{where}: unknown field {key!r}")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(f"{where}: expected a list, found {type(value).__name__}")
    return value


def _texts(value: Any, where: str) -> list[str]:
    return [_text(item, where) for item in _list(value, where)]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{where}: expected a text, found {type(value).__name__}")
    return value


def _whole(value: Any, most: int, where: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _wrong(f"{where}: expected a whole number from 0 to {most}, found {value!r:.40}")
    return value


def _wrong(reason: str) -> InvalidArgument:
    return InvalidArgument(f"decoding seccomp profile failed: {reason}")
