"""A sheet to draw on: a few shapes as SVG that needs no style sheet, script, font or second file."""

from __future__ import annotations

from html import escape
from typing import Any

from .text import escaped

SANS = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"
MONO = "ui-monospace,'SF Mono',Menlo,Consolas,'Liberation Mono',monospace"
# widths of a letter against the font's size; a little generous, since nobody measures here
_WIDTHS = {SANS: 0.56, MONO: 0.62}


class Sheet:
    """Shapes in the order in which they cover each other."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        fill: str = "#1c1f23",
        bold: bool = False,
        mono: bool = False,
        anchor: str = "start",
        room: float = 0,
    ) -> None:
        """Write a line; with `room`, what is longer than so many units is cut and ends in …"""
        family = MONO if mono else SANS
        shown = fitted(text, room, size, mono=mono) if room else text
        self._add(
            "text",
            xml_text(shown),
            x=x, y=y, fill=fill, font_size=size, font_family=family,
            font_weight="600" if bold else None,
            text_anchor=None if anchor == "start" else anchor,
        )  # fmt: skip

    def rect(
        self, x: float, y: float, width: float, height: float, *, fill: str = "none",
        stroke: str = "none", radius: float = 0, dash: str = "",
    ) -> None:  # fmt: skip
        """Draw a box."""
        self._add(
            "rect", "", x=x, y=y, width=width, height=height, rx=radius or None, fill=fill,
            stroke=None if stroke == "none" else stroke, stroke_dasharray=dash or None,
        )  # fmt: skip

    def dot(self, x: float, y: float, radius: float, *, fill: str, stroke: str) -> None:
        """Draw a circle."""
        self._add("circle", "", cx=x, cy=y, r=radius, fill=fill, stroke=stroke, stroke_width=1.6)

    def arrow(self, x: float, y: float, width: float, *, stroke: str = "#59636e") -> None:
        """Draw an arrow to the right."""
        end = x + width
        back = _n(end - 5)
        head = f"M{back} {_n(y - 4)}L{_n(end)} {_n(y)}L{back} {_n(y + 4)}"
        self._add(
            "path",
            "",
            d=f"M{_n(x)} {_n(y)}H{_n(end)}{head}",
            stroke=stroke,
            fill="none",
            stroke_width=1.4,
        )

    def put(self, other: Sheet) -> None:
        """Lay another sheet on this one."""
        self._parts += other._parts

    def page(self, width: float, height: float, *, title: str, description: str) -> str:
        """Return the whole picture, with its words for who does not see it."""
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" '
            f'width="{_n(width)}" height="{_n(height)}" role="img">\n'
            f"<title>{xml_text(title)}</title>\n<desc>{xml_text(description)}</desc>\n{body}\n</svg>"
        )

    def _add(self, name: str, content: str, **attributes: Any) -> None:
        pairs = " ".join(
            f'{key.replace("_", "-")}="{_n(value) if isinstance(value, (int, float)) else escape(value)}"'
            for key, value in attributes.items()
            if value is not None
        )
        self._parts.append(
            f"<{name} {pairs}>{content}</{name}>" if content else f"<{name} {pairs}/>"
        )


def width_of(text: str, size: float, *, mono: bool = False) -> float:
    """Return about how wide a text is."""
    return len(text) * size * _WIDTHS[MONO if mono else SANS]


def fitted(text: str, room: float, size: float, *, mono: bool = False) -> str:
    """Return the text, cut to about `room` units."""
    letters = max(1, int(room / (size * _WIDTHS[MONO if mono else SANS])))
    return text if len(text) <= letters else text[: letters - 1] + "…"


def wrapped(text: str, room: float, size: float) -> list[str]:
    """Return the text in lines of at most `room` units, broken between words."""
    letters = max(1, int(room / (size * _WIDTHS[SANS])))
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= letters:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def xml_text(text: str) -> str:
    """Return text as XML takes it: no control character passes."""
    return escape(escaped(text), quote=False)


def _n(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
