"""A half-typed line to what may stand at its end.  Pure, but for what a kind asks the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..errors import EngineError
from .kinds import BOOL, Kind
from .table import GROUPS, Command, find, verbs


class Proposal(NamedTuple):
    """`text` replaces `fragment`, the end of the line; `type` is verb, flag or value."""

    text: str
    type: str


def propose(
    words: Sequence[str], fragment: str, engine: Callable[[], Any]
) -> tuple[list[Proposal], str]:
    """Return what may replace the fragment, and the part of it that is replaced.

    The engine is made only where names of its objects may stand.  A line that makes no sense so far
    proposes nothing.
    """
    if not words:
        return _starting(
            [Proposal(verb, "verb") for verb in [*verbs(), "config", "lab", "help"]], fragment
        )
    if len(words) == 1 and words[0] in GROUPS:
        return _starting([Proposal(verb, "verb") for verb in verbs(words[0])], fragment)
    if words[0] == "help":
        return propose(words[1:], fragment, engine)
    try:
        command, _, rest = find(words)
    except EngineError:
        return [], fragment
    pending, seen = _walk(command, rest)
    if pending is not None:
        return _values(pending, fragment, engine)
    if fragment.startswith("-") and seen is not None:
        return _flags(command, fragment, engine)
    return _values(_argument(command, seen), fragment, engine)


def _walk(command: Command, rest: Sequence[str]) -> tuple[Kind | None, int | None]:
    """Return the kind of the flag that waits for its value, and how many arguments came so far
    (None once everything belongs to the program inside).
    """
    seen = 0
    at = 0
    while at < len(rest):
        word = rest[at]
        at += 1
        if not word.startswith("-") or word == "-":
            seen += 1
            if command.stops and seen >= _own(command):
                return None, None
            continue
        kind = _waiting(command, word)
        if kind is not None:
            if at == len(rest):
                return kind, seen
            at += 1
    return None, seen


def _own(command: Command) -> int:
    return sum(1 for argument in command.arguments if argument.most is not None) or 1


def _waiting(command: Command, word: str) -> Kind | None:
    if word.startswith("--"):
        option = command.options.get(word[2:])
        return option.kind if option is not None and option.kind is not BOOL else None
    for at, letter in enumerate(word[1:], 1):
        option = command.short(letter)
        if option is None:
            return None
        if option.kind is not BOOL:
            return option.kind if at == len(word) - 1 else None
    return None


def _argument(command: Command, seen: int | None) -> Kind | None:
    if seen is None:
        return None
    for argument in command.arguments:
        if argument.most is None or seen < argument.most:
            return argument.kind
        seen -= argument.most
    return None


def _flags(
    command: Command, fragment: str, engine: Callable[[], Any]
) -> tuple[list[Proposal], str]:
    name, equals, value = fragment.partition("=")
    option = command.options.get(name[2:]) if name.startswith("--") else None
    if equals:
        return _values(option.kind if option is not None else None, value, engine)
    offered = [o for o in command.options.values() if not o.refused and not o.hidden]
    found = [Proposal(f"--{o.name}", "flag") for o in offered]
    if not fragment.startswith("--"):
        found += [Proposal(f"-{o.short}", "flag") for o in offered if o.short]
    return _starting([*found, Proposal("--help", "flag")], fragment)


def _values(
    kind: Kind | None, fragment: str, engine: Callable[[], Any]
) -> tuple[list[Proposal], str]:
    if kind is None:
        return [], fragment
    found = list(kind.choices)
    if kind.complete is not None:
        try:
            found += kind.complete(engine(), fragment)
        except (EngineError, OSError):
            return [], fragment  # completion never complains
    return _starting([Proposal(text, "value") for text in found], fragment)


def _starting(found: Sequence[Proposal], fragment: str) -> tuple[list[Proposal], str]:
    kept = {proposal.text: proposal for proposal in found if proposal.text.startswith(fragment)}
    return [kept[text] for text in sorted(kept)], fragment
