"""A container's output in a page: its last lines, then what comes, as text with colours.

to the page   begin   lines: [stream, text, moment in ms], …   end: why (empty: it has ended)   again
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Any

from ..errors import EngineError
from ..render.stream import Decoder
from ..results import Chunk
from ..spec.event import Event
from ..values import value
from .follower import EventSource, arrived

# what a page keeps; it is sent one line more, and so can say that there were others
KEPT_LINES = 5000
MERGED_S = 0.1
_LOOK_S = 0.5
_LONGEST = 65536  # of one line, in bytes
_GONE = "the container was removed"
Send = Callable[[dict[str, Any]], None]


@value
class LogFlags:
    """Which lines are asked for, as `logs` takes it."""

    tail: str = "all"
    since: str = ""

    def lines(self) -> int:
        """Return how many of the last lines a page is sent."""
        wanted = int(self.tail) if self.tail.isdecimal() else KEPT_LINES + 1
        return min(wanted, KEPT_LINES + 1)


class LogTail:
    """Follows one container's output in a thread of its own until it is stopped, or the container is gone.

    One that ends is waited for: what it writes after its next start comes too.  stdout and stderr are
    told apart; of escape sequences only colours pass.  Lines that come within a tenth of a second go in
    one message.
    """

    def __init__(
        self, engine: Callable[[], Any], name: str, send: Send, flags: LogFlags | None = None
    ) -> None:
        self._engine = engine
        self._name = name
        self._send = send
        self._flags = flags or LogFlags()
        self._last_ns = 0
        self._lock = threading.Lock()
        self._lines: list[list[Any]] = []
        self._timer: threading.Timer | None = None
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_stopped = False
        threading.Thread(target=self._run, name="nbcontainer-logs", daemon=True).start()

    def stop(self) -> None:
        """Send nothing more and let the thread end; idempotent."""
        with self._lock:
            if not self._is_stopped:
                self._is_stopped = True
                os.eventfd_write(self._stop, 1)

    def _run(self) -> None:
        self._tell(begin=True)
        reason = ""
        try:
            # opened first: a start that comes while the last lines are read is not missed
            source = self._engine().follow()
            try:
                reason = self._lives(source)
            finally:
                source.close()
        except (EngineError, OSError) as error:
            reason = str(error)
        self._flush()
        self._tell(end=reason)
        with self._lock:
            self._is_stopped = True
            os.close(self._stop)

    def _lives(self, source: EventSource) -> str:
        """Send what the container writes in each of its lives; return why there is none more."""
        while True:
            decoders = {name: Decoder() for name in ("stdout", "stderr")}
            for chunk in self._chunks():
                self._last_ns = chunk.time_ns
                self._add(chunk, decoders)
            self._flush()
            self._tell(end="")
            if not self._starts_again(source):
                return "" if self._is_stopped else _GONE
            self._tell(again=True)

    def _chunks(self) -> Any:
        if self._last_ns:
            after = self._last_ns + 1
            since, tail = f"{after // 10**9}.{after % 10**9:09d}", -1
        else:
            since, tail = self._flags.since, self._flags.lines()
        return self._engine().logs(self._name, follow=True, tail=tail, since=since, stop=self._stop)

    def _starts_again(self, source: EventSource) -> bool:
        """Wait for its next start; False where it was removed, or nobody wants to know."""
        poll = select.poll()
        poll.register(self._stop, select.POLLIN)
        if source.fileno() >= 0:
            poll.register(source.fileno(), select.POLLIN)
        wait_ms = None if source.fileno() >= 0 else _LOOK_S * 1000
        while not self._is_stopped:
            for event in arrived(source):
                if self._is_ours(event) and event.action in ("start", "destroy"):
                    return event.action == "start"
            poll.poll(wait_ms)
        return False

    def _is_ours(self, event: Event) -> bool:
        if event.type != "container":
            return False
        by_id = len(self._name) >= 12 and event.id.startswith(self._name)
        return by_id or event.attributes.get("name") == self._name

    def _add(self, chunk: Chunk, decoders: dict[str, Decoder]) -> None:
        name = "stderr" if chunk.stream == "stderr" else "stdout"
        text = decoders[name].feed(chunk.data[:_LONGEST])
        with self._lock:
            self._lines.append([name, text, chunk.time_ns // 1_000_000])
            if self._timer is None:
                self._timer = threading.Timer(MERGED_S, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def _flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            self._timer = None
        if lines:
            self._tell(lines=lines)

    def _tell(self, **message: Any) -> None:
        if not self._is_stopped:
            self._send({"t": "log", "name": self._name, **message})
