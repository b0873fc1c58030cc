"""The rows of plan: a line for each step, with what is asked of Linux and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from .words import ellipsis

COLUMNS = (
    ("Number", "#"),
    ("Phase", "PHASE"),
    ("Step", "STEP"),
    ("Summary", "ARGUMENTS"),
    ("Why", "WHY"),
)
_WIDTH = 52


class StepLike(Protocol):
    """A step of `runtime.plan`, as far as it is shown."""

    @property
    def phase(self) -> str:
        """Return who carries it out, and when."""

    @property
    def do(self) -> str:
        """Return the step's name."""

    @property
    def args(self) -> dict[str, Any]:
        """Return plain JSON values."""

    @property
    def why(self) -> str:
        """Return the reason."""


def plan_rows(steps: Iterable[StepLike], *, no_trunc: bool = False) -> list[dict[str, Any]]:
    """Return the rows, in the order in which the steps happen."""
    rows = []
    for number, step in enumerate(steps, 1):
        text = arguments_text(step.args)
        rows.append(
            {
                "Number": str(number),
                "Phase": step.phase,
                "Step": step.do,
                "Args": step.args,
                "Summary": text if no_trunc else ellipsis(text, _WIDTH),
                "Why": step.why,
            }
        )
    return rows


def arguments_text(args: Mapping[str, Any]) -> str:
    """Return "memory_bytes=67108864 pids_limit=100"; what is empty is left out."""
    return " ".join(f"{key}={_value(value)}" for key, value in args.items() if _says(value))


def _says(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(_value(item) for item in value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_value(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return repr(text) if " " in text else text
