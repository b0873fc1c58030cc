"""cp: files between a container and where the command is given."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument, UsageError
from ..results import Text
from ..units import human_bytes
from .kinds import BOOL, COPY
from .table import Args, Argument, Option, command


@command(
    "container cp",
    "cp",
    summary="Copy files/folders between a container and the local filesystem",
    options=(
        Option("archive", "a", BOOL, "Archive mode (copy all uid/gid information)"),
        Option("follow-link", "L", BOOL, "Always follow symbol link in SRC_PATH"),
        Option("quiet", "q", BOOL, "Suppress progress output during copy"),
    ),
    arguments=(
        Argument("source", COPY, label="CONTAINER:SRC_PATH|SRC_PATH|-"),
        Argument("target", COPY, label="CONTAINER:DEST_PATH|DEST_PATH|-"),
    ),
    body="file",
)
def cp(engine: Any, args: Args) -> Text:
    """Copy; "-" is a tar on standard input or output, and a cell's body is the file that goes in."""
    source, target = args.source, args.target
    if args.body is not None:
        return _body(engine, args)
    if source == target == "-":
        raise InvalidArgument("must specify at least one container source")
    if source == "-":
        if args.edge.stdin is None:
            raise UsageError(
                "there is no standard input", "In a notebook the cell is the file: %%cont"
            )
        source = args.edge.stdin()
    elif target == "-":
        if args.edge.stdout is None or args.edge.stdout_is_terminal:
            raise InvalidArgument("cowardly refusing to copy to a terminal", "Redirect the output.")
        target = args.edge.stdout()
    size = engine.cp(source, target, archive=args.archive, follow_link=args.follow_link)
    if args.quiet or not args.edge.stderr_is_terminal or args.target == "-":
        return Text()
    return Text([f"Successfully copied {human_bytes(size)} to {args.target}"])


def _body(engine: Any, args: Args) -> Text:
    """Put the cell's text into a container as one file."""
    if args.source != "-":
        raise UsageError(
            "a cell's body is copied with - as the source: %%cont cp - NAME:/path/file"
        )
    container, colon, path = args.target.partition(":")
    if not colon or path.endswith("/") or not path:
        raise UsageError("the cell's body becomes a file: %%cont cp - NAME:/path/file")
    engine.put_file(container, path, (args.body or "").encode())
    return Text()
