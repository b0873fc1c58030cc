"""Tars that come from and go to files, or the program's own standard streams (save, export, load)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from ..errors import InvalidArgument, UsageError
from ..results import Text
from ..under_way import Stream
from .table import Args

Target = str | BinaryIO


def written(args: Args, write: Callable[[Target], Any]) -> Stream | Text:
    """Let `write` fill the file of --output, or standard output where that is no terminal.

    Raises: InvalidArgument in Docker's words where a person would see a tar.
    """
    if args.output:
        write(args.output)
        return Text()
    stdout = args.edge.stdout
    if stdout is None or args.edge.stdout_is_terminal:
        raise InvalidArgument(
            "cowardly refusing to save to a terminal. Use the -o flag or redirect",
            "Name a file with --output.",
        )
    write(stdout())
    return Text()


def opened(args: Args, path: str, missing: str) -> AbstractContextManager[BinaryIO]:
    """Open `path`, or standard input for "-" and "".

    Raises: UsageError with `missing` where there is no standard input; InvalidArgument in Docker's
    words for a file that cannot be opened.
    """
    if path in ("", "-"):
        if args.edge.stdin is None:
            raise UsageError(missing, "Name a file.")
        from contextlib import nullcontext

        return nullcontext(args.edge.stdin())
    try:
        return open(path, "rb")
    except OSError as error:
        raise InvalidArgument(f"open {path}: {(error.strerror or str(error)).lower()}") from error
