"""layers: what is in an image, layer by layer."""

from __future__ import annotations

from typing import Any

from ..results import Detail, Text
from ..views.layers import tree_lines
from .formats import detail
from .kinds import BOOL, IMAGE, STRING
from .shared import DETAIL_FORMAT, NO_LIVE, NO_TRUNC
from .table import Args, Argument, Option, command


@command(
    "image layers",
    "layers",
    summary="Show what each layer of an image adds, changes, removes and wastes",
    options=(
        DETAIL_FORMAT,
        Option("json", "", BOOL, "Show all that is known, as JSON"),
        NO_TRUNC,
        NO_LIVE,
        Option("tree", "", BOOL, "Also name each layer's biggest files"),
        Option("path", "p", STRING, "Tell which layer a file is of"),
    ),
    arguments=(Argument("image", IMAGE), Argument("other", IMAGE, least=0, label="[OTHER_IMAGE]")),
)
def layers(engine: Any, args: Args) -> Detail | Text:
    """Explore the layers of an image; with a second image, what the two share."""
    found: Detail = engine.layers(
        args.image, args.other, path=args.path, no_trunc=args.no_trunc, tree=args.tree
    )
    if args.json:
        return Detail(found.documents, single=True)
    if args.tree and not args.format:
        lines = [*found.lines, *tree_lines(found["Layers"])]
        return Detail(found.documents, single=True, lines=lines, table=found.table)
    return detail(found, args.format)
