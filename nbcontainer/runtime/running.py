"""The containers that run, as the foreman knows them: it writes down their ends, since its memory is warm.

A shim whose connection ends without a word that its container has ended was killed.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from ..errors import EngineError
from ..store.layout import Layout
from . import ending, removal, wire
from .adoption import close_all
from .loop import READ, Loop
from .notes import note
from .record import Record
from .waiting import GONE, farewell

# when to try again what would not go
_AGAIN_S = 1.0


class Running:
    """The shims that have a container.  `lost` is called when one of them was killed."""

    def __init__(self, loop: Loop, layout: Layout, lost: Callable[[], None]) -> None:
        self._loop = loop
        self._layout = layout
        self._lost = lost
        self._records: dict[int, tuple[socket.socket, Record]] = {}
        self._doomed: list[str] = []

    @property
    def is_busy(self) -> bool:
        """Tell whether trees wait to be deleted."""
        return bool(self._doomed)

    def add(self, control: socket.socket, record: Record) -> None:
        """Listen to a shim that has taken over a container."""
        self._records[control.fileno()] = (control, record)
        self._loop.watch(control.fileno(), READ, lambda events: self._heard(control))

    def _heard(self, control: socket.socket) -> None:
        try:
            data, descriptors = wire.receive(control)
        except OSError:
            data, descriptors = b"", ()
        close_all(descriptors)
        _, record = self._records.pop(control.fileno())
        self._loop.forget(control.fileno())
        if not data:
            control.close()
            self._lost()
            return
        doomed: tuple[str, ...] = ()
        if data != GONE:
            doomed = self._settle(record, ending.Ended.unpack(data))
            try:
                wire.send_bytes(control, json.dumps(doomed).encode())
            except OSError:
                pass  # it was killed, as its farewell tells
        farewell(self._loop, control, lambda: self._left(doomed))

    def _left(self, doomed: tuple[str, ...]) -> None:
        """A shim was killed at the very end, and may have left what it was to delete."""
        self._lost()
        self.delete_soon(doomed)

    def _settle(self, record: Record, ended: ending.Ended) -> tuple[str, ...]:
        config = record.config
        assert config is not None
        if ended.is_late and not record.state().status.is_alive:
            return ()  # the shim had no patience with us, and did it itself
        try:
            return ending.settle(
                self._layout, record, config, ended.exited(), stopped=ended.stopped
            )
        except (OSError, EngineError) as error:
            note("foreman", error)
            return ()

    def delete_soon(self, doomed: tuple[str, ...]) -> None:
        """Delete trees that nobody knows any more; what would not go is tried again."""
        if doomed and not self._doomed:
            self._loop.after(0.0, self._delete)
        self._doomed += doomed

    def _delete(self) -> None:
        self._doomed = list(removal.delete(tuple(self._doomed)))
        if self._doomed:
            self._loop.after(_AGAIN_S, self._delete)
