"""The verbs that watch containers: stats, and the picture of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..results import Detail, Picture, Table, Text
from ..under_way import Stream
from .formats import detail, formatted
from .kinds import BOOL, CONTAINER, RUNNING, STRING
from .shared import FORMAT, NO_LIVE, NO_TRUNC
from .table import Args, Argument, Option, command

# what `stats` writes before each table on a terminal: home, and clear what is below
_HOME = "\x1b[H"
_CLEAR_BELOW = "\x1b[J"


@command(
    "container stats",
    "stats",
    summary="Display a live stream of container(s) resource usage statistics",
    options=(
        Option("all", "a", BOOL, "Show all containers (default shows just running)"),
        FORMAT,
        NO_LIVE,
        Option("no-stream", "", BOOL, "Disable streaming stats and only pull the first result"),
        NO_TRUNC,
    ),
    arguments=(Argument("container", RUNNING, least=0, most=None, label="[CONTAINER...]"),),
)
def stats(engine: Any, args: Args) -> Table | Text | Stream:
    """Show what containers use, once or every second."""
    flags = {"all": args.all, "no_trunc": args.no_trunc}
    if args.no_stream:
        return formatted(engine.stats(*args.container, **flags), args.format)
    meter = engine.meter(*args.container, **flags)
    return Stream(_frames(meter, args.format, clears=args.edge.stdout_is_terminal))


def _frames(meter: Any, format: str, *, clears: bool) -> Iterator[str]:
    for table in meter.tables():
        text = _text(formatted(table, format))
        if clears:
            # each line is cleared to its end, so that nothing flickers and nothing old stays
            text = _HOME + "\n".join(f"{line}\x1b[K" for line in text.split("\n")) + _CLEAR_BELOW
        yield text


def _text(value: Table | Text) -> str:
    from ..render.text import plain

    return plain(value)


@command(
    "container anatomy",
    "anatomy",
    summary="Show what a container is made of, or two of them side by side",
    options=(
        Option(
            "format", "f", STRING, "Format output using a custom template: 'json' or 'TEMPLATE'"
        ),
    ),
    arguments=(
        Argument("container", CONTAINER),
        Argument("other", CONTAINER, least=0),
    ),
)
def anatomy(engine: Any, args: Args) -> Picture | Detail | Text:
    """Draw containers; the facts are in the value's data."""
    from ..render.anatomy import lines
    from ..render.anatomy_svg import picture
    from ..spec.codec import encode

    found = [engine.anatomy(name) for name in (args.container, args.other) if name]
    if args.format:
        return detail(Detail([encode(each) for each in found]), args.format)
    return Picture(tuple(found), lines(*found), lambda: picture(*found))
