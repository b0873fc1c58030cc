"""Results as plain text: Docker's table layout, one place where control characters are made visible."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..results import Completed, Container, Detail, Folded, Image, Panel, Picture, Table, Text

_PADDING = 3
# C0, DEL and C1, and the marks that reorder text: each could make a terminal or a page lie
_CONTROL = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    ord("\n"): "\\n",
    ord("\t"): "\\t",
    ord("\r"): "\\r",
}
_CONTROL_BUT_LAYOUT = {
    code: text for code, text in _CONTROL.items() if code not in (ord("\n"), ord("\t"))
}


def escaped(text: str, *, layout: bool = False) -> str:
    """Return `text` with control characters written out; `layout` leaves newline and tab alone."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_CONTROL_BUT_LAYOUT if layout else _CONTROL)


def plain(result: Any) -> str:
    """Return what a person reads, without a newline at its end."""
    if isinstance(result, Table):
        return _lines(result) if result.template else table(result)
    if isinstance(result, Picture):
        return "\n".join(escaped(line) for line in result.lines)
    if isinstance(result, Folded):
        return folded(result)
    if isinstance(result, Panel):
        return "\n\n".join(f"{part.title}\n{table(part.table)}" for part in result.parts)
    if isinstance(result, Detail):
        return document(result)
    if isinstance(result, Completed):
        return completed(result)
    if isinstance(result, (Text, Container, Image)):
        return escaped(str(result), layout=True)
    return escaped(str(result), layout=True)


def folded(result: Folded) -> str:
    """Return the line and, further in, what stands behind it."""
    lines = [result.summary]
    for title, section in result.sections:
        lines += [f"  {title}", *(f"    {line}" for line in section)]
    return "\n".join(escaped(line) for line in lines)


def table(result: Table) -> str:
    """Return Docker's layout: columns as wide as their widest cell, three spaces between."""
    head = [column.header for column in result.columns]
    return aligned([head, *cells(result)], result.min_width)


def cells(result: Table) -> list[list[str]]:
    """Return the shown texts, escaped."""
    fields = [column.field for column in result.columns]
    return [[escaped(_cell(row.get(field, ""))) for field in fields] for row in result.rows]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def aligned(rows: Sequence[Sequence[str]], min_width: int = 10) -> str:
    """Return rows as Go's tabwriter aligns them: the last cell of a row is not padded."""
    widths: list[int] = []
    for row in rows:
        for at, cell in enumerate(row[:-1]):
            if at == len(widths):
                widths.append(min_width)
            widths[at] = max(widths[at], len(cell) + _PADDING)
    lines = []
    for row in rows:
        padded = [cell.ljust(widths[at]) for at, cell in enumerate(row[:-1])]
        lines.append("".join(padded) + (row[-1] if row else ""))
    return "\n".join(lines)


def _lines(result: Table) -> str:
    from .template import format_table

    return "\n".join(str(line) for line in format_table(result, result.template))


def document(result: Detail) -> str:
    """Return the lines that were given, else indented JSON as Docker's inspect prints it."""
    if result.lines:
        return "\n".join(escaped(line, layout=True) for line in result.lines)
    whole = result.documents[0] if result.single else list(result.documents)
    text = json.dumps(whole, indent=4, ensure_ascii=False, default=str)
    return escaped(text, layout=True)


def completed(result: Completed) -> str:
    """Return the program's output, and its exit code where that is not 0."""
    streams = [result.stdout.decode("utf-8", "replace"), result.stderr.decode("utf-8", "replace")]
    shown = [escaped(stream.rstrip("\n"), layout=True) for stream in streams if stream]
    if result.exit_code:
        shown.append(f"exit code {result.exit_code}")
    return "\n".join(shown)
