import os
import pty
import threading

import pytest

from nbcontainer import progress
from nbcontainer.under_way import LayerProgress, Transfer

ITEMS = [
    "latest: Pulling from library/a",
    LayerProgress("aaa", "Downloading", 10, 100),
    LayerProgress("aaa", "Pull complete", 100, 100),
    "aaa: Pull complete",
    "Digest: sha256:x",
]
LINES = [item for item in ITEMS if isinstance(item, str)]


def test_where_nobody_watches_there_are_the_lines_alone():
    lines = []
    progress.plainly(Transfer(ITEMS), lines.append)
    assert lines == LINES


def test_a_terminal_shows_bars_and_keeps_the_lines():
    ours, theirs = pty.openpty()
    seen = []

    def read():
        try:
            while data := os.read(ours, 4096):
                seen.append(data)
        except OSError:
            pass

    reading = threading.Thread(target=read)
    reading.start()
    progress.in_terminal(Transfer(ITEMS), theirs)
    os.close(theirs)
    reading.join(10)
    os.close(ours)
    text = b"".join(seen).decode()
    for line in LINES:
        assert line in text
    # what the bars drew is erased again
    assert "\x1b[" in text
    assert text.rstrip().endswith(("Digest: sha256:x", "\x1b[?25h", "\x1b[2K"))


def test_what_a_registry_says_draws_nothing_of_its_own():
    lines = []
    progress.plainly(Transfer(["a\x1b]52;c;x\x07b"]), lines.append)
    assert lines == ["a\\x1b]52;c;x\\x07b"]
    board = progress.Board()
    board.add(LayerProgress("<b>", "<img onerror=x>", 1, 2), 0.0)
    assert "<img" not in board.html(1.0)
    assert "<b>" not in board.html(1.0)


class Widget:
    def __init__(self):
        self.values, self.closed = [], False

    def __setattr__(self, name, value):
        if name == "value":
            self.values.append(value)
        else:
            super().__setattr__(name, value)

    def close(self):
        self.closed = True


def test_a_notebook_shows_a_widget_only_where_it_takes_a_while(monkeypatch):
    made = []

    def show():
        made.append(Widget())
        return made[-1]

    lines = []
    progress.in_notebook(ITEMS, lines.append, show)
    assert (lines, made) == (LINES, [])
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(progress, "_INTERVAL_S", 0.0)
    progress.in_notebook(ITEMS, lines.append, show)
    assert made[0].closed
    assert 'max="100"' in made[0].values[-1]
    progress.in_notebook(ITEMS, lines.append, None)
    assert len(made) == 1


def test_a_board_tells_bytes_and_rate():
    board = progress.Board()
    board.add(LayerProgress("aaa", "Downloading", 0, 4_000_000), 0.0)
    board.add(LayerProgress("aaa", "Downloading", 2_000_000, 4_000_000), 2.0)
    html = board.html(2.0)
    assert "2MB / 4MB" in html
    assert "1MB/s" in html
    board.add(LayerProgress("aaa", "Pull complete", 4_000_000, 4_000_000), 3.0)
    assert "/s" not in board.html(4.0)


def test_who_stops_looking_ends_it():
    ended = []

    def items():
        try:
            yield "one"
            yield "two"
        finally:
            ended.append(True)

    def line(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        progress.plainly(Transfer(items()), line)
    assert ended == [True]


def test_the_widget_is_one_of_ipywidgets():
    made = progress.widget()
    made.value = "<p>x</p>"
    assert repr(made) == "…"
    made.close()


class Bar:
    def __init__(self):
        self.values, self.is_closed = [], False

    @property
    def value(self):
        return self.values[-1]

    @value.setter
    def value(self, text):
        self.values.append(text)

    def close(self):
        self.is_closed = True


def test_what_takes_longer_than_a_moment_is_said_and_then_no_more(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    shown, made = Bar(), threading.Event()

    def show():
        made.set()
        return shown

    with progress.waiting("%cont commit <b>", show):
        assert made.wait(5)
    for thread in threading.enumerate():
        if thread.name == "nbcontainer-waiting":
            thread.join(5)
    assert shown.is_closed
    assert shown.values[0].startswith("<code>%cont commit &lt;b&gt;</code> <progress>")


def test_what_is_quick_is_not_said():
    made = []
    with progress.waiting("%cont commit web", lambda: made.append(1)):
        pass
    assert made == []
