"""A magic's line to words: a shell's quotes, and Python values in single braces.

'a b' "a b" a\\ b     as in a shell, but $HOME, *, ~, | and > are ordinary letters
{name} {x.id} {f(1)}  the value of a Python expression, where it has one; a list that stands alone
                      becomes several words
{{.Names}} ${HOME} {} {a,b} {print $1}
                      left as they are: templates, the shell's, and what is no expression of
                      the notebook's names
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import UsageError
from ..results import Container, Image, Table, Text

# returns a value, or raises Unknown where the text means nothing in the notebook
Evaluate = Callable[[str], Any]


class Unknown(Exception):
    """The text in braces is no expression of the notebook's; it stays as it is."""


def split(line: str, evaluate: Evaluate | None = None) -> list[str]:
    """Return the words of `line`.

    Raises: UsageError if a quote is not closed.
    """
    words, open_quote = _scan(line, evaluate)
    if open_quote:
        raise UsageError(
            f"the quote {open_quote} is not closed", "Close it, or write \\ before it."
        )
    return words


def split_partial(line: str) -> tuple[list[str], str]:
    """Return the finished words, and the word being typed ("" after a space)."""
    words, open_quote = _scan(line, None)
    if words and (open_quote or not line[-1:].isspace()):
        return words[:-1], words[-1]
    return words, ""


def without_semicolon(line: str) -> tuple[str, bool]:
    """Return `line` without the `;` that silences a cell, and whether it had one."""
    text = line.rstrip()
    if text.endswith(";") and not text.endswith(("\\;", "';", '";')):
        return text[:-1].rstrip(), True
    if text.endswith(("';", '";')):
        # a closing quote before it, or an opening one that makes it a word?
        try:
            split(text[:-1])
        except UsageError:
            return line, False
        return text[:-1], True
    return line, False


def _scan(line: str, evaluate: Evaluate | None) -> tuple[list[str], str]:
    words: list[str] = []
    word: str | None = None
    quote = ""
    at = 0
    while at < len(line):
        letter = line[at]
        if letter == "{" and evaluate is not None:
            taken, value = _braces(line, at, evaluate)
            alone = word is None and not quote and (line[at + taken :][:1] or " ").isspace()
            if alone and not isinstance(value, str):
                words += _many(value)
            else:
                text = _one(value)
                if quote == '"' and line.startswith("{{", at):
                    text = _unescaped(text)
                word = (word or "") + text
            at += taken
            continue
        at += 1
        if quote:
            if letter == quote:
                quote = ""
            elif letter == "\\" and quote == '"' and line[at : at + 1] in ('"', "\\"):
                word = (word or "") + line[at]
                at += 1
            else:
                word = (word or "") + letter
        elif letter in "'\"":
            quote, word = letter, word or ""
        elif letter.isspace():
            if word is not None:
                words.append(word)
                word = None
        elif letter == "\\" and at < len(line):
            word = (word or "") + line[at]
            at += 1
        else:
            word = (word or "") + letter
    if word is not None:
        words.append(word)
    return words, quote


def _unescaped(text: str) -> str:
    """Return `text` with the escapes resolved that double quotes know: a quote and a backslash."""
    parts = text.split("\\\\")
    return "\\".join(part.replace('\\"', '"') for part in parts)


def _braces(line: str, at: int, evaluate: Evaluate) -> tuple[int, Any]:
    """Return how many letters the braces at `at` take, and their value or text."""
    if line.startswith("{{", at):
        run = at
        while line.startswith("{", run):
            run += 1
        end = line.find("}}", run)
        # a template is copied whole, so that nothing within it is taken for Python
        return (run - at, line[at:run]) if end < 0 else (end + 2 - at, line[at : end + 2])
    if line[at - 1 : at] == "$":
        return 1, "{"
    end = line.find("}", at)
    while end >= 0:
        try:
            return end + 1 - at, evaluate(line[at + 1 : end])
        except Unknown:
            # the brace may have closed a dict or a format within the expression
            end = line.find("}", end + 1)
    return 1, "{"


def _one(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, (Table, Text, list, tuple)):
        return " ".join(_many(value))
    return str(value)


def _many(value: Any) -> list[str]:
    if isinstance(value, Table):
        return value.ids
    if isinstance(value, (Container, Image, str, bytes, dict)) or not isinstance(value, Iterable):
        return [_one(value)]
    return [_one(item) for item in value]
