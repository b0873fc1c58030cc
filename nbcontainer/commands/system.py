"""The verbs about all of it: inspect, events, info, version, doctor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import EngineError, UsageError
from ..results import Detail, Panel, Part, Table, Text
from ..under_way import Stream
from .formats import detail, formatted, stream
from .kinds import BOOL, OBJECT, STRING, choice
from .shared import DETAIL_FORMAT, FILTER_BY, FORMAT, NO_LIVE, agreed
from .table import MODULES, Args, Argument, Option, command

_TYPES = ("container", "image", "network", "volume")


def inspected(
    engine: Any, names: Iterable[str], format: str, *, type: str = "", size: bool = False
) -> Detail | Text:
    """Return the documents of `names`; what is missing comes as errors beside those that are there."""
    documents: list[Any] = []
    errors: list[EngineError] = []
    for name in names:
        try:
            documents += engine.inspect(name, type=type, size=size).documents
        except EngineError as error:
            errors.append(error)
    shown = detail(Detail(documents, errors=errors), format)
    return Text(shown.lines, errors=errors) if isinstance(shown, Text) else shown


@command(
    "inspect",
    summary="Return low-level information on containers, images, networks and volumes",
    options=(
        DETAIL_FORMAT,
        Option("size", "s", BOOL, "Display total file sizes if the type is container"),
        Option("type", "", choice(*_TYPES), "Only inspect objects of the given type"),
    ),
    arguments=(Argument("name", OBJECT, most=None, label="NAME|ID [NAME|ID...]"),),
)
def inspect(engine: Any, args: Args) -> Detail | Text:
    """Show everything known about objects of any kind."""
    if "type" in args.given and args.type not in _TYPES:
        known = ", ".join(f'"{word}"' for word in _TYPES)
        raise UsageError(f'unknown type: "{args.type}": must be one of {known}')
    return inspected(engine, args.name, args.format, type=args.type, size=args.size)


@command(
    "system events",
    "events",
    summary="Get real time events from the engine",
    options=(
        FILTER_BY,
        DETAIL_FORMAT._replace(short=""),
        NO_LIVE,
        Option("since", "", STRING, "Show all events created since timestamp"),
        Option("until", "", STRING, "Stream events until this timestamp"),
    ),
)
def events(engine: Any, args: Args) -> Stream:
    """Show what happens, as it happens."""
    from ..views.system import event_json, event_line, event_row

    found = engine.events(since=args.since, until=args.until, filter=args.filter)
    if args.format:
        whole = args.format.replace(" ", "") in ("json", "{{json.}}")
        row = event_json if whole else event_row
        return stream((row(event) for event in found), args.format)
    return Stream(event_line(event) for event in found)


@command(
    "system panel",
    "panel",
    summary="Show containers, images, volumes, figures and events on one screen",
    options=(
        Option("beside", "", BOOL, "In JupyterLab, show it beside the notebook (needs sidecar)"),
        NO_LIVE,
    ),
)
def panel(engine: Any, args: Args) -> Panel:
    """Show all of it; in a notebook it follows the engine."""
    parts = [
        Part("containers", "Containers", engine.ps(all=True)),
        Part("images", "Images", engine.images()),
        Part("volumes", "Volumes", engine.volume_ls()),
    ]
    if "network" in MODULES:
        parts.append(Part("networks", "Networks", engine.network_ls()))
    return Panel(parts)


@command(
    "system info",
    "info",
    summary="Display system-wide information",
    options=(DETAIL_FORMAT,),
)
def info(engine: Any, args: Args) -> Detail | Text:
    """Show the host and the store."""
    return detail(engine.info(), args.format)


@command(
    "version",
    summary="Show the version information",
    options=(DETAIL_FORMAT,),
)
def version(engine: Any, args: Args) -> Detail | Text:
    """Show versions."""
    return detail(engine.version(), args.format)


@command(
    "system doctor",
    "doctor",
    summary="Show what this host can do, what blocks the rest, and one remedy for each",
    options=(FORMAT,),
)
def doctor(engine: Any, args: Args) -> Table | Text:
    """Probe the host."""
    return formatted(engine.doctor(), args.format)


@command(
    "system df",
    summary="Show disk usage",
    options=(FORMAT, Option("verbose", "v", BOOL, "Show detailed information on space usage")),
)
def df(engine: Any, args: Args) -> Table | Text:
    """Show what uses the disk, and how much of it could be freed."""
    found: Table | Text = engine.system_df(verbose=args.verbose)
    return found if isinstance(found, Text) else formatted(found, args.format)


@command(
    "system prune",
    summary="Remove unused data",
    options=(
        Option("all", "a", BOOL, "Remove all unused images not just dangling ones"),
        FILTER_BY._replace(short=""),
        Option("force", "f", BOOL, "Do not prompt for confirmation"),
        Option("volumes", "", BOOL, "Prune anonymous volumes"),
    ),
)
def prune(engine: Any, args: Args) -> Text:
    """Remove the containers, networks and images, on demand the volumes, too, that nothing uses."""
    images = "images without at least one container associated to them"
    warning = "\n".join(
        [
            "This will remove:",
            "  - all stopped containers",
            "  - all networks not used by at least one container",
            *(["  - all anonymous volumes not used by at least one container"] * args.volumes),
            f"  - all {images if args.all else 'dangling images'}",
            "",
        ]
    )
    if not agreed(args, warning):
        return Text()
    removed: Text = engine.system_prune(all=args.all, volumes=args.volumes, filter=args.filter)
    return removed
