"""Words of a Dockerfile: quotes, escapes and $variables, as BuildKit's little shell reads them.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InvalidArgument

_ESCAPE = "\\"
_SPECIAL = "@*#?-$!0"


def split(text: str) -> list[str]:
    """Split at spaces outside quotes; quotes and escapes stay where they are."""
    words: list[str] = []
    word, quote, begun = "", "", False
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if not quote and char.isspace():
            if word or begun:
                words.append(word)
            word, begun = "", False
            continue
        if char == _ESCAPE and quote != "'":
            if position == len(text):
                break  # an escape at the very end escapes nothing
            word += char + text[position]
            position += 1
            continue
        if not quote and char in "'\"":
            quote, begun = char, True
        elif char == quote:
            quote = ""
        word += char
    if word or begun:
        words.append(word)
    return words


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` without its quotes and escapes, its $variables replaced; unset ones are empty.

    Raises: InvalidArgument in BuildKit's words.
    """
    return _Reader(text, variables).until("")


def environment(entries: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=value texts as a map."""
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


class _Reader:
    """One text, read from left to right."""

    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._variables = variables
        self._at = 0

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        self._at += 1
        return char

    def until(self, stop: str) -> str:
        """Read up to `stop` ("" = the end) and over it."""
        found = ""
        while char := self._next():
            if char == stop:
                return found
            if char == "'":
                found += self._single()
            elif char == '"':
                found += self._double()
            elif char == "$":
                found += self._variable()
            elif char == _ESCAPE:
                found += self._next()
            else:
                found += char
        if stop:
            raise InvalidArgument(f"unexpected end of statement while looking for matching {stop}")
        return found

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise InvalidArgument(
                "unexpected end of statement while looking for matching single-quote"
            )
        found = self._text[self._at : end]
        self._at = end + 1
        return found

    def _double(self) -> str:
        found = ""
        while char := self._next():
            if char == '"':
                return found
            if char == "$":
                found += self._variable()
            elif char == _ESCAPE and self._peek() in ('"', "$", _ESCAPE, ""):
                found += self._next()  # any other escape stays as it is
            else:
                found += char
        raise InvalidArgument("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        if self._peek() != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._next()
        if self._peek() in ("{", "}", ":"):
            raise InvalidArgument("syntax error: bad substitution")
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            return self._variables.get(name, "")
        if not modifier:
            raise InvalidArgument("syntax error: missing '}'")
        value = self._variables.get(name)
        if modifier == ":":
            value = value or None  # with a colon an empty value counts as none
            modifier = self._next()
        if modifier not in ("-", "+", "?"):
            raise InvalidArgument(f"unsupported modifier ({modifier}) in substitution")
        word = self.until("}")
        if modifier == "+":
            return word if value is not None else ""
        if value is None and modifier == "?":
            raise InvalidArgument(f"{name}: {word or 'not allowed to be unset'}")
        return word if value is None else value

    def _name(self) -> str:
        start = self._at
        first = self._peek()
        if first and first in _SPECIAL and not first.isdigit():
            return self._next()
        only_digits = first.isdigit()
        while char := self._peek():
            if not (char.isdigit() if only_digits else char.isalnum() or char == "_"):
                break
            self._at += 1
        return self._text[start : self._at]
