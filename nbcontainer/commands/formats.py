"""What --format and --quiet make of a result; templates are parsed only where one was given."""

from __future__ import annotations

from collections.abc import Iterable

from ..results import Detail, Row, Table, Text
from ..under_way import Stream


def formatted(table: Table, format: str = "", *, quiet: bool = False) -> Table | Text:
    """Return `table` as --format and --quiet ask: "" or "table" = itself, "json" = a document a line,
    "table TEMPLATE" = a Table of other columns, TEMPLATE = a line a row.

    Raises: InvalidArgument in Docker's words for a bad template or field.
    """
    if quiet and (not format or format == "table"):
        return Text(table.ids)
    if not format or format == "table":
        return table
    from ..render import template

    return template.format_table(table, format)


def detail(value: Detail, format: str = "") -> Detail | Text:
    """Return `value` as --format asks: "" = itself, "json" = compact, else a line a document."""
    if not format:
        return value
    from ..render import template

    return template.format_detail(value, format)


def stream(rows: Iterable[Row], format: str, kind: str = "") -> Stream:
    """Return rows that come with time as lines of `format`; a bad template is refused at once."""
    from ..render import template

    return template.format_stream(rows, format, kind)
