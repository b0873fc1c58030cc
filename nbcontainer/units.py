"""Sizes, processors, durations and moments: numbers to the text Docker prints, and what users type back.

Bytes are int, durations float seconds, moments int nanoseconds since the epoch.  The sentences are
those of go-units, Go's time package and the Docker engine.
"""

from __future__ import annotations

import re
import time

from .errors import InvalidArgument

NS = 1_000_000_000
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_INT64_MAX = 2**63 - 1
_UNIT_NS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6,
    "s": NS, "m": 60 * NS, "h": 3600 * NS,
}  # fmt: skip


def parse_bytes(text: str) -> int:
    """Read a size as Docker's flags take it: "64m", "1.5GiB", "100 kb", "42"; powers of 1024.

    Raises: InvalidArgument.
    """
    end = max((i for i, char in enumerate(text) if char in "0123456789. "), default=-1)
    if end < 0:
        raise InvalidArgument(f"invalid size: '{text}'")
    number = text[:end] if text[end] == " " else text[: end + 1]
    suffix = text[end + 1 :]
    if len(number) > 40 or not re.fullmatch(_NUMBER, number, re.ASCII):
        raise InvalidArgument(f'strconv.ParseFloat: parsing "{number[:40]}": invalid syntax')
    size = float(number)
    if size < 0:
        raise InvalidArgument(f"invalid size: '{text}'")
    lower = suffix.lower()
    if lower not in ("", "b"):
        power = _POWERS.get(lower[0])
        if len(lower) > 3 or power is None or lower[1:] not in ("", "b", "ib"):
            raise InvalidArgument(f"invalid suffix: '{lower if len(suffix) <= 3 else suffix}'")
        size *= 1024**power
    if size > _INT64_MAX:
        raise InvalidArgument(f"invalid size: '{text}'")
    return int(size)


def human_bytes(size_bytes: float, precision: int = 3) -> str:
    """Return a size in powers of 1000, as Docker's tables show it: "8.31MB"."""
    return _scaled(size_bytes, 1000.0, _DECIMAL, precision)


def binary_bytes(size_bytes: float, precision: int = 4) -> str:
    """Return a size in powers of 1024, as Docker's stats and info show it: "7.656GiB"."""
    return _scaled(size_bytes, 1024.0, _BINARY, precision)


def parse_duration(text: str) -> float:
    """Read Go's durations: "1m30s", "500ms", "1.5h", "-2s", "0".

    Raises: InvalidArgument, in Go's words.
    """
    return _duration_ns(text) / NS


def human_duration(seconds: float) -> str:
    """Return a duration as Docker says it: "About a minute", "3 hours"."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    if days < 730:
        return f"{days // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


def rfc3339(moment_ns: int, *, fixed: bool = False) -> str:
    """Return a moment in UTC: "2024-05-06T07:08:09.5Z", with `fixed` nine digits; 0 is Go's zero time."""
    if moment_ns == 0:
        return "0001-01-01T00:00:00Z"
    seconds, rest = divmod(moment_ns, NS)
    t = time.gmtime(seconds)
    digits = f"{rest:09d}" if fixed else f"{rest:09d}".rstrip("0")
    shown = f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d}T{t[3]:02d}:{t[4]:02d}:{t[5]:02d}"
    return f"{shown}.{digits}Z" if digits else f"{shown}Z"


def parse_rfc3339(text: str) -> int:
    """Return the moment that an image's `created` names, 0 for an empty or unreadable text."""
    moment = _date_ns(text)
    return 0 if moment is None or moment < 0 else moment


def parse_time(text: str, now_ns: int) -> int:
    """Read what --since and --until take: a moment, a date, Unix seconds, or a duration before now.

    A moment without a zone is local time.

    Raises: InvalidArgument, in Docker's words.
    """
    if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", text, re.ASCII):
        seconds, _, fraction = text.partition(".")
        moment = abs(int(seconds)) * NS + int(fraction.ljust(9, "0") or "0")
        return -moment if text.startswith("-") else moment
    try:
        return now_ns - _duration_ns(text)
    except InvalidArgument:
        pass
    moment_ns = _date_ns(text)
    if moment_ns is None:
        raise InvalidArgument(
            f'failed to parse value as time or duration: "{text}"',
            'write it like "10m", "2024-05-06", "2024-05-06T07:08:09Z" or in Unix seconds',
        )
    return moment_ns


def parse_cpus(text: str) -> float:
    """Read --cpus: "1.5", "3/4"; return processors, at most nine digits after the point.

    Raises: InvalidArgument, in Docker's words.
    """
    found = re.fullmatch(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:/([0-9]+))?", text, re.ASCII)
    if not found or not (found[2] or found[3]) or len(text) > 40 or (found[4] and found[3]):
        raise InvalidArgument(f"failed to parse {text[:60]} as a rational number")
    fraction = found[3] or ""
    numerator = int((found[2] or "0") + fraction) * NS
    denominator: int = 10 ** len(fraction) * int(found[4] or "1")
    if denominator == 0:
        raise InvalidArgument(f"failed to parse {text[:60]} as a rational number")
    if numerator % denominator:
        raise InvalidArgument("value is too precise")
    return numerator // denominator * (-1 if found[1] == "-" else 1) / NS


def _scaled(size: float, base: float, names: tuple[str, ...], precision: int) -> str:
    size = float(size)
    step = 0
    while size >= base and step < len(names) - 1:
        size /= base
        step += 1
    return f"{size:.{precision}g}{names[step]}"


def _duration_ns(text: str) -> int:
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest or len(rest) > 100:
        raise InvalidArgument(f'time: invalid duration "{text[:100]}"')
    total = 0
    while rest:
        found = re.match(r"([0-9]*)(?:\.([0-9]*))?", rest, re.ASCII)
        if not found or not (found[1] or found[2]):
            raise InvalidArgument(f'time: invalid duration "{text}"')
        rest = rest[found.end() :]
        unit = re.match(r"[^0-9.]*", rest, re.ASCII)
        name = unit[0] if unit else ""
        if not name:
            raise InvalidArgument(f'time: missing unit in duration "{text}"')
        if name not in _UNIT_NS:
            raise InvalidArgument(f'time: unknown unit "{name}" in duration "{text}"')
        rest = rest[len(name) :]
        fraction = found[2] or ""
        total += int((found[1] or "0") + fraction) * _UNIT_NS[name] // 10 ** len(fraction)
        if total > _INT64_MAX:
            raise InvalidArgument(f'time: invalid duration "{text}"')
    return -total if text.startswith("-") else total


def _date_ns(text: str) -> int | None:
    found = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?"
        r"(Z|[+-]\d\d:\d\d)?",
        text,
        re.ASCII,
    )
    if not found:
        return None
    from datetime import datetime, timedelta

    parts = [int(part or "0") for part in found.groups()[:6]]
    zone = found[8]
    try:
        moment = datetime(*parts)  # type: ignore[arg-type]
        if zone is None:
            seconds = int(time.mktime(moment.timetuple()))
        else:
            ahead = 0 if zone == "Z" else int(zone[1:3]) * 60 + int(zone[4:6])
            offset = timedelta(minutes=-ahead if zone[0] == "-" else ahead)
            since = moment - offset - datetime(1970, 1, 1)
            seconds = since.days * 86400 + since.seconds
    except (ValueError, OverflowError):
        return None
    return seconds * NS + int((found[7] or "").ljust(9, "0") or "0")
