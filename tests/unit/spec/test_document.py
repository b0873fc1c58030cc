from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import Corrupt
from nbcontainer.spec.document import parse_document, serialize


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "invalid JSON at line 1, column 1"),
        (b"null", "expected an object, found NoneType"),
        (b"[]", "expected an object, found list"),
        (b"{} {}", "invalid JSON at line 1, column 4"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "is no JSON number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "no UTF-8"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"x": [{"a": 1, "\\u0061": 2}]}', "a key stands twice"),
        (b'{"a": "\\ud800"}', "no UTF-8"),
        (b"\xff\xfe{\x00}\x00", "no UTF-8"),
        (b" " * (4 << 20) + b"{}", "longer than 4194304 bytes"),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Corrupt, match=words) as caught:
        parse_document(data, "manifest")
    assert caught.value.message.startswith("manifest: ")
    assert len(caught.value.message) < 300


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,\\u0d8a19 ', max_size=60).map(str.encode))
def test_any_bytes_are_a_document_that_can_be_written_again_or_are_refused(data: bytes) -> None:
    try:
        value = parse_document(data, "manifest")
    except Corrupt:
        return
    assert parse_document(serialize(value), "manifest") == value
