"""What a notebook's page is given: a widget, and below it the still twin that is saved with the notebook."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

from IPython.display import display, publish_display_data

from ..render import ansi
from ..render.html import MONO, PRE
from ..under_way import Live
from .board import Board
from .explorer import LayerExplorer
from .still import Still
from .terminal import Terminal

_display: Any = display
_publish: Any = publish_display_data


def show_board(board: Board | LayerExplorer) -> None:
    """Show a widget.  What follows it is its twin."""
    _display({board.MIME: board.view()}, raw=True)


def show_following(board: Board, line: str) -> None:
    """Show a widget that no table follows, with a twin that follows it."""
    show_board(board)
    Still(line, board, Place().put)


def show_beside(board: Board, title: str) -> None:
    """Show a widget beside the notebook.  Raises: Unsupported where sidecar is not installed."""
    from ..errors import Unsupported

    try:
        from sidecar import Sidecar  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise Unsupported(
            "this notebook kernel has no sidecar",
            "Install it (pip install sidecar), or leave --beside out.",
        ) from None
    with Sidecar(title=title):
        show_board(board)


def show_terminal(live: Live, line: str, again: Callable[[], Any] | None) -> None:
    """Show a program's terminal; the cell is done at once, the program goes on."""
    twin = Twin(line)
    terminal = Terminal(live, line, again=again, seen=twin.show)
    _display({terminal.MIME: terminal.view()}, raw=True)
    twin.show("")


class Place:
    """A place among the cell's outputs whose content can be replaced."""

    def __init__(self) -> None:
        self._id = f"nbcontainer-{id(self):x}-{time.time_ns():x}"
        self._is_shown = False

    def put(self, text: str, html: str) -> None:
        """Put this in the place of what was there."""
        bundle = {"text/plain": text, "text/html": html}
        _publish(bundle, transient={"display_id": self._id}, update=self._is_shown)
        self._is_shown = True


class Twin:
    """What stands in a saved notebook in a terminal's place: its screen, as it was last seen."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._place = Place()

    def show(self, screen: str) -> None:
        """Put a screen (text with colours) in the place of the one before."""
        text = ansi.plain(screen)
        self._place.put(
            f"{self._line}\n{text}" if text else self._line,
            f'<div class="nbct-still"><code style="{MONO}">{escape(self._line)}</code>'
            f'<pre style="{PRE}">{ansi.html(screen)}</pre></div>',
        )
