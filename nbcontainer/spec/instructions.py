"""A Dockerfile's lines as instructions: continuations, comments, flags, JSON and shell forms.  Pure."""

from __future__ import annotations

import json
import re

from ..errors import InvalidArgument
from ..values import value

_CONTINUED = re.compile(r"(?:^|[^\\])(\\[ \t]*)$")


@value
class Instruction:
    """`name` is in upper case, `written` as it stood there; `flags` are the --words before `rest`."""

    name: str
    written: str
    rest: str
    flags: tuple[str, ...] = ()


def instructions(text: str) -> list[Instruction]:
    """Read the lines of `text`; empty ones and comments say nothing."""
    found = []
    pending = ""
    for line in text.splitlines():
        stripped = line.lstrip()
        if stripped.startswith("#") or (pending and not stripped):
            continue
        # only the first line of several loses what stands before it
        line = line if pending else stripped
        joint = _CONTINUED.search(line)
        if joint:
            pending += line[: joint.start(1)]
            continue
        if (pending + line).strip():
            found.append(_instruction((pending + line).strip()))
        pending = ""
    if pending.strip():
        found.append(_instruction(pending.strip()))
    return found


def _instruction(line: str) -> Instruction:
    written, rest = _cut(line)
    flags = []
    while rest.startswith("--") and rest[2:3].strip():
        flag, rest = _cut(rest)
        flags.append(flag)
    if rest.startswith("-- ") or rest == "--":
        rest = rest[2:].lstrip()  # what follows are no flags
    return Instruction(written.upper(), written, rest, tuple(flags))


def _cut(text: str) -> tuple[str, str]:
    parts = text.split(None, 1)
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def json_words(rest: str) -> list[str] | None:
    """Return the words of the JSON form, None for a text that is no JSON array.

    Raises: InvalidArgument for an array that holds anything but strings.
    """
    if not rest.startswith("["):
        return None
    try:
        found = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in found):
        raise InvalidArgument(
            "when using JSON array syntax, arrays must be comprised of strings only"
        )
    return list(found)
