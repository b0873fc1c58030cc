from __future__ import annotations

from nbcontainer.views.words import created_at, ellipsis, quoted, short_id


def test_ids_are_cut_to_twelve() -> None:
    assert short_id("sha256:" + "a" * 64) == short_id("a" * 64) == "a" * 12


def test_what_is_cut_ends_in_an_ellipsis() -> None:
    assert ellipsis("12345", 5) == "12345"
    assert ellipsis("123456", 5) == "1234…"


def test_quoting_escapes_as_go_does() -> None:
    assert quoted("plain é") == '"plain é"'
    assert quoted('a"b\\\n\x00\u2028\U000e0001') == '"a\\"b\\\\\\n\\x00\\u2028\\U000e0001"'


def test_never_has_no_created_at() -> None:
    assert created_at(0) == ""
