"""How far a pull or a push is, and that others are at it, for who watches: in a terminal, in a notebook.

All of it vanishes when it has ended; what stays are its lines, the same wherever they are shown.
Where nobody watches (a pipe, a file) there is nothing but the lines.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from .render.text import escaped
from .under_way import LayerProgress, Transfer
from .units import human_bytes

Line = Callable[[str], None]
_INTERVAL_S = 0.1
# what is quicker than this needs no widget that flashes by
_PATIENCE_S = 0.4
_SETTLED = (
    "Pull complete",
    "Already exists",
    "Pushed",
    "Layer already exists",
    "Download complete",
)


def plainly(transfer: Transfer, line: Line) -> None:
    """Carry a transfer out and show its lines."""
    try:
        for item in transfer:
            if isinstance(item, str):
                line(escaped(item))
    finally:
        transfer.close()


def in_terminal(transfer: Transfer, fd: int) -> None:
    """Carry a transfer out with bars on the terminal `fd`, one a layer."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    with open(os.dup(fd), "w") as file:
        bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(file=file, highlight=False, force_terminal=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        tasks: dict[str, Any] = {}
        try:
            with bars:
                for item in transfer:
                    if isinstance(item, str):
                        # above the bars; below them the next frame would overwrite it
                        bars.console.print(escaped(item), markup=False, soft_wrap=True)
                        continue
                    if item.id not in tasks:
                        tasks[item.id] = bars.add_task(item.id, total=None)
                    bars.update(
                        tasks[item.id],
                        description=f"{escaped(item.id)}: {escaped(item.status)}".ljust(34),
                        completed=item.done,
                        total=item.total or None,
                    )
        finally:
            transfer.close()


class Board:
    """What is known of each layer, and its picture as static HTML."""

    def __init__(self) -> None:
        self.layers: dict[str, LayerProgress] = {}
        self._began: dict[str, tuple[float, int]] = {}

    def add(self, progress: LayerProgress, now: float) -> None:
        """Take in how far a layer is."""
        known = self.layers.get(progress.id)
        if known is None or known.status != progress.status:
            self._began[progress.id] = now, progress.done
        self.layers[progress.id] = progress

    def html(self, now: float) -> str:
        """Return a row a layer: its id, what happens to it, a bar, bytes and rate."""
        rows = "".join(self._row(layer, now) for layer in self.layers.values())
        return f"<table>{rows}</table>"

    def _row(self, layer: LayerProgress, now: float) -> str:
        began, first = self._began[layer.id]
        seconds = now - began
        moves = layer.status not in _SETTLED and seconds > 0 and layer.done > first
        rate = f"{human_bytes(round((layer.done - first) / seconds))}/s" if moves else ""
        bar = (
            f'<progress value="{layer.done}" max="{layer.total}"></progress>' if layer.total else ""
        )
        size = f"{human_bytes(layer.done)} / {human_bytes(layer.total)}" if layer.total else ""
        cells = (
            f"<code>{escape(escaped(layer.id))}</code>",
            escape(escaped(layer.status)),
            bar,
            size,
            rate,
        )
        return (
            "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"
        )


def in_notebook(
    items: Iterable[LayerProgress | str], line: Line, show: Callable[[], Any] | None
) -> None:
    """Show lines as they come and, if it takes a while, layers in the widget that `show` makes.

    The widget has a `value` of HTML and is closed in the end; without `show` there is none.
    """
    board, began, drawn = Board(), time.monotonic(), 0.0
    widget: Any = None
    try:
        for item in items:
            if isinstance(item, str):
                line(escaped(item))
                continue
            now = time.monotonic()
            board.add(item, now)
            if show is None or now - began < _PATIENCE_S or now - drawn < _INTERVAL_S:
                continue
            drawn = now
            if widget is None:
                widget = show()
            widget.value = board.html(now)
    finally:
        if widget is not None:
            widget.close()


@contextmanager
def waiting(what: str, show: Callable[[], Any]) -> Iterator[None]:
    """Say what is under way and for how long, in the widget that `show` makes, once it takes a while.

    For what tells nothing of how far it is.
    """
    over = threading.Event()
    # outputs of another thread belong to the cell whose context it has
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run, args=(_tell, what, show, over), name="nbcontainer-waiting", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_PATIENCE_S)


def _tell(what: str, show: Callable[[], Any], over: threading.Event) -> None:
    began = time.monotonic()
    if over.wait(_PATIENCE_S):
        return
    shown = show()
    try:
        while True:
            seconds = time.monotonic() - began
            shown.value = (
                f"<code>{escape(escaped(what))}</code> <progress></progress> {seconds:.0f} s"
            )
            if over.wait(1.0):
                return
    finally:
        shown.close()


def widget() -> Any:
    """Display an empty HTML widget and return it; where there are no widgets nothing is seen of it."""
    import ipywidgets
    from IPython.display import display

    class Shown(ipywidgets.HTML):  # type: ignore[misc]
        def __repr__(self) -> str:
            return "…"

    made = Shown()
    display(made)  # type: ignore[no-untyped-call]
    return made
