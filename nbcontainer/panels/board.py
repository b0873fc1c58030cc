"""The widget of one or several views: what the page is sent, and what it asks for.

    to the page     patch (lines that changed)   echo, done (of an action)   log (text)   there (is it?)
    from the page   shown, hidden, looks (a tab), here   do (a click)   log (follow one's output)

A page that comes new reads the whole of `rows`, which is made when it is asked for; from then on it is
sent patches.  What one page asked for names that page, and the others pass over it.  Messages come on
whichever thread serves the page, and what takes long is done in one of its own.
"""

from __future__ import annotations

import collections
import pathlib
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anywidget
from traitlets import Dict, List, Unicode

from ..results import Table
from ..spec.event import Event
from ..values import value
from . import actions
from .audience import Audience
from .follower import SETTLE_S, Feed, Follower, Read
from .logs import LogFlags, LogTail
from .model import Entry, Patch

SAMPLE_S = 1.0
# of a log as many lines as a person scrolls through in a saved notebook
_KEPT_LINES = 500
_STATIC = pathlib.Path(__file__).parent / "static"


@value
class Source:
    """A view to be shown: its columns (field, header), its lines, and how they are read again.

    `folds_as` names its fold where that is not its kind's; `admits` tells which events it is about.
    `sampled`: its figures change without an event, so it is read once a second while it is looked at.
    """

    id: str
    kind: str
    title: str
    columns: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...] = ()
    read: Read | None = None
    folds_as: str = ""
    admits: Callable[[Event], bool] | None = None
    sampled: bool = False


class Board(anywidget.AnyWidget):
    """Views under tabs, or one alone."""

    MIME = "application/vnd.jupyter.widget-view+json"
    _esm = _STATIC / "board.js"
    _css = _STATIC / "board.css"

    views = List(Dict()).tag(sync=True)
    rows = Dict().tag(sync=True, to_json=lambda rows, board: board.all_rows())
    look = Unicode("table").tag(sync=True)
    tick = Unicode("on").tag(sync=True)
    log_of = Unicode("").tag(sync=True)
    log_times = Unicode("").tag(sync=True)

    def __init__(
        self,
        sources: Iterable[Source],
        follower: Follower,
        engine: Callable[[], Any],
        *,
        look: str = "table",
        log: str = "",
        log_flags: LogFlags | None = None,
        log_times: bool = False,
        ticks: bool = True,
    ) -> None:
        self._sources = tuple(sources)
        self._follower = follower
        self._engine = engine
        self._feeds = {source.id: self._feed(source) for source in self._sources}
        self._log_flags = log_flags
        self._audience = Audience(self._tail, lambda: self.send({"t": "there"}), self._look_after)
        self._follows = False
        self._changed: Callable[[], None] = lambda: None
        self._output: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._output_page = ""
        self._sampled: list[str] = []
        self._sampler: Sampler | None = None
        super().__init__(
            views=[_described(source) for source in self._sources],
            look=look,
            log_of=log,
            log_times="on" if log_times else "",
            tick="on" if ticks else "off",
        )
        self.on_msg(self._message)

    def __repr__(self) -> str:
        return f"<{self.look} of {', '.join(source.title for source in self._sources)}>"

    def view(self) -> dict[str, Any]:
        """Return what stands under MIME in an output."""
        return {"version_major": 2, "version_minor": 0, "model_id": self.model_id}

    def follow(self) -> Board:
        """Have the views follow the engine from now on."""
        self._follows = True
        for feed in self._feeds.values():
            self._follower.add(feed, settle_s=SETTLE_S)
        return self

    def release(self) -> None:
        """Let go of the engine: what is shown stays as it is."""
        for feed in self._feeds.values():
            self._follower.remove(feed)
        self._follows = False
        self._audience.clear()
        self._sampled = []
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None

    def close(self) -> None:
        """End the widget."""
        self.release()
        super().close()

    def all_rows(self) -> dict[str, Any]:
        """Return every line of every view, for a page that knows nothing yet."""
        return {
            name: [line(entry) for entry in feed.view.entries.values()]
            for name, feed in self._feeds.items()
        }

    def watch(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever what is shown has changed."""
        self._changed = changed

    def tables(self) -> list[Table]:
        """Return what the views show, each as a still table."""
        return [
            Table(
                source.kind,
                source.columns,
                [entry.cells for entry in _ordered(self._feeds[source.id])],
            )
            for source in self._sources
        ]

    def output(self) -> str:
        """Return the last lines of the log that is followed, with their colours."""
        return "".join(self._output)

    def _feed(self, source: Source) -> Feed:
        def send(patch: Patch) -> None:
            put = [line(entry) for entry in patch.put]
            self.send({"t": "patch", "view": source.id, "put": put, "drop": list(patch.drop)})
            self._changed()

        return Feed(
            source.folds_as or source.kind, source.entries, source.read, send, source.admits
        )

    def _message(self, widget: Any, content: Any, buffers: Any) -> None:
        kind = content.get("t") if isinstance(content, dict) else None
        if kind in ("shown", "hidden", "looks", "log", "here"):
            self._audience.hear(kind, content)
        elif kind == "do":
            self._do(content)

    def _look_after(self, audience: Audience) -> None:
        """Follow while somebody looks; measure what is on a screen, and nothing that is not."""
        if not audience:
            self.release()
            return
        if not self._follows:
            self.follow()
        looked_at = audience.views
        sampled = [s.id for s in self._sources if s.sampled and s.id in looked_at]
        if sampled == self._sampled:
            return
        if self._sampler is not None:
            self._sampler.stop()
        self._sampled = sampled
        feeds = [self._feeds[name] for name in sampled]
        self._sampler = Sampler(feeds, self._follower) if feeds else None

    def _tail(self, page: str, container: str) -> LogTail:
        def send(message: dict[str, Any]) -> None:
            self.send({**message, "page": page})
            self._keep(page, message)

        return LogTail(self._engine, container, send, self._log_flags)

    def _do(self, content: dict[str, Any]) -> None:
        to = {"n": content.get("n", 0), "page": str(content.get("page", ""))}
        names = [str(name) for name in content.get("names", ())]
        view = str(content.get("view", ""))
        kind = next((source.kind for source in self._sources if source.id == view), "")

        def run() -> None:
            try:
                words = actions.words(kind, str(content.get("action", "")), names)
                self.send({"t": "echo", **to, "line": actions.shown(words)})
                outcome = actions.carry_out(words, self._engine)
            except Exception as error:  # the page waits for an answer, whatever happens here
                outcome = actions.Outcome(errors=(f"{type(error).__name__}: {error}",))
            lines, errors = list(outcome.lines), list(outcome.errors)
            self.send({"t": "done", **to, "lines": lines, "errors": errors, "good": not errors})

        threading.Thread(target=run, name="nbcontainer-action", daemon=True).start()

    def _keep(self, page: str, message: dict[str, Any]) -> None:
        """Keep what one page was sent of a log; another page's begins it anew."""
        if message.get("begin"):
            self._output_page = page
            self._output.clear()
        if page == self._output_page and message.get("lines"):
            self._output.extend(text for _, text, _ in message["lines"])
            self._changed()


class Sampler:
    """Reads views once a second, for as long as somebody looks at them."""

    def __init__(self, feeds: Sequence[Feed], follower: Follower) -> None:
        self._feeds = feeds
        self._follower = follower
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="nbcontainer-stats", daemon=True).start()

    def stop(self) -> None:
        """End it; idempotent."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            for feed in self._feeds:
                self._follower.add(feed)


def _ordered(feed: Feed) -> list[Entry]:
    return sorted(feed.view.entries.values(), key=lambda entry: (entry.rank, entry.name))


def line(entry: Entry) -> dict[str, Any]:
    """Return a line as the page reads it."""
    return {
        "key": entry.key,
        "name": entry.name,
        "rank": entry.rank,
        "state": entry.state,
        "cells": entry.cells,
        "ages": {name: list(age) for name, age in entry.ages.items()},
        "figures": entry.figures,
        "links": entry.links,
    }


def _described(source: Source) -> dict[str, Any]:
    buttons = [
        {
            "id": action.id,
            "label": action.label,
            "words": list(action.words),
            "ending": list(actions.ENDINGS.get(action.id, ())),
            "states": list(action.states),
            "needs": action.needs,
            "confirm": action.confirm,
            "where": action.where,
        }
        for action in actions.ACTIONS.get(source.kind, ())
    ]
    return {
        "id": source.id,
        "kind": source.kind,
        "title": source.title,
        "noun": "container" if source.kind == "stats" else source.kind,
        "sampled": source.sampled,
        "columns": [list(column) for column in source.columns],
        "actions": buttons,
    }
