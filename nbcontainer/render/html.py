"""Results as static HTML: escaped, no script, no outside CSS, so that it reads well wherever a saved
notebook is shown (GitHub strips style elements, so what must be seen is in the markup).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from ..results import Container, Detail, Folded, Image, Panel, Table
from ..results_network import Drawing
from .text import cells, escaped

_CELL = "text-align:left;white-space:pre"
# a page without our style sheet may have none for pre either (nbconvert has its own for output alone)
MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
PRE = f"margin:0;white-space:pre-wrap;{MONO}"
_MAX_ROWS = 250


def page(result: Any) -> str:
    """Return the fragment for `result`, "" where plain text says it best."""
    if isinstance(result, Table) and not result.template:
        return table(result)
    if isinstance(result, Folded):
        return folded(result)
    if isinstance(result, Panel):
        return panel(result)
    if isinstance(result, Detail):
        if result.table is not None:
            notes = "\n".join(result.lines[len(result.table.rows) + 1 :]).strip("\n")
            return f'{table(result.table)}<pre style="{PRE}">{_safe(notes)}</pre>'
        return "" if result.lines else document(result)
    if isinstance(result, Container):
        return handle("container", result.name, result.id[:12])
    if isinstance(result, Image):
        return handle("image", result.reference, result.id.partition(":")[2][:12])
    if isinstance(result, Drawing):
        return result.picture
    return ""


def table(result: Table) -> str:
    """Return a table element; beyond 250 rows only their number is told (the text has them all)."""
    head = "".join(
        f'<th style="text-align:left">{_safe(column.header)}</th>' for column in result.columns
    )
    body = []
    for row, shown in zip(result.rows[:_MAX_ROWS], cells(result), strict=False):
        links = row.get("Links") if isinstance(row.get("Links"), dict) else None
        found = [_linked(cell, links) if links else escape(cell) for cell in shown]
        body.append(
            "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in found) + "</tr>"
        )
    more = len(result.rows) - _MAX_ROWS
    note = f"<p>… and {more} more</p>" if more > 0 else ""
    return (
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody></table>"
    ) + note


_GONE, _COME = "color:#c0392b", "color:#1e8449"


def folded(result: Folded) -> str:
    """Return a line that opens; lines that begin with + or - are a difference, and coloured."""
    parts = []
    for title, section in result.sections:
        lines = "\n".join(_difference(line) for line in section)
        parts.append(f'<div><b>{_safe(title)}</b><pre style="{PRE}">{lines}</pre></div>')
    head = f'<summary style="opacity:.8">{_safe(result.summary)}</summary>'
    return f"<details>{head}\n" + "\n".join(parts) + "</details>"


def _difference(line: str) -> str:
    style = {"-": _GONE, "+": _COME}.get(line[:1])
    return f'<span style="{style}">{_safe(line)}</span>' if style else _safe(line)


def panel(result: Panel) -> str:
    """Return the tables under their titles."""
    parts = [f"<h4>{_safe(part.title)}</h4>\n{table(part.table)}" for part in result.parts]
    return '<div class="nbc-still">' + "\n".join(parts) + "</div>"


def _linked(cell: str, links: Mapping[str, str]) -> str:
    """Return a cell whose parts lead to where the row's `Links` say."""
    parts = []
    for part in cell.split(", "):
        url = links.get(part, "")
        safe = escape(part)
        is_safe = url.startswith(("http://", "https://", "/"))
        parts.append(f'<a href="{escape(url)}" target="_blank">{safe}</a>' if is_safe else safe)
    return ", ".join(parts)


def document(result: Detail) -> str:
    """Return each JSON document folded by its first level."""
    return "\n".join(_folded(item) for item in result.documents)


def _folded(item: Any) -> str:
    if not isinstance(item, dict):
        return f'<pre style="{PRE}">{_safe(_json(item))}</pre>'
    parts = []
    for key, value in item.items():
        if isinstance(value, (dict, list)) and value:
            parts.append(
                f"<details><summary><code>{_safe(str(key))}</code></summary>"
                f'<pre style="{PRE}">{_safe(_json(value))}</pre></details>'
            )
        else:
            parts.append(
                f"<div><code>{_safe(str(key))}</code>: <code>{_safe(_json(value))}</code></div>"
            )
    title = item.get("Name") or item.get("Id") or item.get("ID") or "document"
    return (
        f"<details open><summary><b>{_safe(str(title).lstrip('/'))}</b></summary>\n"
        '<div style="margin-left:1em">\n' + "\n".join(parts) + "\n</div></details>"
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def handle(kind: str, name: str, short: str) -> str:
    """Return one line that names an object."""
    shown = f"<b>{_safe(name)}</b> <code>{_safe(short)}</code>" if name else ""
    return f"<div>{kind} {shown or f'<code>{_safe(short)}</code>'}</div>"


def _safe(text: str) -> str:
    return escape(escaped(text, layout=True))
