"""Which results are shown live, and how their tables are read again: by the very command that made them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ..commands.parse import Parsed, parse
from ..commands.table import Args
from ..results import Detail, Panel, Table
from ..spec.filters import EVENT_KEYS, event_test, parse_filters
from ..views.stats import COLUMNS as STATS_COLUMNS
from ..views.system import EVENT_COLUMNS
from .board import Board, Source
from .explorer import LayerExplorer
from .follower import Follower, Read
from .logs import LogFlags
from .model import Entry, View, entries_of, fold
from .wanted import TITLES

Engine = Callable[[], Any]
# the lines of a panel's parts, as commands
_PARTS = {
    "containers": ["ps", "-a"],
    "images": ["images"],
    "volumes": ["volume", "ls"],
    "networks": ["network", "ls"],
}
_PANEL_SINCE = "10m"


class Live:
    """The live views of one engine: they share a follower."""

    def __init__(self, engine: Engine, *, ticks: bool = True) -> None:
        self._engine = engine
        self._follower = Follower(lambda: engine().follow())
        self._ticks = ticks

    def close(self) -> None:
        """Let go of the engine: what is shown stays as it is."""
        self._follower.close()

    def table(self, parsed: Parsed, table: Table) -> Board:
        """Return the widget of a command's table, which follows from now on."""
        assert parsed.command is not None
        title = TITLES[parsed.command.paths[0]]
        return self._board(
            Source(
                id=title.lower(),
                kind=table.kind,
                title=title,
                columns=_columns(table),
                entries=tuple(entries_of(table)),
                read=self._reader(parsed),
                folds_as=_fold_of(parsed.args, table.kind),
            )
        )

    def stats(self, parsed: Parsed) -> Board:
        """Return the widget of `stats`: measured while somebody looks."""
        args = parsed.args
        return self._board(self._stats(args.container, all=args.all, no_trunc=args.no_trunc))

    def events(self, parsed: Parsed) -> Board:
        """Return the widget of `events`: those that --since asks for, and all to come."""
        args = parsed.args
        return self._board(self._events(args.since, args.filter))

    def panel(self, parsed: Parsed, panel: Panel) -> Board:
        """Return the widget of the panel: its tables, figures and events."""
        sources = [
            Source(
                id=part.id,
                kind=part.table.kind,
                title=part.title,
                columns=_columns(part.table),
                entries=tuple(entries_of(part.table)),
                read=self._reader(parse(_PARTS[part.id])),
            )
            for part in panel.parts
        ]
        sources += [self._stats((), all=False, no_trunc=False), self._events(_PANEL_SINCE, [])]
        return self._board(*sources, look="panel")

    def layers(self, parsed: Parsed, found: Detail) -> LayerExplorer:
        """Return the widget of `layers IMAGE`, which stands still."""
        return LayerExplorer(parsed.args.image, found.documents[0])

    def log(self, parsed: Parsed) -> Board:
        """Return the widget of `logs -f`."""
        args = parsed.args
        return Board(
            (),
            self._follower,
            self._engine,
            look="log",
            log=args.container,
            log_flags=LogFlags(tail=args.tail, since=args.since),
            log_times=args.timestamps,
        )

    def _board(self, *sources: Source, look: str = "table") -> Board:
        return Board(sources, self._follower, self._engine, look=look, ticks=self._ticks).follow()

    def _stats(self, names: Iterable[str], **flags: bool) -> Source:
        meter = self._engine().meter(*names, **flags)
        table = meter.read()
        return Source(
            id="stats",
            kind="stats",
            title="Stats",
            columns=STATS_COLUMNS,
            entries=tuple(entries_of(table)),
            read=lambda keys: entries_of(meter.read()),
            sampled=True,
        )

    def _events(self, since: str, filter: list[str]) -> Source:
        view = View("event")
        if since:
            now = f"{time.time():.9f}"
            for event in self._engine().events(since=since, until=now, filter=filter):
                view = fold(view, event)
        return Source(
            id="events",
            kind="event",
            title="Events",
            columns=EVENT_COLUMNS,
            entries=tuple(view.entries.values()),
            admits=event_test(parse_filters(filter, EVENT_KEYS)),
        )

    def _reader(self, parsed: Parsed) -> Read:
        command, engine = parsed.command, self._engine
        assert command is not None

        def read(keys: Iterable[str] | None) -> list[Entry]:
            args = parsed.args if keys is None else _only(parsed.args, keys)
            return entries_of(command.function(engine(), args))

        return read


def _only(args: Args, keys: Iterable[str]) -> Args:
    ids = [f"id={key}" for key in keys]
    return Args(
        {**args.values, "filter": [*args.filter, *ids]}, args.given, args.body, args.program
    )


def _fold_of(args: Args, kind: str) -> str:
    """Return how events change the table: where lines depend on each other all are read again."""
    if kind != "container":
        return ""
    by_id = any(text.startswith(("id=", "before=", "since=")) for text in args.filter)
    return "listing" if args.latest or args.last >= 0 or by_id else ""


def _columns(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple((column.field, column.header) for column in table.columns)
