"""The cards of an anatomy's picture: one fact each, drawn where it is told to be; each returns its height."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..spec.anatomy import Anatomy, Limit
from .anatomy import HIDES, limit_text, short_capability, size_text
from .svg import Sheet, width_of, wrapped

INK, QUIET, EDGE, PAPER = "#1c1f23", "#57606a", "#d0d7de", "#ffffff"
OWN, OWN_SOFT, HOST, HOST_SOFT = "#0860c4", "#dbeafe", "#8a5a00", "#fff4d6"
GOOD, BAD = "#14713a", "#b3261e"
_LINE, _PAD, _HEAD, _MOST = 19, 14, 30, 9

Inside = Callable[[Sheet, Anatomy, float, float, float], float]


class Card(Protocol):
    """Draws a fact in a frame of at least a height; returns the frame's height."""

    def __call__(
        self, sheet: Sheet, found: Anatomy, x: float, y: float, width: float, least: float = 0
    ) -> float: ...


def card(title: str, note: str) -> Callable[[Inside], Card]:
    """Frame what a function draws; it is given the room inside and returns how much it took."""

    def decorate(draw: Inside) -> Card:
        def framed(
            sheet: Sheet, found: Anatomy, x: float, y: float, width: float, least: float = 0
        ) -> float:
            inner = Sheet()
            inside = width - 2 * _PAD
            height = max(_HEAD + draw(inner, found, x + _PAD, y + _HEAD + 12, inside) + 8, least)
            sheet.rect(x, y, width, height, fill=PAPER, stroke=EDGE, radius=8)
            sheet.text(x + _PAD, y + 21, title, size=12.5, bold=True)
            left = 1.3 * width_of(title, 12.5) + 10
            sheet.text(x + _PAD + left, y + 21, note, size=11, fill=QUIET, room=inside - left)
            sheet.put(inner)
            return height

        return framed

    return decorate


def _none(sheet: Sheet, x: float, y: float, text: str) -> float:
    sheet.text(x, y, text, fill=QUIET)
    return _LINE


def _more(sheet: Sheet, x: float, y: float, count: int) -> float:
    if count <= 0:
        return 0
    sheet.text(x, y, f"… and {count} more", size=11, fill=QUIET)
    return _LINE


@card("Processes", "ordinary ones: the same process, counted from inside and from outside")
def processes(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """Each process with its two numbers and its two users."""
    if not found.processes:
        return _none(sheet, x, y, f"none: it is {found.status}")
    for at, head in ((0, "inside"), (72, "outside"), (152, "user in → out"), (270, "command")):
        sheet.text(x + at, y, head, size=10.5, fill=QUIET)
    for number, each in enumerate(found.processes[:_MOST], 1):
        row = y + number * _LINE
        sheet.text(x, row, str(each.pid_inside), mono=True, bold=True, fill=OWN)
        sheet.arrow(x + 36, row - 4, 24)
        sheet.text(x + 72, row, str(each.pid_outside), mono=True)
        sheet.text(
            x + 152, row, f"{each.uid_inside} → {each.uid_outside}", mono=True, size=11, room=112
        )
        sheet.text(x + 270, row, each.command, mono=True, size=11, room=width - 270)
    shown = min(len(found.processes), _MOST) + 1
    return shown * _LINE + _more(sheet, x, y + shown * _LINE, len(found.processes) - _MOST)


@card("Namespaces", "each hides one thing of the host")
def namespaces(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """Each namespace, filled where it is the container's own."""
    if not found.namespaces:
        return _none(sheet, x, y, "none while nothing runs, or none that may be looked at")
    for number, each in enumerate(found.namespaces):
        row = y + number * _LINE
        colour = OWN if each.is_own else HOST
        sheet.dot(x + 5, row - 4, 4.5, fill=OWN if each.is_own else PAPER, stroke=colour)
        sheet.text(x + 18, row, each.kind, mono=True, bold=True, fill=colour)
        sheet.text(x + 78, row, str(each.inode), mono=True, size=11)
        sheet.text(x + 166, row, "its own" if each.is_own else "the host's", fill=colour, size=11)
        sheet.text(x + 232, row, HIDES[each.kind], size=11, fill=QUIET, room=width - 232)
    return len(found.namespaces) * _LINE


@card("Users", "numbers inside stand for others outside")
def users(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """Two bars for each range of ids."""
    if not found.uid_map:
        return _none(sheet, x, y, "a map is made when it starts")
    height = 0.0
    for inside, outside, count in found.uid_map[:4]:
        row = y + height
        is_same = inside == outside
        for at, label, first in ((0.0, "inside", inside), (22.0, "outside", outside)):
            sheet.text(x, row + at, label, size=10.5, fill=QUIET)
            soft, edge = (OWN_SOFT, OWN) if at == 0 else (HOST_SOFT, HOST)
            sheet.rect(x + 56, row + at - 13, width - 56, 17, fill=soft, stroke=edge, radius=4)
            sheet.text(x + 64, row + at, str(first), mono=True, size=11)
            last = str(first + count - 1)
            if count > 1:
                sheet.text(x + width - 8, row + at, last, mono=True, size=11, anchor="end")
        root = "root inside is nobody outside" if inside == 0 and not is_same else ""
        root = "the same numbers on both sides" if is_same else root
        sheet.text(x + 56 + (width - 56) / 2, row, root, size=10.5, fill=QUIET, anchor="middle")
        height += 48
    return height - 6


@card("Limits", "of its control group, against use")
def limits(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """A bar for each limit."""
    if not found.limits:
        return _none(sheet, x, y, "counted while it runs")
    for number, each in enumerate(found.limits):
        row = y + number * (_LINE + 4)
        sheet.text(x, row, each.name, room=84)
        left, span = x + 92, (width - 92) * 0.45
        sheet.rect(left, row - 10, span, 11, fill="#eef1f4", stroke=EDGE, radius=3)
        if part := _share(each):
            sheet.rect(
                left, row - 10, max(2.0, span * part), 11, fill=BAD if part > 0.9 else OWN, radius=3
            )
        sheet.text(
            left + span + 10, row, limit_text(each), mono=True, size=11, room=width - 102 - span
        )
    return len(found.limits) * (_LINE + 4)


def _share(limit: Limit) -> float:
    if limit.used is None or not limit.limit:
        return 0.0
    return min(1.0, limit.used / limit.limit)


@card("Rights", "what root inside may still do")
def rights(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """The capabilities that are left, those that are not, and the filter of system calls."""
    row = y
    for title, names, fill, edge in (
        (f"kept: {len(found.kept)}", found.kept, OWN_SOFT, OWN),
        (f"dropped: {len(found.dropped)}", found.dropped, "#f4f5f7", EDGE),
    ):
        sheet.text(x, row, title, size=11, bold=True, fill=INK)
        row = (
            _chips(sheet, x, row + 8, width, [short_capability(n) for n in names], fill, edge) + 18
        )
    words = "all allowed" if found.seccomp == "none" else f"filtered by {found.seccomp}"
    colour = BAD if found.seccomp == "none" else GOOD
    sheet.text(x, row, f"system calls: {words}", size=11.5, fill=colour)
    held = (
        "no program inside can gain rights"
        if found.no_new_privileges
        else "set-uid programs gain rights"
    )
    sheet.text(x, row + _LINE - 2, held, size=11.5, fill=GOOD if found.no_new_privileges else HOST)
    return row + _LINE - y + 12


def _chips(
    sheet: Sheet, x: float, y: float, width: float, names: list[str], fill: str, edge: str
) -> float:
    """Draw words in boxes, line after line; return where the last line ends."""
    left, top = x, y
    for name in names:
        wide = width_of(name, 8.5, mono=True) + 9
        if left + wide > x + width:
            left, top = x, top + 17
        sheet.rect(left, top, wide, 14, fill=fill, stroke=edge, radius=3)
        sheet.text(left + wide / 2, top + 10.2, name, size=8.5, mono=True, anchor="middle")
        left += wide + 4
    return top + 14 if names else y - 8


@card("Files", "layers, stacked: above hides below")
def files(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """The stack, with the container's own thin layer on top."""
    row = y - 10
    rows = [
        (
            "its own changes",
            size_text(found.upper_bytes),
            "upper directory: may be written",
            OWN_SOFT,
            OWN,
        )
    ]
    rows += [
        (each.id, size_text(each.size_bytes), each.created_by, "#f4f5f7", EDGE)
        for each in list(reversed(found.layers))[:_MOST]
    ]
    for title, size, note, fill, edge in rows:
        sheet.rect(x, row, width, 21, fill=fill, stroke=edge, radius=3)
        sheet.text(x + 8, row + 14.5, title, mono=True, size=11, room=110)
        sheet.text(x + 180, row + 14.5, size, mono=True, size=11, anchor="end")
        sheet.text(x + 192, row + 14.5, note, size=11, fill=QUIET, room=width - 200)
        row += 24
    row += _more(sheet, x, row + 12, len(found.layers) - _MOST)
    sheet.text(
        x,
        row + 12,
        "read-only, and shared with every container of the image",
        size=10.5,
        fill=QUIET,
    )
    return row + 26 - y


@card("Mounts", "where its tree is put together")
def mounts(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """Each mount with its type, two in a line."""
    if not found.mounts:
        return _none(sheet, x, y, "made when it starts")
    most = 2 * _MOST
    shown = sorted(found.mounts, key=lambda each: each.target)[:most]
    half = (len(shown) + 1) // 2
    for number, each in enumerate(shown):
        left = x + (number // half) * (width / 2)
        row = y + (number % half) * _LINE
        sheet.text(left, row, each.target, mono=True, size=11, room=width / 2 - 96)
        word = f"{each.fstype}{' ro' if each.read_only else ''}"
        sheet.text(left + width / 2 - 90, row, word, size=10.5, fill=QUIET, room=80)
    return half * _LINE + _more(sheet, x, y + half * _LINE, len(found.mounts) - most)


@card("The way of a packet", "from outside to the process")
def packet(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    """The stations, from left to right, or below each other where their words need the room."""
    if not found.hops:
        return _none(sheet, x, y, "there is nobody to reach")
    count = len(found.hops)
    wide = (width - (count - 1) * 34) / count
    if any(max(width_of(h.name, 12), width_of(h.detail, 10)) > wide - 8 for h in found.hops):
        return _packet_below(sheet, found, x, y, width)
    for number, hop in enumerate(found.hops):
        left = x + number * (wide + 34)
        soft = OWN_SOFT if number == count - 1 else "#f4f5f7"
        sheet.rect(left, y - 12, wide, 38, fill=soft, stroke=BAD if hop.is_end else EDGE, radius=5)
        sheet.text(
            left + wide / 2, y + (3 if hop.detail else 11), hop.name, anchor="middle", room=wide - 8
        )
        if hop.detail:
            sheet.text(
                left + wide / 2,
                y + 18,
                hop.detail,
                size=10,
                fill=QUIET,
                anchor="middle",
                room=wide - 8,
            )
        if number and found.hops[number - 1].is_end:
            sheet.text(left - 17, y + 11, "✕", size=13, bold=True, fill=BAD, anchor="middle")
        elif number:
            sheet.arrow(left - 30, y + 7, 26)
    return 40


def _packet_below(sheet: Sheet, found: Anatomy, x: float, y: float, width: float) -> float:
    for number, hop in enumerate(found.hops):
        top = y - 12 + number * 40
        soft = OWN_SOFT if number == len(found.hops) - 1 else "#f4f5f7"
        sheet.rect(x, top, width, 24, fill=soft, stroke=BAD if hop.is_end else EDGE, radius=5)
        sheet.text(x + 10, top + 16, hop.name, room=width / 2 - 14)
        sheet.text(
            x + width - 10, top + 16, hop.detail,
            size=10, fill=QUIET, anchor="end", room=width - 24 - width_of(hop.name, 12),
        )  # fmt: skip
        if number:
            is_shut = found.hops[number - 1].is_end
            sheet.text(
                x + width / 2, top - 4, "✕" if is_shut else "↓",
                bold=is_shut, fill=BAD if is_shut else QUIET, anchor="middle",
            )  # fmt: skip
    return len(found.hops) * 40 - 10


def sentence(sheet: Sheet, text: str, x: float, y: float, width: float) -> float:
    """Write a sentence that may take several lines."""
    lines = wrapped(text, width, 13)
    for number, each in enumerate(lines):
        sheet.text(x, y + number * 18, each, size=13, fill=QUIET)
    return len(lines) * 18
