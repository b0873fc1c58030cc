"""The functions that a template may call, and how Go prints a value.

Go's own (and, or, not, eq …, len, index, slice, print, printf, println, html, js, urlquery) and
Docker's (json, join, split, title, upper, lower, pad, truncate).  A wrong argument is a ValueError in
Go's words.
"""

from __future__ import annotations

import json as _json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def show(value: Any) -> str:
    """Return `value` as Go's fmt.Print writes it."""
    if value is None:
        return "<no value>"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        items = sorted(value.items(), key=lambda item: str(item[0]))
        return "map[" + " ".join(f"{show(k)}:{_inner(v)}" for k, v in items) + "]"
    if isinstance(value, Sequence):
        return "[" + " ".join(_inner(item) for item in value) + "]"
    return str(value)


def _inner(value: Any) -> str:
    return "<nil>" if value is None else show(value)


def _float(value: float) -> str:
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def is_true(value: Any) -> bool:
    """Tell whether Go's `if` takes `value` for true."""
    return bool(value)


def to_json(value: Any) -> str:
    """Return compact JSON as Docker writes it: no spaces, nothing escaped that need not be."""
    if isinstance(value, Mapping):
        # what only templates can call is no data
        value = {key: item for key, item in value.items() if not callable(item)}
    return _json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _len(value: Any) -> int:
    if value is None:
        raise ValueError("len of nil pointer")
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (Mapping, Sequence)):
        return len(value)
    raise ValueError(f"len of type {_go_type(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            # a missing key is the zero value of Docker's maps, which hold strings
            value = value.get(key, "")
        elif isinstance(value, (Sequence, str)):
            if isinstance(key, bool) or not isinstance(key, int):
                raise ValueError(f"cannot index slice/array with type {_go_type(key)}")
            if not 0 <= key < len(value):
                raise ValueError(f"index out of range: {key}")
            value = value[key]
        elif value is None:
            raise ValueError("index of untyped nil")
        else:
            raise ValueError(f"can't index item of type {_go_type(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    if not isinstance(value, (str, Sequence)):
        raise ValueError(f"can't slice item of type {_go_type(value)}")
    for bound in bounds:
        if not isinstance(bound, int) or not 0 <= bound <= len(value):
            raise ValueError(f"index out of range: {bound}")
    start, end = (*bounds, 0)[0] if bounds else 0, bounds[1] if len(bounds) > 1 else len(value)
    return value[start:end]


def _join(value: Any, separator: str) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"wrong type for value; expected []string; got {_go_type(value)}")
    return separator.join(show(item) for item in value)


def _text(function: Callable[[str], str]) -> Callable[[Any], str]:
    def call(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(f"wrong type for value; expected string; got {_go_type(value)}")
        return function(value)

    return call


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])\w", lambda match: match.group().upper(), text)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    return text[:length]


def _print(*values: Any) -> str:
    out = ""
    for number, value in enumerate(values):
        # Go puts a space between two operands when neither is a string
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            out += " "
        out += show(value)
    return out


def _println(*values: Any) -> str:
    return " ".join(show(value) for value in values) + "\n"


_VERB = re.compile(r"%([-+# 0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])")


def _printf(form: str, *values: Any) -> str:
    rest = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        text = _verb(verb, precision, rest.pop(0))
        size = min(int(width or 0), 1000)
        if "-" in flags:
            return text.ljust(size)
        return text.rjust(size, "0" if "0" in flags and verb in "dxf" else " ")

    out = _VERB.sub(one, form)
    if rest:
        extra = ", ".join(f"{_go_type(value)}={show(value)}" for value in rest)
        out += f"%!(EXTRA {extra})"
    return out


def _verb(verb: str, precision: str | None, value: Any) -> str:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if verb in "sv":
        text = show(value) if verb == "v" or not is_int else f"%!s(int={value})"
        return text[: int(precision)] if precision else text
    if verb == "q" and isinstance(value, str):
        return _json.dumps(value, ensure_ascii=False)
    if verb == "d" and is_int:
        return str(value)
    if verb in "xX" and is_int:
        return f"{value:{verb}}"
    if verb == "f" and isinstance(value, float):
        return f"{value:.{min(int(precision or 6), 30)}f}"
    if verb == "t" and isinstance(value, bool):
        return show(value)
    return f"%!{verb}({_go_type(value)}={show(value)})"


def _go_type(value: Any) -> str:
    if value is None:
        return "nil"
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    return names.get(type(value), "[]interface {}")


def _and(*values: Any) -> Any:
    for value in values[:-1]:
        if not is_true(value):
            return value
    return values[-1]


def _or(*values: Any) -> Any:
    for value in values[:-1]:
        if is_true(value):
            return value
    return values[-1]


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        comparable = _kind(first) == _kind(other) or first is None or other is None
        if not comparable:
            raise ValueError("incompatible types for comparison")
        if first == other:
            return True
    return False


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def call(first: Any, second: Any) -> bool:
        if _kind(first) != _kind(second) or _kind(first) not in ("number", "str"):
            raise ValueError("incompatible types for comparison")
        return test(first, second)

    return call


def _kind(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _html(*values: Any) -> str:
    text = _print(*values)
    for letter, entity in (
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ('"', "&#34;"),
        ("'", "&#39;"),
    ):
        text = text.replace(letter, entity)
    return text


def _urlquery(*values: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_print(*values))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not is_true(value),
    "eq": _eq,
    "ne": lambda first, second: not _eq(first, second),
    "lt": _ordered(lambda a, b: bool(a < b)),
    "le": _ordered(lambda a, b: bool(a <= b)),
    "gt": _ordered(lambda a, b: bool(a > b)),
    "ge": _ordered(lambda a, b: bool(a >= b)),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "html": _html,
    "js": lambda *values: _json.dumps(_print(*values))[1:-1],
    "urlquery": _urlquery,
    "json": to_json,
    "join": _join,
    "split": lambda text, separator: text.split(separator) if separator else list(text),
    "title": _text(_title),
    "upper": _text(str.upper),
    "lower": _text(str.lower),
    "pad": _pad,
    "truncate": _truncate,
}

# over a table's headers, these leave the header as it is
HEADER_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **FUNCTIONS,
    **dict.fromkeys(
        ("json", "split", "join", "title", "upper", "lower", "truncate", "pad"),
        lambda value, *_: value,
    ),
}
