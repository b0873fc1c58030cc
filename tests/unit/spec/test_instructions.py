from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.instructions import instructions, json_words


def pairs(text: str) -> list[tuple[str, str]]:
    return [(found.name, found.rest) for found in instructions(text)]


def test_empty_lines_and_comments_say_nothing() -> None:
    assert pairs("\n# hi\n   # there\n\nCMD a # no comment\n") == [("CMD", "a # no comment")]
    assert pairs("") == []


def test_a_backslash_at_the_end_joins_lines_over_comments_and_empty_ones() -> None:
    assert pairs("ENV a=1 \\\n  # c\n\n b=2 \\  \n c=3") == [("ENV", "a=1  b=2  c=3")]
    assert pairs("CMD a \\") == [("CMD", "a")]
    assert pairs("CMD a \\\\\nCMD b") == [("CMD", "a \\\\"), ("CMD", "b")]


def test_names_come_in_upper_case_and_as_they_were_written() -> None:
    (found,) = instructions("  cMd\ta   b  ")
    assert (found.name, found.written, found.rest) == ("CMD", "cMd", "a   b")


def test_leading_flags_are_set_apart() -> None:
    (found,) = instructions("HEALTHCHECK --interval=5s  --retries=3 CMD x --y")
    assert found.flags == ("--interval=5s", "--retries=3")
    assert found.rest == "CMD x --y"
    (found,) = instructions("CMD -- --x")
    assert (found.flags, found.rest) == ((), "--x")
    (found,) = instructions("CMD --")
    assert (found.flags, found.rest) == ((), "")


def test_the_json_form_is_an_array_of_strings() -> None:
    assert json_words('["a", "b c", "\\u00e9"]') == ["a", "b c", "é"]
    assert json_words("[]") == []
    for text in ("a b", "['a']", '["a",', '{"a": 1}', "[" * 100_000):
        assert json_words(text) is None
    for text in ('["a", 1]', "[null]", '[["a"]]'):
        with pytest.raises(InvalidArgument, match="strings only"):
            json_words(text)
