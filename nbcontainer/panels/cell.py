"""What this cell changed: listens while a cell runs, and says it in a line that opens.

While nothing happens it costs an inotify descriptor and a look at it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import EngineError
from ..results import Folded
from ..views.changed import details, summary
from .follower import EventSource


class CellWatch:
    """Between `begin` and `end` lies one cell; `begin` a second time changes nothing."""

    def __init__(self) -> None:
        self._source: EventSource | None = None
        self._engine: Any = None
        self._began_ns = 0

    def begin(self, engine: Any) -> None:
        """Listen from now on.  A store that cannot be opened has nothing to tell."""
        if self._source is not None:
            return
        try:
            self._source = engine.follow()
        except (EngineError, OSError):
            return
        self._engine = engine
        self._began_ns = time.time_ns()

    def forget(self) -> None:
        """Say nothing of this cell: what it began goes on after it (a terminal)."""
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def end(self) -> Folded | None:
        """Return what changed since `begin`; None where nothing did."""
        source, self._source = self._source, None
        if source is None:
            return None
        try:
            events = _arrived(source)
            if not events:
                return None
            changed = self._engine.changed(events, self._began_ns)
        except (EngineError, OSError):
            return None  # a store that went away is no news of the cell's
        finally:
            source.close()
        return Folded(summary(changed), details(changed), changed) if changed else None


def _arrived(source: EventSource) -> list[Any]:
    events = []
    try:
        while (event := source.next_within(0)) is not None:
            events.append(event)
    except TimeoutError:
        pass
    return events


def _import_widgets() -> None:
    """Import what the first table will need, while somebody reads the cell that loaded the extension."""
    from . import page  # noqa: F401


def hooks(
    watch: CellWatch,
    engine: Callable[[], Any],
    show: Callable[[Folded], None],
    *,
    looks: Callable[[], bool] = lambda: False,
) -> tuple[Callable[..., None], Callable[..., None]]:
    """Return what IPython is to call before and after each cell; `engine` gives None while there is none.

    `looks` tells whether there is a person who will want widgets.
    """
    imports = threading.Thread(target=_import_widgets, name="nbcontainer-import", daemon=True)

    def before(*_: Any) -> None:
        made = engine()
        if made is not None:
            watch.begin(made)

    def after(*_: Any) -> None:
        if imports.ident is None and looks():
            imports.start()
        found = watch.end()
        if found is not None:
            show(found)

    return before, after
