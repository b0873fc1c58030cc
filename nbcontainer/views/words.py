"""Small texts that several views share: moments, durations, shortened and quoted words."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..units import human_duration

_SECOND_NS = 1_000_000_000


def ago(moment_ns: int, now_ns: int) -> str:
    """Return "3 minutes ago"; a moment in the future (a clock was set back) counts as now."""
    return f"{duration(moment_ns, now_ns)} ago"


def duration(since_ns: int, now_ns: int) -> str:
    """Return Docker's words for the time from one moment to another."""
    return human_duration(max(0, now_ns - since_ns) / _SECOND_NS)


def created_at(ns: int) -> str:
    """Return "2026-11-23 20:42:19 +0000 UTC", as a table's CreatedAt."""
    if ns <= 0:
        return ""
    return time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(ns // _SECOND_NS))


def short_id(text: str) -> str:
    """Return the twelve characters that people see of an id or a digest."""
    return text.partition(":")[2][:12] if ":" in text else text[:12]


def ellipsis(text: str, width: int) -> str:
    """Return at most `width` characters; what was cut ends in …"""
    return text if len(text) <= width else text[: width - 1] + "…"


_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    '"': '\\"', "\\": "\\\\",
}  # fmt: skip


def quoted(text: str) -> str:
    """Return `text` in double quotes with Go's escapes, so that no control character passes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def labels_text(labels: Mapping[str, str]) -> str:
    """Return "a=b,c=d", sorted."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))
