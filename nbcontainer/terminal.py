"""A running program attached to this process's descriptors: the shell's side of run -it, exec, attach.

stdin --thread--> session --main thread--> stdout, stderr
SIGINT, SIGTERM, … --> session.signal      (not in raw mode, where keys are bytes)
SIGWINCH --> session.resize                detach keys --> session.detach
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .commands.detach import DetachKeys, parse_keys
from .errors import EngineError
from .outlet import write_all
from .results import Chunk
from .under_way import Live, Session

_DETACH_KEYS = "ctrl-p,ctrl-q"
_INSISTS = 3
_FORWARDED = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2")


def attach(live: Live) -> int:
    """Pump until the program ends or is detached from; return its exit code, 0 when detached.

    The terminal is as before afterwards, whatever happened.
    """
    session = live.session
    try:
        keys = DetachKeys(parse_keys(live.detach_keys or _DETACH_KEYS))
        raw = session.tty and live.interactive and os.isatty(0)
        detached = threading.Event()
        with _raw_mode(raw), _signals(session, live.sig_proxy and not raw), _size(session):
            if live.interactive:
                _in_thread(_pump_stdin, session, keys if session.tty else None, detached)
            _pump_output(live)
        if detached.is_set():
            write_all(2, b"read escape sequence\n")
            return 0
        return session.wait()
    finally:
        session.close()


def _pump_output(live: Live) -> None:
    session = live.session
    while (chunk := session.read()) is not None:
        if chunk.stream in live.attached:
            _chunk(chunk)


def _chunk(chunk: Chunk) -> None:
    write_all(2 if chunk.stream == "stderr" else 1, chunk.data)


def _pump_stdin(session: Session, keys: DetachKeys | None, detached: threading.Event) -> None:
    try:
        while data := os.read(0, 65536):
            leave = False
            if keys is not None:
                data, leave = keys.feed(data)
            if data:
                session.write(data)
            if leave:
                detached.set()
                session.detach()
                return
        session.close_stdin()
    except (OSError, EngineError):
        pass  # the program ended, or stdin is closed


def _in_thread(function: Callable[..., None], *arguments: Any) -> None:
    # a daemon: a read of a terminal that nobody types on must not keep the process alive
    threading.Thread(target=function, args=arguments, daemon=True).start()


@contextmanager
def _raw_mode(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _handlers(wanted: dict[int, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    # a supervisor may have started us with these blocked: they would never come
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, wanted)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def _signals(session: Session, proxied: bool) -> Iterator[None]:
    """Send signals on to the program instead of dying of them; the third that asks to end is obeyed."""
    if not proxied or threading.current_thread() is not threading.main_thread():
        yield
        return

    asked = 0
    begun = session.has_begun

    def send(number: int, frame: FrameType | None) -> None:
        nonlocal asked, begun
        begun = begun or session.has_begun
        if not begun and number in (signal.SIGINT, signal.SIGTERM):
            # there is no program yet that could be told; who gives up here leaves nothing behind
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        asked += number in (signal.SIGINT, signal.SIGTERM)
        if asked == _INSISTS:
            # a first process without handlers ignores both; what we ran in our foreground ends with us
            write_all(2, b"\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n")
            os._exit(1)
        # not here: the main thread may hold the session's lock
        _in_thread(_quietly, lambda: session.signal(number))

    with _handlers({int(getattr(signal, f"SIG{name}")): send for name in _FORWARDED}):
        yield


@contextmanager
def _size(session: Session) -> Iterator[None]:
    """Keep the container's terminal as large as this one."""
    if not session.tty or not os.isatty(1):
        yield
        return

    def resize() -> None:
        size = os.get_terminal_size(1)
        session.resize(size.lines, size.columns)

    if threading.current_thread() is not threading.main_thread():
        _quietly(resize)
        yield
        return
    with _handlers({int(signal.SIGWINCH): lambda number, frame: _in_thread(_quietly, resize)}):
        # only now: a change between the first look and the handler would be lost
        _quietly(resize)
        yield


def _quietly(act: Callable[[], Any]) -> None:
    try:
        act()
    except (OSError, EngineError):
        pass  # it has ended already
