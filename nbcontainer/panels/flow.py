"""What a terminal's pages have seen, and how far the program may run ahead of them.  Pure but for its lock.

    offsets  0 ........ kept ........ acked ........ end
                        |--- ring ---------------------|      what a page that comes new is sent
                                       |--- window ----|      what no page has answered for yet

Every byte has an offset from the program's first one.  A page says how far it has drawn; while it draws
slower than the program writes, the program waits, as it would on a slow terminal.  A page that does not
answer (it was closed, or its answers wait behind a running cell) holds nothing up for long: after
GRACE_S the next window is granted unasked, and the ring has what a page missed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

RING_BYTES = 1 << 20
WINDOW_BYTES = 2 << 20
GRACE_S = 0.25
PACKET_BYTES = 1 << 18


class Flow:
    """The bytes that a program wrote; one writer, any number of pages."""

    def __init__(self, *, ring: int = RING_BYTES, window: int = WINDOW_BYTES) -> None:
        self.end = 0
        self._ring_limit = ring
        self._window = window
        self._ring = bytearray()
        self._acked = 0
        self._more = threading.Condition()

    def add(self, data: bytes) -> int:
        """Keep what was written; return its offset."""
        with self._more:
            at = self.end
            self.end += len(data)
            self._ring += data
            # cut in big pieces: moving the ring for each packet would cost more than the packets
            if len(self._ring) > 2 * self._ring_limit:
                del self._ring[: len(self._ring) - self._ring_limit]
            return at

    def ack(self, offset: int) -> None:
        """Note how far a page has drawn."""
        with self._more:
            if self._acked < offset <= self.end:
                self._acked = offset
                self._more.notify_all()

    def wait_for_room(self, grace_s: float = GRACE_S) -> bool:
        """Wait until a page has drawn enough that more may be sent; False if none answered in time."""
        with self._more:
            if self._more.wait_for(lambda: self.end - self._acked < self._window, grace_s):
                return True
            self._acked = self.end
            return False

    def since(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) in packets from `offset` on, or from the oldest byte that is kept."""
        with self._more:
            data = bytes(self._ring)
            first = self.end - len(data)
        if offset < first:
            offset = first + _whole_line(data)
        for at in range(offset, first + len(data), PACKET_BYTES):
            yield at, data[at - first : at - first + PACKET_BYTES]


def _whole_line(data: bytes) -> int:
    """Return where the first whole line begins: half a sequence would be drawn as letters."""
    return data.find(b"\n", 0, 4096) + 1
