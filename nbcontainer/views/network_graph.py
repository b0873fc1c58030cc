"""The networks drawn: a tree in characters, and a static SVG without scripts.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from ..spec.network import Network

_BOX_WIDTH, _BOX_HEIGHT, _GAP, _TOP = 170, 62, 20, 28
_BAND = 150
# about how wide a letter of 12 units is
_LETTER = 7.0
_STYLE = 'font-family="sans-serif" font-size="12"'


class Member(NamedTuple):
    """A running container on a network."""

    name: str
    address: str
    interface: str


class Row(NamedTuple):
    """A network and who is on it."""

    network: Network
    members: tuple[Member, ...]


def drawn(
    rows: Sequence[Row], shared: Mapping[str, Sequence[str]], ports: Mapping[str, str]
) -> tuple[list[str], str]:
    """Return (lines, SVG).  `shared`: host and none -> containers; `ports`: container -> published."""
    shown = [row for row in rows if row.network.bridge]
    return _lines(shown, shared, ports), _svg(shown, shared, ports)


def _title(network: Network) -> str:
    subnets = ", ".join(subnet.subnet for subnet in network.subnets)
    notes = ", internal" if network.internal else ""
    return f"{network.name} ({subnets}{notes})"


def _lines(
    rows: Sequence[Row], shared: Mapping[str, Sequence[str]], ports: Mapping[str, str]
) -> list[str]:
    lines = ["host"]
    parts = [(_title(row.network), f"bridge {row.network.bridge}", row.members) for row in rows]
    extra = [(name, "", tuple(Member(n, "", "") for n in found)) for name, found in shared.items()]
    everything = parts + [part for part in extra if part[2]]
    for number, (title, bridge, members) in enumerate(everything):
        is_last = number == len(everything) - 1
        lines.append(f"{'└─' if is_last else '├─'} {title}" + (f"  {bridge}" if bridge else ""))
        stem = "   " if is_last else "│  "
        for place, member in enumerate(members):
            branch = "└─" if place == len(members) - 1 else "├─"
            published = ports.get(member.name, "")
            words = [member.name, member.interface, member.address, published and f"[{published}]"]
            lines.append(f"{stem}{branch} " + "  ".join(filter(None, words)))
    return lines


def _svg(rows: Sequence[Row], shared: Mapping[str, Sequence[str]], ports: Mapping[str, str]) -> str:
    bands = [(_title(row.network), row.network.bridge, row.members) for row in rows]
    bands += [
        (f"--network {name}", "", tuple(Member(n, "", "") for n in found))
        for name, found in shared.items()
        if found
    ]
    widest = max([len(members) for *_, members in bands] or [1]) or 1
    width = max(420, widest * (_BOX_WIDTH + _GAP) + _GAP)
    height = _TOP + len(bands) * _BAND + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="networks" {_STYLE}>',
        f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="8" fill="#fafafa" '
        'stroke="#999"/>',
        '<text x="12" y="20" fill="#333" font-weight="bold">host</text>',
    ]
    for number, (title, bridge, members) in enumerate(bands):
        parts += _band(_TOP + number * _BAND, width, title, bridge, members, ports)
    return "\n".join([*parts, "</svg>"])


def _band(
    top: int,
    width: int,
    title: str,
    bridge: str,
    members: Sequence[Member],
    ports: Mapping[str, str],
) -> list[str]:
    bar = top + 22
    parts = [_text(14, top + 14, title, bold=True)]
    if bridge:
        parts.append(
            f'<rect x="12" y="{bar}" width="{width - 24}" height="16" rx="4" fill="#4a7ebb"/>'
        )
        parts.append(_text(18, bar + 12, bridge, fill="#fff"))
    for place, member in enumerate(members):
        x, y = _GAP + place * (_BOX_WIDTH + _GAP), bar + 40
        middle = x + _BOX_WIDTH // 2
        if bridge:
            parts.append(
                f'<line x1="{middle}" y1="{bar + 16}" x2="{middle}" y2="{y}" stroke="#4a7ebb"/>'
            )
            parts.append(
                _text(middle + 4, y - 8, member.interface, fill="#777", room=_BOX_WIDTH // 2)
            )
        parts.append(
            f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="6" '
            'fill="#fff" stroke="#555"/>'
        )
        parts.append(_text(x + 8, y + 18, member.name, bold=True, room=_BOX_WIDTH - 12))
        parts.append(_text(x + 8, y + 35, member.address, room=_BOX_WIDTH - 12))
        parts.append(
            _text(x + 8, y + 52, ports.get(member.name, ""), fill="#2a7a2a", room=_BOX_WIDTH - 12)
        )
    return parts


def _text(
    x: int, y: int, text: str, *, bold: bool = False, fill: str = "#333", room: int = 0
) -> str:
    """Return a line; with `room`, what is longer than so many units is cut and is told in full by its
    title."""
    weight = ' font-weight="bold"' if bold else ""
    most = int(room / _LETTER) if room else 39
    shown = text if len(text) <= most else text[: most - 1] + "…"
    whole = f"<title>{escape(text)}</title>" if shown != text else ""
    return f'<text x="{x}" y="{y}" fill="{fill}"{weight}>{whole}{escape(shown)}</text>'
