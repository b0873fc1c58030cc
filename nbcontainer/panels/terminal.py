"""A terminal in a page: the widget of a program that runs in one.

    program --session--> reader thread --packets--> every page     (flow.py says how far ahead)
    keys, pastes, sizes --messages--> writer thread --session--> program

Neither thread is the notebook kernel's own, so a program that does not read, or writes without end, keeps
nobody waiting.  What was written is kept: a page that is loaded again has its screen back.
"""

from __future__ import annotations

import pathlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import anywidget
from traitlets import Int, Unicode

from ..commands.detach import DetachKeys, parse_keys
from ..errors import EngineError
from ..under_way import Live, Session
from .flow import Flow

_STATIC = pathlib.Path(__file__).parent / "static"
_DETACH_KEYS = "ctrl-p,ctrl-q"
_MERGED_S = 0.015
_QUIET_S = 0.02
_MOST_BYTES = 1 << 18

Job = Callable[[Session], None]


class Terminal(anywidget.AnyWidget):
    """A program's terminal.  `status` is running, detached or ended; `screen` what was last seen of it."""

    MIME = "application/vnd.jupyter.widget-view+json"
    _esm = _STATIC / "terminal.js"
    _css = _STATIC / "terminal.css"

    line = Unicode("").tag(sync=True)
    status = Unicode("running").tag(sync=True)
    note = Unicode("").tag(sync=True)
    exit_code = Int(0).tag(sync=True)
    can_return = Unicode("").tag(sync=True)
    screen = Unicode("").tag(sync=True)

    def __init__(
        self,
        live: Live,
        line: str,
        *,
        again: Callable[[], Session] | None = None,
        seen: Callable[[str], None] = lambda screen: None,
    ) -> None:
        self._keys = DetachKeys(parse_keys(live.detach_keys or _DETACH_KEYS))
        self._again = again
        self._seen = seen
        self._flow = Flow()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._size = (24, 80)
        super().__init__(line=line, can_return="yes" if again else "")
        self.on_msg(self._message)
        self._begin(live.session)

    def __repr__(self) -> str:
        return f"<terminal: {self.line}>"

    def view(self) -> dict[str, Any]:
        """Return what stands under MIME in an output."""
        return {"version_major": 2, "version_minor": 0, "model_id": self.model_id}

    def close(self) -> None:
        """Let go of the program and end the widget."""
        self._jobs.put(lambda session: session.detach())
        super().close()

    def _begin(self, session: Session) -> None:
        self._jobs = queue.SimpleQueue()
        for target in (self._read, self._write):
            threading.Thread(
                target=target,
                args=(session, self._jobs),
                name="nbcontainer-terminal",
                daemon=True,
            ).start()

    # -- the program's side

    def _read(self, session: Session, jobs: queue.SimpleQueue[Job | None]) -> None:
        reason = ""
        try:
            for data in _packets(session):
                self._flow.wait_for_room()
                at = self._flow.add(data)
                self.send({"t": "out", "at": at}, [data])
        except (EngineError, OSError) as error:
            reason = str(error)
        jobs.put(None)
        self._settle(session, reason)
        session.close()

    def _settle(self, session: Session, reason: str) -> None:
        if self.status == "running":
            try:
                self.exit_code = session.wait()
                self.note = reason or f"exit code {self.exit_code}"
            except (EngineError, OSError) as error:
                self.note = reason or str(error)
            self.status = "ended"
        self.send({"t": "over", "status": self.status, "note": self.note})

    def _write(self, session: Session, jobs: queue.SimpleQueue[Job | None]) -> None:
        while (job := jobs.get()) is not None:
            try:
                job(session)
            except (EngineError, OSError):
                continue  # it has ended, as the reader will say

    # -- the pages' side

    def _message(self, widget: Any, content: Any, buffers: Any) -> None:
        kind = content.get("t") if isinstance(content, dict) else None
        if kind == "in":
            for data in buffers:
                self._type(bytes(data))
        elif kind == "ack":
            self._flow.ack(_number(content.get("n")))
        elif kind == "ready":
            self._show(str(content.get("page", "")), _number(content.get("from")))
        elif kind == "size":
            self._resize(_number(content.get("rows")), _number(content.get("cols")))
        elif kind == "screen":
            self.screen = str(content.get("text", ""))
            self._seen(self.screen)
        elif kind == "detach":
            self._detach()
        elif kind == "attach":
            self._return()

    def _type(self, data: bytes) -> None:
        data, leave = self._keys.feed(data)
        if data:
            self._jobs.put(lambda session: session.write(data))
        if leave:
            self._detach()

    def _show(self, page: str, offset: int) -> None:
        """Send a page what it lacks; the others pass over it."""
        for at, data in self._flow.since(offset):
            self.send({"t": "out", "at": at, "page": page}, [data])
        self.send({"t": "shown", "page": page, "status": self.status, "note": self.note})

    def _resize(self, rows: int, cols: int) -> None:
        if 0 < rows < 1000 and 0 < cols < 1000:
            self._size = (rows, cols)
            self._jobs.put(lambda session: session.resize(rows, cols))

    def _detach(self) -> None:
        if self.status == "running":
            self.status = "detached"
            self.note = "the program goes on without this terminal"
            self._jobs.put(lambda session: session.detach())

    def _return(self) -> None:
        """Join the program again, where it can be: the first one of its container."""
        if self.status != "detached" or self._again is None:
            return
        try:
            session = self._again()
        except EngineError as error:
            self.note = error.message
            self.send({"t": "over", "status": self.status, "note": self.note})
            return
        self.status, self.note = "running", ""
        self._begin(session)
        self._resize(*self._size)
        self.send({"t": "back"})


def _packets(session: Session) -> Any:
    """Yield what the program writes: at once after a pause, else what comes within a few ms together."""
    last = 0.0
    while (chunk := session.read()) is not None:
        data = chunk.data
        if time.monotonic() - last < _QUIET_S:
            data = _merged(session, data)
        yield data
        last = time.monotonic()


def _merged(session: Session, data: bytes) -> bytes:
    parts, size = [data], len(data)
    deadline = time.monotonic() + _MERGED_S
    while size < _MOST_BYTES and (left := deadline - time.monotonic()) > 0:
        try:
            chunk = session.read(left)
        except TimeoutError:
            break
        if chunk is None:
            break  # the next read says so again
        parts.append(chunk.data)
        size += len(chunk.data)
    return b"".join(parts)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
