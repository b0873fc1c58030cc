"""The verbs about volumes."""

from __future__ import annotations

from typing import Any

from ..results import Table, Text
from .formats import formatted
from .kinds import BOOL, LIST, STRING, VOLUME, choice
from .shared import FILTER_BY, FORMAT, NO_LIVE, agreed, each
from .table import Args, Argument, Option, command, refused

MANY = Argument("volume", VOLUME, most=None)


@command(
    "volume create",
    summary="Create a volume",
    options=(
        Option("driver", "d", choice("local"), "Specify volume driver name", default="local"),
        Option("label", "", LIST, "Set metadata for a volume"),
        *refused("a volume here is a directory of the store", "opt:o", "name"),
        *refused(
            "it manages one host",
            *"availability group limit-bytes required-bytes scope secret sharing".split(),
            *"topology-preferred topology-required type".split(),
        ),
    ),
    arguments=(Argument("volume", VOLUME, least=0),),
)
def create(engine: Any, args: Args) -> Text:
    """Make a volume; without a name it gets a long one."""
    return Text([engine.volume_create(args.volume, driver=args.driver, label=args.label)])


@command(
    "volume ls",
    "volume list",
    summary="List volumes",
    options=(
        FILTER_BY,
        FORMAT,
        NO_LIVE,
        Option("quiet", "q", BOOL, "Only display volume names"),
        *refused("it manages one host", "cluster"),
    ),
)
def ls(engine: Any, args: Args) -> Table | Text:
    """List volumes."""
    return formatted(engine.volume_ls(filter=args.filter), args.format, quiet=args.quiet)


@command(
    "volume inspect",
    summary="Display detailed information on one or more volumes",
    options=(Option("format", "f", STRING, "Format output using a custom template"),),
    arguments=(MANY,),
)
def inspect(engine: Any, args: Args) -> Any:
    """Show everything known about volumes."""
    from .system import inspected

    return inspected(engine, args.volume, args.format, type="volume")


@command(
    "volume rm",
    "volume remove",
    summary="Remove one or more volumes",
    options=(Option("force", "f", BOOL, "Force the removal of one or more volumes"),),
    arguments=(MANY,),
)
def rm(engine: Any, args: Args) -> Text:
    """Remove volumes that no container uses."""
    return each(args.volume, lambda name: engine.volume_rm(name, force=args.force))


@command(
    "volume prune",
    summary="Remove unused local volumes",
    options=(
        Option("all", "a", BOOL, "Remove all unused volumes, not just anonymous ones"),
        FILTER_BY._replace(short=""),
        Option("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
)
def prune(engine: Any, args: Args) -> Text:
    """Remove volumes that no container uses: the anonymous ones, or all."""
    kind = "all" if args.all else "anonymous"
    warning = f"This will remove {kind} local volumes not used by at least one container."
    if not agreed(args, warning):
        return Text()
    removed: Text = engine.volume_prune(all=args.all, filter=args.filter)
    return removed
