from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.shell_words import environment, expand, split

KNOWN = {"a": "1", "empty": "", "long_name": "x y"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  ", []),
        ("a b\tc", ["a", "b", "c"]),
        ('a="x y" b', ['a="x y"', "b"]),
        ("a='x y'", ["a='x y'"]),
        (r"a=x\ y b", [r"a=x\ y", "b"]),
        (r"a='x\' b'", [r"a='x\'", "b'"]),
        (r'a="x\" y"', [r'a="x\" y"']),
        ("''", ["''"]),
        ("a=x\\", ["a=x"]),
    ],
)
def test_words_are_split_outside_quotes(text: str, words: list[str]) -> None:
    assert split(text) == words


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$a$a", "11"),
        ("${a}x", "1x"),
        ("$ab", ""),
        ("$unset.", "."),
        ("$long_name-", "x y-"),
        ("$", "$"),
        ("$.", "$."),
        ("$1x", "x"),
        ("'$a'", "$a"),
        ('"$a"', "1"),
        (r"\$a", "$a"),
        (r'"\$a"', "$a"),
        (r'"\n\""', r'\n"'),
        (r"'\'", "\\"),
        ("x\\", "x"),
        ('"x\\\\"', "x\\"),
        ("\"b\"'c'd", "bcd"),
        ("${unset:-d}", "d"),
        ("${empty:-d}", "d"),
        ("${empty-d}", ""),
        ("${unset-d}", "d"),
        ("${a:-d}", "1"),
        ("${a:+alt}", "alt"),
        ("${empty:+alt}", ""),
        ("${empty+alt}", "alt"),
        ("${unset:-$a}", "1"),
        ("${unset:-${empty:-z}}", "z"),
    ],
)
def test_variables_quotes_and_escapes(text: str, result: str) -> None:
    assert expand(text, KNOWN) == result


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("'x", "matching single-quote"),
        ('"x', "matching double-quote"),
        ("${a", "missing '}'"),
        ("${}", "bad substitution"),
        ("${:x}", "bad substitution"),
        ("${a:=b}", r"unsupported modifier \(=\)"),
        ("${a#b}", r"unsupported modifier \(#\)"),
        ("${unset:?say it}", "unset: say it"),
        ("${unset?}", "unset: not allowed"),
        ("${a:-x", "matching }"),
    ],
)
def test_what_the_little_shell_cannot_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        expand(text, KNOWN)


def test_an_environment_is_a_map_of_its_entries() -> None:
    assert environment(("a=1", "b=x=y", "c=")) == {"a": "1", "b": "x=y", "c": ""}
