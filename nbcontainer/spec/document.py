"""Reading the JSON documents of images, which come from strangers.

The parser differs between tools (which of two equal keys counts, whether case matters), and an attack
lives in that difference: one tool checks one half, another runs the other half.  So a document that
two parsers could read differently is refused.  See: CVE-2021-41190 and the image-spec's advice on it.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import Corrupt

DOCUMENT_LIMIT_BYTES = 4 * 1024 * 1024
_INT64_MAX = 2**63 - 1


def parse_document(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in `data`; `what` begins the sentence of an error.

    Raises: Corrupt if it is too long, no UTF-8, no JSON object, nested too deeply, holds a number that
    is none, a key twice, or a text that cannot be written out again.
    """
    if len(data) > DOCUMENT_LIMIT_BYTES:
        raise Corrupt(f"{what}: longer than {DOCUMENT_LIMIT_BYTES} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{what}: {json_problem(error)}") from None
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: expected an object, found {type(value).__name__}")
    return value


def serialize(value: Any) -> bytes:
    """Return the compact JSON of a document that we write; the same value gives the same bytes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def text_of(data: dict[str, Any], key: str, what: str) -> str:
    """Return the text at `key`, "" where it is missing or null.

    Raises: Corrupt if it is something else.
    """
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Corrupt(f"{what}: {key} is no text")
    return value


def texts_of(data: dict[str, Any], key: str, what: str) -> tuple[str, ...]:
    """Return the list of texts at `key`, empty where it is missing or null.

    Raises: Corrupt if it is something else.
    """
    value = data.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"{what}: {key} is no list of texts")
    return tuple(value)


def map_of(data: dict[str, Any], key: str, what: str) -> dict[str, str]:
    """Return the text-to-text map at `key`, empty where it is missing or null.

    Raises: Corrupt if it is something else.
    """
    value = object_of(data, key, what)
    if not all(isinstance(item, str) for item in value.values()):
        raise Corrupt(f"{what}: {key} is no map of texts")
    return value


def object_of(data: dict[str, Any], key: str, what: str) -> dict[str, Any]:
    """Return the object at `key`, empty where it is missing or null.

    Raises: Corrupt if it is something else.
    """
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Corrupt(f"{what}: {key} is no object")
    return value


def objects_of(data: dict[str, Any], key: str, what: str, limit: int) -> list[dict[str, Any]]:
    """Return the list of objects at `key`, empty where it is missing or null.

    Raises: Corrupt if it is something else, or has more than `limit` entries.
    """
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Corrupt(f"{what}: {key} is no list of objects")
    if len(value) > limit:
        raise Corrupt(f"{what}: {key} has {len(value)} entries, more than {limit}")
    return value


def count_of(data: dict[str, Any], key: str, what: str) -> int:
    """Return the whole number at `key`, 0 where it is missing.

    Raises: Corrupt if it is something else, negative, or beyond 64 bits.
    """
    value = data.get(key, 0)
    if type(value) is not int or not 0 <= value <= _INT64_MAX:
        raise Corrupt(f"{what}: {key} is no size")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Refused("a key stands twice in one object")
    return value


def refuse_case_twins(data: dict[str, Any], known: frozenset[str], what: str) -> None:
    """Refuse a key that is one of `known` but for its case: Go's parser would take it.

    Raises: Corrupt.
    """
    folded = {key.lower() for key in known}
    for key in data:
        if key not in known and key.lower() in folded:
            raise Corrupt(f"{what}: the key {key[:40]!r} differs from the specification's by case")


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


class _Refused(ValueError):
    """What is JSON to some parsers, and not to us."""


def json_problem(error: ValueError | RecursionError) -> str:
    """Return in our words why Python's parser takes a text for no JSON."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"invalid JSON at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeError):
        return "a text is no UTF-8"
    # the one that is left: Python reads no number of more than some thousand digits
    return "a number has too many digits"
