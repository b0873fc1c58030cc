"""Text with colours (SGR sequences) as HTML that needs no style sheet, and as plain text."""

from __future__ import annotations

import re
from html import escape

from .text import escaped

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
# readable on white and on black
_COLOURS = ("#6b7280", "#c0392b", "#1e8449", "#9a6700", "#2471a3", "#8e44ad", "#117a8b", "#6b7280")
_WEIGHTS = {
    1: "font-weight:bold",
    2: "opacity:.7",
    3: "font-style:italic",
    4: "text-decoration:underline",
}
_OFF = {22: (1, 2), 23: (3,), 24: (4,)}


def html(text: str) -> str:
    """Return the text as spans; what is no colour is written out."""
    out: list[str] = []
    style: dict[int, str] = {}
    at = 0
    for match in _SGR.finditer(text):
        out.append(_span(text[at : match.start()], style))
        style = _step(style, [int(code or 0) for code in re.split("[;:]", match[1])])
        at = match.end()
    out.append(_span(text[at:], style))
    return "".join(out)


def plain(text: str) -> str:
    """Return the text without its colours."""
    return escaped(_SGR.sub("", text), layout=True)


def _span(text: str, style: dict[int, str]) -> str:
    if not text:
        return ""
    shown = escape(escaped(text, layout=True))
    return f'<span style="{";".join(style.values())}">{shown}</span>' if style else shown


def _step(style: dict[int, str], codes: list[int]) -> dict[int, str]:
    """Return the style after a sequence; -1 as a key stands for the colour."""
    style = dict(style)
    at = 0
    while at < len(codes):
        code = codes[at]
        if code == 0:
            style.clear()
        elif code in _WEIGHTS:
            style[code] = _WEIGHTS[code]
        elif code in _OFF:
            for on in _OFF[code]:
                style.pop(on, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style[-1] = f"color:{_COLOURS[code % 10]}"
        elif code == 39:
            style.pop(-1, None)
        elif code in (38, 48):
            colour, used = _extended(codes[at + 1 :])
            if code == 38 and colour:
                style[-1] = f"color:{colour}"
            at += used
        at += 1
    return style


def _extended(codes: list[int]) -> tuple[str, int]:
    """Return the colour after 38 or 48, and how many numbers it took."""
    if codes[:1] == [2] and len(codes) >= 4:
        return "#" + "".join(f"{min(code, 255):02x}" for code in codes[1:4]), 4
    if codes[:1] == [5] and len(codes) >= 2:
        return _palette(codes[1]), 2
    return "", len(codes)


def _palette(number: int) -> str:
    if number < 16:
        return _COLOURS[number % 8]
    if number < 232:
        levels = (0, 95, 135, 175, 215, 255)
        number -= 16
        parts = (levels[number // 36], levels[number // 6 % 6], levels[number % 6])
        return "#" + "".join(f"{part:02x}" for part in parts)
    grey = min(8 + 10 * (number - 232), 238)
    return f"#{grey:02x}{grey:02x}{grey:02x}"
