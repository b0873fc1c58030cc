"""What a view shows, as a fold over what happens.  Pure: no clock, no engine, no widget.

    view = fold(view, event)         what an event says by itself; what must be read again is `stale`
    view = take(view, entries, keys) what was read
    patch(before, after)             what a page that shows `before` needs to show `after`

An event tells that a container changed, not how its line in `ps --filter …` now reads; so the fold
names lines to be read again, and whoever holds the view reads those and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..render.text import escaped
from ..results import Row, Table
from ..spec.event import Event
from ..values import field, replace, value
from ..views.system import event_cells

KEPT_EVENTS = 500
_KEY = 12  # a short id, which is how tables name containers
_SILENT = ("exec_", "attach", "resize", "top", "kill", "archive", "export", "prune", "commit")


@value
class Entry:
    """A line.  `key` is told apart by, `name` what verbs call it; `rank` orders lines, low first.

    `ages`: field -> (text with {} where the time since a moment stands, that moment in ms).
    `figures`: field -> number, for what is drawn as a chart.  `links`: part of a cell -> where it leads.
    """

    key: str
    name: str
    rank: float = 0.0
    state: str = ""
    cells: dict[str, str] = field(default_factory=dict)
    ages: dict[str, tuple[str, int]] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)


@value
class View:
    """Lines by key.  `stale` are the keys to be read again; `is_stale`: all of it is."""

    kind: str
    entries: dict[str, Entry] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    is_stale: bool = False

    @property
    def needs_reading(self) -> bool:
        """Tell whether something must be read before the view is true again."""
        return self.is_stale or bool(self.stale)


@value
class Patch:
    """What changed between two states of a view."""

    put: tuple[Entry, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


def fold(view: View, event: Event) -> View:
    """Return the view after the event."""
    folds: dict[str, Callable[[View, Event], View]] = {
        "container": _container,
        "listing": _listing,
        "event": _event,
        "stats": _stats,
    }
    return folds.get(view.kind, _whole)(view, event)


def _container(view: View, event: Event) -> View:
    """One line is read again, unless the container is gone."""
    key = _container_of(event)[:_KEY]
    if not key or event.action.startswith(_SILENT):
        return view
    if event.type == "container" and event.action == "destroy":
        kept = {k: entry for k, entry in view.entries.items() if k != key}
        return replace(view, entries=kept, stale=view.stale - {key})
    return replace(view, stale=view.stale | {key})


def _listing(view: View, event: Event) -> View:
    """Containers whose lines depend on each other (the last three, say): all are read again."""
    if event.type == "container" and not event.action.startswith(_SILENT):
        return replace(view, is_stale=True)
    return view


def _container_of(event: Event) -> str:
    if event.type == "container":
        return event.id
    # connect and disconnect name the container that they are about
    return event.attributes.get("container", "") if event.type == "network" else ""


def _whole(view: View, event: Event) -> View:
    """Images, volumes and networks are few: what touches one has the table read again."""
    about = event.type == view.kind and event.action != "save"
    # whether a container uses it is what some filters and columns are about
    used = event.type == "container" and event.action in ("create", "destroy")
    return replace(view, is_stale=True) if about or used else view


def _stats(view: View, event: Event) -> View:
    """Whoever comes or goes changes which lines there are; figures come by sampling."""
    comes_or_goes = ("start", "die", "destroy", "rename", "pause", "unpause")
    if event.type == "container" and event.action in comes_or_goes:
        return replace(view, is_stale=True)
    return view


def _event(view: View, event: Event) -> View:
    """The event itself is the line; the oldest ones go."""
    key = f"{event.time_ns}/{event.id[:_KEY]}/{event.action}"
    entry = Entry(
        key=key,
        name=event.attributes.get("name", event.id),
        rank=-event.time_ns / 1e6,
        state=event.action.partition(":")[0],
        cells=event_cells(event),
    )
    entries = {**view.entries, key: entry}
    surplus = len(entries) - KEPT_EVENTS
    for oldest in list(entries)[: max(0, surplus)]:
        del entries[oldest]
    return replace(view, entries=entries)


def take(view: View, entries: Iterable[Entry], keys: Iterable[str] | None = None) -> View:
    """Return the view with what was read: the lines of `keys`, or all of them.

    A line that was asked for and is not there has left the view (it stopped, say, and is not in
    `ps` any more).
    """
    if keys is None:
        return replace(view, entries={e.key: e for e in entries}, stale=frozenset(), is_stale=False)
    asked = frozenset(keys)
    merged = {key: entry for key, entry in view.entries.items() if key not in asked}
    merged.update({entry.key: entry for entry in entries if entry.key in asked})
    return replace(view, entries=merged, stale=view.stale - asked)


def patch(before: View, after: View) -> Patch:
    """Return the difference; empty where there is none."""
    old, new = before.entries, after.entries
    if old is new:
        return Patch()
    put = tuple(entry for key, entry in new.items() if old.get(key) != entry)
    return Patch(put, tuple(key for key in old if key not in new))


def entries_of(table: Table) -> list[Entry]:
    """Return the lines of a command's table, in its order.

    Any column that a row has a field for is shown, whichever they are.
    """
    make = _MAKERS.get(table.kind, _plain_entry)
    shown = [column.field for column in table.columns]
    return [make(row, _cells(row, shown), at) for at, row in enumerate(table.rows)]


def _cells(row: Row, fields: list[str]) -> dict[str, str]:
    return {name: "" if row.get(name) is None else escaped(str(row[name])) for name in fields}


def _ages(row: Row) -> dict[str, tuple[str, int]]:
    ages = row.get("Ages")
    found = ages() if callable(ages) else {}
    return {name: (words, ns // 1_000_000) for name, (words, ns) in found.items() if ns}


def _container_entry(row: Row, cells: dict[str, str], at: int) -> Entry:
    ages = _ages(row)
    links = row.get("Links")
    return Entry(
        key=str(row["ID"])[:_KEY],
        name=str(row["Names"]).partition(",")[0],
        rank=-float(ages.get("RunningFor", ("", 0))[1]),
        state=str(row.get("State", "")),
        cells=cells,
        ages=ages,
        links=dict(links) if isinstance(links, dict) else {},
    )


def _image_entry(row: Row, cells: dict[str, str], at: int) -> Entry:
    repository, tag = str(row.get("Repository", "")), str(row.get("Tag", ""))
    is_named = "<none>" not in (repository, tag)
    name = f"{repository}:{tag}" if is_named else str(row["ID"])
    return Entry(
        key=f"{row['ID']} {name}",
        name=name,
        rank=float(at),
        cells=cells,
        ages=_ages(row),
    )


def _stats_entry(row: Row, cells: dict[str, str], at: int) -> Entry:
    figures: Any = row.get("Figures")
    return Entry(
        key=str(row["ID"])[:_KEY],
        name=str(row["Name"]),
        rank=float(at),
        state="running",
        cells=cells,
        figures=figures() if callable(figures) else {},
    )


def _plain_entry(row: Row, cells: dict[str, str], at: int) -> Entry:
    name = str(row.get("Name") or row.get("ID") or at)
    return Entry(key=name, name=name, rank=float(at), cells=cells)


_MAKERS: dict[str, Callable[[Row, dict[str, str], int], Entry]] = {
    "container": _container_entry,
    "image": _image_entry,
    "stats": _stats_entry,
}
