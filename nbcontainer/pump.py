"""A running program's streams in a notebook: text as it comes, the cell as input, interrupts sent on.

Everything is written through sys.stdout and sys.stderr, which the notebook kernel captures; what goes
to a descriptor would be lost.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from .errors import EngineError
from .render.stream import Decoder
from .results import Chunk, Completed, Container
from .under_way import Live, Session, Stream

_END_OF_INPUT = b"\x04"  # what Ctrl-D sends: a terminal has no other end
# a script is typed as a person would: the next line when the program has been quiet for a moment
_QUIET_S = 0.05
_PATIENCE_S = 0.5
_ENDINGS = 3


class Output:
    """Where chunks become text, up to a limit; what was shown is kept for the value."""

    def __init__(self, limit: int, *, tty: bool = False) -> None:
        self.limit = limit
        self.shown = 0
        self.kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.last = time.monotonic()
        self.is_over = False
        self._decoders = {name: Decoder(tty=tty) for name in self.kept}

    def add(self, chunk: Chunk) -> None:
        """Show a chunk."""
        self.last = time.monotonic()
        if self.shown > self.limit:
            return
        name = "stderr" if chunk.stream == "stderr" else "stdout"
        self.kept[name] += chunk.data
        self._write(name, self._decoders[name].feed(chunk.data))

    def line(self, text: str) -> None:
        """Show a line that the engine made."""
        self.add(Chunk("stdout", f"{text}\n".encode()))

    def finish(self) -> None:
        """Show what was held back; nothing comes any more."""
        self.is_over = True
        for name, decoder in self._decoders.items():
            self._write(name, decoder.finish())

    def _write(self, name: str, text: str) -> None:
        if not text or self.shown > self.limit:
            return
        stream = sys.stderr if name == "stderr" else sys.stdout
        stream.write(text[: self.limit - self.shown])
        self.shown += len(text)
        if self.shown > self.limit:
            stream.write(f"\n… the output is longer than {self.limit} characters\n")
        stream.flush()


def input_of(live: Live, cell: str | None) -> bytes | None:
    """Return what the program reads, None where its stdin is not attached.

    This is the seam for a terminal widget: without one, a program never waits for a person.
    """
    if cell is None:
        return b"" if live.interactive else None
    return cell.encode()


def pump(live: Live, cell: str | None, limit: int) -> Completed | Container:
    """Show the program's output until it ends; return its exit code and output.

    Returns a Container where the program was let go of by interrupts.
    """
    session = live.session
    output = Output(limit, tty=session.tty)
    interrupts = _Interrupts(session, live.sig_proxy)
    try:
        _feed(session, input_of(live, cell), output)
        with interrupts:
            while (chunk := session.read()) is not None:
                if chunk.stream in live.attached:
                    output.add(chunk)
            output.finish()
            if interrupts.detached:
                return Container(session.container_id)
            code = session.wait()
    finally:
        output.is_over = True
        session.close()
    return Completed(
        code, bytes(output.kept["stdout"]), bytes(output.kept["stderr"]), session.container_id
    )


def follow(stream: Stream, limit: int) -> Completed:
    """Show what comes until it ends or is interrupted."""
    output = Output(limit)
    try:
        for item in stream:
            if isinstance(item, str):
                output.line(item)
            else:
                output.add(item)
    except KeyboardInterrupt:
        pass
    finally:
        stream.close()
        output.finish()
    return Completed(0, bytes(output.kept["stdout"]), bytes(output.kept["stderr"]))


def _feed(session: Session, data: bytes | None, output: Output) -> None:
    """Send `data` and the end of input from a thread: the program may not read before it has written."""
    if data is None:
        return

    def run() -> None:
        try:
            if session.tty:
                _type(session, data, output)
                return
            for at in range(0, len(data), 65536):
                session.write(data[at : at + 65536])
            session.close_stdin()
        except (OSError, EngineError):
            pass  # it ended without reading all

    threading.Thread(target=run, name="cont-stdin", daemon=True).start()


def _type(session: Session, data: bytes, output: Output) -> None:
    """Type lines into a terminal, then its end.

    A program that switches its terminal over (a shell before its prompt) throws away what was typed
    before it did, so each line waits for the prompt, or for the answer to the line before.
    """
    typed = output.last
    for line in [*data.splitlines(keepends=True), *[_END_OF_INPUT] * _ENDINGS]:
        while not output.is_over:
            now = time.monotonic()
            is_answered = output.last > typed and now - output.last >= _QUIET_S
            if is_answered or now - max(typed, output.last) >= _PATIENCE_S:
                break
            time.sleep(_QUIET_S / 5)
        if output.is_over:
            return
        session.write(line)
        typed = time.monotonic()


class _Interrupts:
    """Within, SIGINT goes to the program: INT first, then KILL, then let go; never to the kernel."""

    def __init__(self, session: Session, proxied: bool) -> None:
        self.session = session
        self.count = 0 if proxied else 2
        self.detached = False
        self._before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 3:
            raise KeyboardInterrupt
        if self.count == 3:
            self.detached = True
            act: Callable[[], None] = self.session.detach
        else:
            word = "INT" if self.count == 1 else "KILL"
            act = _signal(self.session, word)
        # not here: the main thread may hold the session's lock
        threading.Thread(target=_quietly, args=(act,), name="cont-signal", daemon=True).start()


def _signal(session: Session, word: str) -> Callable[[], None]:
    return lambda: session.signal(word)


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except (OSError, EngineError):
        pass  # it has ended already
