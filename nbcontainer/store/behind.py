"""Write behind: one thread hashes and writes a piece while the next is being gathered.

Both release Python's lock for their work, so the two go on at once where there are two processors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class Behind:
    """`write(piece)` returns at once; the piece must stay as it is until the next call returns.

    Leaving the `with` block waits for the last piece.  What `target` raised is raised by the next call,
    or at the end.
    """

    def __init__(self, target: Callable[[memoryview], object]) -> None:
        self._target = target
        self._piece: memoryview | None = None
        self._error: BaseException | None = None
        self._given = threading.Semaphore(0)
        self._done = threading.Semaphore(1)
        self._thread = threading.Thread(target=self._work, daemon=True, name="nbcontainer-behind")

    def __enter__(self) -> Behind:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hand(None)
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def write(self, piece: memoryview) -> int:
        """Have the piece written.  Raises: what the writing of an earlier one raised."""
        self._hand(piece)
        if self._error is not None:
            raise self._error
        return len(piece)

    def _hand(self, piece: memoryview | None) -> None:
        self._done.acquire()
        self._piece = piece
        self._given.release()

    def _work(self) -> None:
        while True:
            self._given.acquire()
            piece = self._piece
            if piece is None:
                return
            try:
                if self._error is None:
                    self._target(piece)
            except BaseException as error:
                self._error = error
            self._done.release()
