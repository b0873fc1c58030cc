"""The anatomy of a container as one picture that reads in print, and answers "a container is a small VM"."""

from __future__ import annotations

from ..spec.anatomy import Anatomy
from . import anatomy_cards as cards
from .anatomy import headline, lines, shared
from .svg import Sheet

WIDTH = 960.0
_MARGIN, _GAP = 20.0, 14.0
_ONE = (
    (cards.processes,),
    (cards.namespaces, cards.rights),
    (cards.users, cards.limits),
    (cards.files, cards.mounts),
    (cards.packet,),
)
_EACH = (
    cards.processes,
    cards.namespaces,
    cards.users,
    cards.limits,
    cards.rights,
    cards.files,
    cards.packet,
)


def picture(found: Anatomy, other: Anatomy | None = None) -> str:
    """Return the SVG of one container, or of two side by side."""
    sheet = Sheet()
    drawn = _one(sheet, found) if other is None else _two(sheet, found, other)
    height = _ground(sheet, found, other, drawn + _GAP) + _MARGIN
    whole = Sheet()
    whole.rect(0.5, 0.5, WIDTH - 1, height - 1, fill="#f8f9fb", stroke=cards.EDGE, radius=10)
    whole.put(sheet)
    names = found.name if other is None else f"{found.name} and {other.name}"
    return whole.page(
        WIDTH, height, title=f"Anatomy of {names}", description="\n".join(lines(found, other))
    )


def _one(sheet: Sheet, found: Anatomy) -> float:
    room = WIDTH - 2 * _MARGIN
    y = _heading(sheet, found, _MARGIN, room)
    for row in _ONE:
        wide = (room - _GAP * (len(row) - 1)) / len(row)
        y = _row(sheet, [(card, found) for card in row], y, wide)
    return y - _GAP


def _two(sheet: Sheet, found: Anatomy, other: Anatomy) -> float:
    wide = (WIDTH - 2 * _MARGIN - _GAP) / 2
    y = max(
        _heading(sheet, found, _MARGIN, wide),
        _heading(sheet, other, _MARGIN + wide + _GAP, wide),
    )
    for card in _EACH:
        y = _row(sheet, [(card, found), (card, other)], y, wide)
    return y - _GAP


def _row(sheet: Sheet, row: list[tuple[cards.Card, Anatomy]], y: float, wide: float) -> float:
    """Draw cards beside each other; return where the next row begins."""
    height = max(card(Sheet(), found, 0, 0, wide) for card, found in row)
    for at, (card, found) in enumerate(row):
        card(sheet, found, _MARGIN + at * (wide + _GAP), y, wide, least=height)
    return y + height + _GAP


def _heading(sheet: Sheet, found: Anatomy, x: float, room: float) -> float:
    colour = cards.GOOD if found.status == "running" else cards.HOST
    sheet.text(x, 42, found.name, size=24, bold=True, room=room - 110)
    sheet.dot(
        x + room - 88, 35, 5, fill=colour if found.status == "running" else "none", stroke=colour
    )
    sheet.text(x + room - 76, 39.5, found.status, size=13, bold=True, fill=colour)
    about = f"{found.image} · {found.id[:12]} · {found.command}"
    sheet.text(x, 63, about, size=12, mono=True, fill=cards.QUIET, room=room)
    return 86 + cards.sentence(sheet, headline(found), x, 86, room) + 4


def _ground(sheet: Sheet, found: Anatomy, other: Anatomy | None, y: float) -> float:
    """Draw what all stand on: there is one kernel, and no second one in the picture."""
    room = WIDTH - 2 * _MARGIN
    sheet.rect(_MARGIN, y, room, 58, fill="#22303f", radius=8)
    sheet.text(_MARGIN + 16, y + 24, f"Linux {found.linux}", size=14, bold=True, fill="#ffffff")
    words = (
        "One kernel for the host and for every container: there is no second one, no boot and no virtual "
        "hardware here."
    )
    if other is not None:
        both = shared(found, other)
        also = f", and these namespaces: {', '.join(both)}" if both else ", and no namespace"
        words = f"{found.name} and {other.name} share this kernel with the host{also}."
    sheet.text(_MARGIN + 16, y + 44, words, size=12, fill="#dfe7ef", room=room - 32)
    return y + 58
