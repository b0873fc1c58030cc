"""Words to a command and its Args, by the rules of Docker's flag parser (pflag).

`--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-f=value`, `-it`, `--switch=false`, `--`.  Flags
may stand among arguments, except where a command says that they stop at the first (run, exec,
create: what follows belongs to the program inside).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import Unsupported, UsageError, flag_error
from .kinds import BOOL
from .table import GROUPS, Args, Argument, Command, Option, find


class Parsed(NamedTuple):
    """What a line says.  `help` names the path that help is wanted for ("" = the whole program)."""

    command: Command | None
    path: str
    args: Args
    help: bool = False


def parse(words: Sequence[str], *, program: str = "nbcontainer", body: str | None = None) -> Parsed:
    """Return the command that `words` ask for.  `body` is a cell's body, None without one.

    Raises: UsageError for what Docker would refuse; Unsupported for a flag that is not offered.
    """
    if not words or words[0] in ("--help", "-h", "help"):
        return _wants_help(words[1:], program, body)
    if words[0].startswith("-"):
        raise flag_error(f"unknown flag: {words[0]}", f"See '{program} --help'.")
    if words[0] in GROUPS and (len(words) == 1 or words[1] in ("--help", "-h")):
        return Parsed(None, words[0], Args({}, (), body, program), help=True)
    command, path, rest = find(words, program)
    reader = _Reader(command, f"{program} {path}")
    reader.read(rest)
    if reader.help:
        return Parsed(command, path, Args({}, (), body, program), help=True)
    values = reader.values()
    if body is not None and not command.body:
        raise UsageError(
            f'"{program} {path}" takes no cell body', f"Use the line form: %{program} {path} …"
        )
    values.update(_positionals(command, reader, body is not None))
    return Parsed(command, path, Args(values, reader.given, body, program))


def _wants_help(words: Sequence[str], program: str, body: str | None) -> Parsed:
    nothing = Args({}, (), body, program)
    if not words:
        return Parsed(None, "", nothing, help=True)
    if len(words) == 1 and words[0] in GROUPS:
        return Parsed(None, words[0], nothing, help=True)
    command, path, _ = find(words, program)
    return Parsed(command, path, nothing, help=True)


class _Reader:
    """Take words one by one; what they said so far is in `given` and `positionals`."""

    def __init__(self, command: Command, title: str) -> None:
        self.command = command
        self.title = title
        self.given: dict[str, Any] = {}
        self.positionals: list[str] = []
        self.help = False

    def read(self, words: Sequence[str]) -> None:
        rest = list(words)
        while rest and not self.help:
            word = rest.pop(0)
            if word == "--":
                self.positionals += rest
                return
            if word.startswith("--"):
                self._long(word[2:], rest)
            elif word.startswith("-") and word != "-":
                self._letters(word[1:], rest)
            else:
                self.positionals.append(word)
                if self.command.stops:
                    self.positionals += rest
                    return

    def values(self) -> dict[str, Any]:
        values = {o.key: o.zero() for o in self.command.options.values() if not o.refused}
        values.update(self.given)
        return values

    def _long(self, text: str, rest: list[str]) -> None:
        name, equals, value = text.partition("=")
        option = self.command.options.get(name)
        if option is None:
            if name == "help":
                self.help = True
                return
            raise self._error(*_unknown_flag(self.command, name))
        if option.refused:
            raise _refusal(f"--{name}", option)
        if not equals:
            if option.kind is BOOL:
                value = "true"
            elif not rest:
                raise self._error(f"flag needs an argument: --{name}")
            else:
                value = rest.pop(0)
        self._set(option, value)

    def _letters(self, letters: str, rest: list[str]) -> None:
        whole = letters
        while letters:
            letter, letters = letters[0], letters[1:]
            option = self.command.short(letter)
            if option is None:
                if letter == "h":
                    self.help = True
                    return
                raise self._error(f"unknown shorthand flag: '{letter}' in -{whole}")
            if option.refused:
                raise _refusal(f"-{letter}, --{option.name}", option)
            if letters.startswith("="):
                self._set(option, letters[1:])
                return
            if option.kind is BOOL:
                self._set(option, "true")
                continue
            if not letters and not rest:
                raise self._error(f"flag needs an argument: '{letter}' in -{whole}")
            self._set(option, letters or rest.pop(0))
            return

    def _set(self, option: Option, text: str) -> None:
        try:
            value = option.kind.check(text)
        except ValueError as error:
            flag = f"-{option.short}, --{option.name}" if option.short else f"--{option.name}"
            raise self._error(f'invalid argument "{text}" for "{flag}" flag: {error}') from None
        if option.kind.many:
            self.given.setdefault(option.key, []).append(value)
        else:
            self.given[option.key] = value

    def _error(self, message: str, hint: str = "") -> UsageError:
        return flag_error(message, hint or f"See '{self.title} --help'.")


def _unknown_flag(command: Command, name: str) -> tuple[str, str]:
    import difflib

    known = [option.name for option in command.options.values() if not option.refused]
    near = difflib.get_close_matches(name, known, 1, 0.75)
    return f"unknown flag: --{name}", f"Did you mean --{near[0]}?" if near else ""


def _refusal(flag: str, option: Option) -> Unsupported:
    return Unsupported(
        f"{flag} is not supported: {option.refused}", "Leave the flag out to go on without it."
    )


def _positionals(command: Command, reader: _Reader, with_body: bool) -> dict[str, Any]:
    words, arguments = reader.positionals, command.arguments
    least = sum(_least(argument, with_body) for argument in arguments)
    most: int | None = 0
    for argument in arguments:
        most = None if most is None or argument.most is None else most + argument.most
    if len(words) < least or (most is not None and len(words) > most):
        raise _wrong_count(command, reader.title, least, most)
    values: dict[str, Any] = {}
    spare = len(words) - least
    at = 0
    for argument in arguments:
        fewest = _least(argument, with_body)
        room = spare if argument.most is None else min(spare, argument.most - fewest)
        taken = words[at : at + fewest + room]
        at, spare = at + fewest + room, spare - room
        if argument.most == 1:
            values[argument.name] = taken[0] if taken else ""
        else:
            values[argument.name] = taken
    return values


def _least(argument: Argument, with_body: bool) -> int:
    if with_body and argument.with_body is not None:
        return argument.with_body
    return argument.least


def _wrong_count(command: Command, title: str, least: int, most: int | None) -> UsageError:
    def arguments(number: int) -> str:
        return f"{number} argument" if number == 1 else f"{number} arguments"

    if most == 0:
        wants = "accepts no arguments."
    elif most is None:
        wants = f"requires at least {arguments(least)}."
    elif most == least:
        wants = f"requires exactly {arguments(least)}."
    elif least == 0:
        wants = f"requires at most {arguments(most)}."
    else:
        wants = f"requires at least {least} and at most {arguments(most)}."
    return UsageError(
        f'"{title}" {wants}',
        f"See '{title} --help'.\n\nUsage:  {title} {command.usage}\n\n{command.summary}",
    )
