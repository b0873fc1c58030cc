"""What several verbs share: the flags --format and --filter, and one call for each of many names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..errors import EngineError
from ..results import Text
from .kinds import BOOL, FILTER, STRING
from .table import Option

FORMAT = Option(
    "format",
    "",
    STRING,
    "Format output using a custom template: 'table' (default), 'table TEMPLATE', 'json' or 'TEMPLATE'",
)
DETAIL_FORMAT = Option(
    "format", "f", STRING, "Format output using a custom template: 'json' or 'TEMPLATE'"
)
FILTER_BY = Option("filter", "f", FILTER, "Filter output based on conditions provided")
NO_LIVE = Option("no-live", "", BOOL, "In a notebook, show what is now instead of following it")
NO_TRUNC = Option("no-trunc", "", BOOL, "Don't truncate output")


def each(
    names: Iterable[str],
    act: Callable[[str], Any],
    *,
    at_once: bool = False,
    line: Callable[[str, Any], str] = lambda name, value: name,
    forgiven: tuple[type[EngineError], ...] = (),
) -> Text:
    """Call `act` for each name; one that fails does not keep the others from their turn.

    `at_once` runs the calls side by side, for verbs that wait (stop, restart): ten containers that
    take ten seconds each then take ten together.  Lines and errors stay in the order of the names.
    Errors of the classes `forgiven` are shown and are no failure.
    """
    words = list(names)
    outcomes = _side_by_side(words, act) if at_once and len(words) > 1 else map(_caught(act), words)
    lines: list[str] = []
    errors: list[EngineError] = []
    for name, outcome in zip(words, outcomes, strict=True):
        if isinstance(outcome, EngineError):
            errors.append(outcome)
        else:
            lines.append(line(name, outcome))
    return Text(lines, errors=errors, forgiven=forgiven)


def _caught(act: Callable[[str], Any]) -> Callable[[str], Any]:
    def call(name: str) -> Any:
        try:
            return act(name)
        except EngineError as error:
            return error

    return call


def _side_by_side(names: Sequence[str], act: Callable[[str], Any]) -> list[Any]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(16, len(names)), "nbcontainer-verb") as pool:
        return list(pool.map(_caught(act), names))


def agreed(args: Any, warning: str) -> bool:
    """Tell whether a prune may go on: standard input is asked, unless --force was given.

    A cell of a notebook, where nobody can be asked, was the answer itself.
    """
    if args.force or args.edge.confirm is None:
        return True
    return bool(args.edge.confirm(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] "))
