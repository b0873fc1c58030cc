"""What a board last showed, as text and as static HTML, for the notebook as it is saved.

A board that stands above a table of its own needs none; stats, events and followed logs have nothing else.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from html import escape

from ..render import ansi, html, text
from .board import Board

# each update changes the notebook, which the page then wants to save
INTERVAL_S = 5.0
Put = Callable[[str, str], None]


class Still:
    """Keeps what `put` shows (text, HTML) at most so far behind a board."""

    def __init__(self, line: str, board: Board, put: Put) -> None:
        self._line = line
        self._board = board
        self._put = put
        # outputs of another thread belong to the cell whose context it has
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        board.watch(self._changed)
        self._show()

    def _changed(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(INTERVAL_S, self._context.copy().run, (self._due,))
                self._timer.daemon = True
                self._timer.start()

    def _due(self) -> None:
        with self._lock:
            self._timer = None
        self._show()

    def _show(self) -> None:
        tables, output = self._board.tables(), self._board.output()
        plain = [self._line, *map(text.table, tables)]
        rich = [f'<code style="{html.MONO}">{escape(self._line)}</code>', *map(html.table, tables)]
        if output:
            plain.append(ansi.plain(output))
            rich.append(f'<pre style="{html.PRE}">{ansi.html(output)}</pre>')
        self._put("\n".join(plain), f'<div class="nbc-still">{"".join(rich)}</div>')
