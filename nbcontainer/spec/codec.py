"""Frozen values to JSON values and back; the one codec of the wire and of the store's files.

A value becomes an object, a tuple a list, an Enum its value, bytes are not allowed.  A field that
has its default is left out, so a file says only what was chosen; a key that is not a field is refused
on reading unless `lenient` is asked for (files written by a newer patch release).
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import StateUnreadable
from ..values import fields, is_value

T = TypeVar("T")
_Decoder = Callable[[Any], Any]
_fields: dict[type, tuple[tuple[str, Any], ...]] = {}
_decoders: dict[type, dict[str, _Decoder]] = {}


def encode(value: Any) -> Any:
    """Return `value` as plain JSON types; fields at their default are left out."""
    if value is None or isinstance(value, (str, int, float)):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, enum.Enum):
        return value.value
    cls = type(value)
    known = _fields.get(cls)
    if known is None:
        known = _fields[cls] = fields(cls)
    out = {}
    for name, default in known:
        item = getattr(value, name)
        if item != default:
            out[name] = encode(item)
    return out


def decode(cls: type[T], data: Any, *, lenient: bool = False) -> T:
    """Build a `cls` from what `encode` made.

    Raises: StateUnreadable if `data` has another shape.
    """
    if not isinstance(data, dict):
        raise StateUnreadable(f"{cls.__name__}: expected an object, found {type(data).__name__}")
    table = _decoders.get(cls)
    if table is None:
        hints = typing.get_type_hints(cls)
        table = _decoders[cls] = {name: _decoder(hints[name]) for name, _ in fields(cls)}
    values = {}
    try:
        for key, item in data.items():
            convert = table.get(key)
            if convert is not None:
                values[key] = convert(item)
            elif not lenient:
                raise StateUnreadable(f"{cls.__name__}: unknown field {key!r}")
        return cls(**values)
    except (AttributeError, TypeError, ValueError) as error:
        raise StateUnreadable(f"{cls.__name__}: {error}") from error


def _exact(expected: type) -> _Decoder:
    def check(item: Any) -> Any:
        if expected is float and type(item) is int:
            return float(item)
        if type(item) is not expected:
            raise TypeError(f"expected {expected.__name__}, found {type(item).__name__}")
        return item

    return check


def _decoder(hint: Any) -> _Decoder:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        convert = _decoder(inner[0]) if len(inner) == 1 else _any
        return lambda item: None if item is None else convert(item)
    if origin is tuple:
        one = _decoder(args[0])
        return lambda item: tuple([one(part) for part in _list(item)])
    if origin is dict:
        one = _decoder(args[1])
        return lambda item: {str(key): one(part) for key, part in item.items()}
    if isinstance(hint, type) and is_value(hint):
        return lambda item: decode(hint, item)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    return _exact(hint) if hint in (str, int, float, bool) else _any


def _list(item: Any) -> list[Any]:
    if not isinstance(item, list):
        raise TypeError(f"expected a list, found {type(item).__name__}")
    return item


def _any(item: Any) -> Any:
    return item
