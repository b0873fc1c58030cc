"""Results that are under way: a program that is attached, lines that come, a transfer that goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from .results import Chunk, Text


class Session(Protocol):
    """A live attached process.  One reader; write, resize and signal may come from other threads."""

    @property
    def container_id(self) -> str:
        """Return the id of the container that the program runs in."""

    @property
    def pid(self) -> int:
        """Return the program's process id on the host; 0 until it runs, -1 where it ran before."""

    @property
    def has_begun(self) -> bool:
        """Tell whether the program runs or has run: its output may come before its process id."""

    @property
    def tty(self) -> bool:
        """Tell whether a terminal is on the other side (its output is then all stdout)."""

    def read(self, timeout: float | None = None) -> Chunk | None:
        """Return what came next; None at the end of both streams.

        Raises: TimeoutError if nothing came for `timeout` seconds.
        """

    def write(self, data: bytes) -> None:
        """Send `data` to stdin; a program that closed its stdin is no error."""

    def close_stdin(self) -> None:
        """Let the program read the end of its stdin; idempotent."""

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size; nothing happens without one."""

    def signal(self, signal: str | int) -> None:
        """Send a signal to the process; one that has ended is no error."""

    def detach(self) -> None:
        """Let go: the process goes on, `read` returns None from now on."""

    def wait(self) -> int:
        """Return the exit code, once there is one."""

    def close(self) -> None:
        """Release what the session holds; idempotent."""


class Live:
    """A running program whose streams the edge pumps until it ends or is detached from.

    `interactive`: the caller's stdin (or the cell) goes to the program.  `sig_proxy`: an interrupt
    is sent on to it.  `detach_keys` as typed ("ctrl-]"), "" for Docker's ctrl-p,ctrl-q.
    `attached` are the streams to show.
    """

    __slots__ = ("attached", "detach_keys", "interactive", "session", "sig_proxy")

    def __init__(
        self,
        session: Session,
        *,
        interactive: bool = False,
        sig_proxy: bool = True,
        detach_keys: str = "",
        attached: Iterable[str] = ("stdout", "stderr"),
    ) -> None:
        self.session = session
        self.interactive = interactive
        self.sig_proxy = sig_proxy
        self.detach_keys = detach_keys
        self.attached = tuple(attached)


class Stream:
    """Lines (str) or chunks that come with time; the edge shows each as it comes."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[Chunk | str]) -> None:
        self.items = iter(items)

    def __iter__(self) -> Iterator[Chunk | str]:
        return self.items

    def close(self) -> None:
        """Stop the source, where it is a generator."""
        close = getattr(self.items, "close", None)
        if close is not None:
            close()


class LayerProgress(NamedTuple):
    """How far one layer is: `id` as shown, Docker's word for what happens to it, and bytes."""

    id: str
    status: str
    done: int = 0
    total: int = 0


class Transfer:
    """An image on its way.  Iterating carries it out, and gives lines and each layer's progress.

    The lines alone say all that is to be said afterwards; progress is for who watches.  `then` makes what
    comes after it (run: the container); `aside`: its lines go where errors go, since what follows has
    the output.  Who stops iterating closes it, which ends it; what has arrived is kept.
    """

    __slots__ = ("aside", "items", "then")

    def __init__(
        self,
        items: Iterable[LayerProgress | str],
        *,
        then: Callable[[], Any] | None = None,
        aside: bool = False,
    ) -> None:
        self.items = iter(items)
        self.then = then
        self.aside = aside

    def __iter__(self) -> Iterator[LayerProgress | str]:
        return self.items

    def result(self) -> Text:
        """Carry it out and return its lines."""
        try:
            return Text([item for item in self.items if isinstance(item, str)])
        finally:
            self.close()

    def close(self) -> None:
        """End it, if it has not ended; idempotent."""
        close = getattr(self.items, "close", None)
        if close is not None:
            close()
