"""--health-cmd and its kin joined with the image's HEALTHCHECK, field by field as Docker does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgument
from ..units import parse_duration
from .flags_limits import as_int
from .flags_values import bad_argument
from .runtime import Healthcheck

_DURATIONS = {
    "interval_s": ("health_interval", "Interval"),
    "timeout_s": ("health_timeout", "Timeout"),
    "start_period_s": ("health_start_period", "StartPeriod"),
    "start_interval_s": ("health_start_interval", "StartInterval"),
}


def healthcheck(given: Mapping[str, Any], image: Healthcheck | None) -> Healthcheck | None:
    """Return the check to run, or None if there is none or the user switched it off.

    Raises: InvalidArgument in Docker's words.
    """
    asked = [key for key in given if key.startswith("health_") and given[key] not in (None, "")]
    if given.get("no_healthcheck"):
        if asked:
            raise InvalidArgument("--no-healthcheck conflicts with --health-* options")
        return None
    values: dict[str, Any] = {
        field: _seconds(key, word, given[key])
        for field, (key, word) in _DURATIONS.items()
        if key in asked
    }
    if "health_retries" in asked:
        retries = as_int("--health-retries", given["health_retries"])
        if retries < 0:
            raise InvalidArgument("--health-retries cannot be negative")
        values["retries"] = retries or Healthcheck().retries
    base = image or Healthcheck()
    test = ("CMD-SHELL", str(given["health_cmd"])) if "health_cmd" in asked else base.test
    if not test or test[0] == "NONE":
        return None
    kept = {name: getattr(base, name) for name in (*_DURATIONS, "retries")}
    return Healthcheck(test=test, **{**kept, **values})


def _seconds(key: str, word: str, text: Any) -> float:
    flag = f"--{key.replace('_', '-')}"
    try:
        seconds = parse_duration(str(text))
    except InvalidArgument as error:
        raise bad_argument(flag, text, error.message) from None
    if seconds < 0:
        raise InvalidArgument(f"{flag} cannot be negative")
    if 0 < seconds < 0.001:
        raise InvalidArgument(f"{word} in Healthcheck cannot be less than 1ms")
    default: float = getattr(Healthcheck(), next(f for f, v in _DURATIONS.items() if v[1] == word))
    return seconds or default
