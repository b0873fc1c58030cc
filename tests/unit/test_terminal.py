import os
import pty
import signal
import termios
import threading
from contextlib import contextmanager

import pytest

from nbcontainer.results import Chunk
from nbcontainer.terminal import attach
from nbcontainer.under_way import Live
from tests import fakes


@contextmanager
def terminal():
    """Make descriptors 0 to 2 a terminal; yields its other side.

    Not a fixture: between a fixture's and the test's own turn pytest puts its capture back.
    """
    saved = [os.dup(fd) for fd in range(3)]
    master, slave = pty.openpty()
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(slave)
    try:
        yield master
    finally:
        for fd, kept in enumerate(saved):
            os.dup2(kept, fd)
            os.close(kept)
        os.close(master)


@pytest.fixture
def pipe_as_stdin():
    saved = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    ends = [writing]
    try:
        yield ends
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        for fd in ends:
            os.close(fd)


def read_until(fd, text):
    got = b""
    while text not in got:
        got += os.read(fd, 1024)
    return got


def test_stdin_is_pumped_to_its_end(pipe_as_stdin, capfdbinary):
    session = fakes.echoing(fakes.FakeSession(ends=False, code=4))
    os.write(pipe_as_stdin[0], b"hello\x10\x11\xff")
    os.close(pipe_as_stdin.pop())
    assert attach(Live(session, interactive=True)) == 4
    # without a terminal detach keys are bytes like others
    assert capfdbinary.readouterr().out == b"hello\x10\x11\xff"


def test_without_i_stdin_is_left_alone(pipe_as_stdin):
    session = fakes.FakeSession(Chunk("stdout", b""), code=0)
    os.write(pipe_as_stdin[0], b"mine")
    assert attach(Live(session)) == 0
    assert os.read(0, 10) == b"mine"
    assert session.written == b""


def test_a_signal_goes_to_the_program():
    session = fakes.FakeSession(ends=False, code=143)
    session.on_signal = lambda it, number: it.end()
    before = signal.getsignal(signal.SIGTERM)
    # once it reads, the handlers are set; sooner the signal would end the whole test run
    session.on_read = lambda: os.kill(os.getpid(), signal.SIGTERM)
    assert attach(Live(session)) == 143
    assert session.signals == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_terminal_is_raw_while_attached_and_then_as_before():
    with terminal() as master:
        before = termios.tcgetattr(0)
        during = []
        session = fakes.FakeSession(ends=False, tty=True, code=0)
        session.say(b"\x1b[2Jraw\r\n")
        seen = []

        def watch():
            seen.append(read_until(master, b"raw"))
            during.append(termios.tcgetattr(0))
            os.write(master, b"\x03")
            session.end()

        thread = threading.Thread(target=watch)
        thread.start()
        assert attach(Live(session, interactive=True)) == 0
        thread.join()
        assert not during[0][3] & (termios.ECHO | termios.ICANON | termios.ISIG)
        assert termios.tcgetattr(0) == before
        assert seen[0].endswith(b"raw\r\n") or b"raw" in seen[0]


def test_a_terminal_is_put_back_when_the_session_breaks():
    with terminal():
        before = termios.tcgetattr(0)

        class Broken(fakes.FakeSession):
            def read(self, timeout=None):
                raise RuntimeError("gone")

        session = Broken(tty=True)
        with pytest.raises(RuntimeError):
            attach(Live(session, interactive=True))
        assert termios.tcgetattr(0) == before
        assert session.closed


def test_detach_keys_let_go_and_the_code_is_0():
    with terminal() as master:
        session = fakes.FakeSession(ends=False, tty=True, code=99)
        os.write(master, b"ls\r")
        session.on_read = lambda: os.write(master, b"\x10\x11")
        assert attach(Live(session, interactive=True)) == 0
        assert session.detached
        assert b"\x10" not in session.written
        assert b"read escape sequence" in read_until(master, b"sequence")


def test_detach_keys_can_be_chosen():
    with terminal() as master:
        session = fakes.FakeSession(ends=False, tty=True)
        session.on_read = lambda: os.write(master, b"\x10\x11\x1d")
        assert attach(Live(session, interactive=True, detach_keys="ctrl-]")) == 0
        assert bytes(session.written) == b"\x10\x11"


def test_the_size_follows_the_terminal():
    with terminal():
        termios.tcsetwinsize(0, (30, 100))
        resized = threading.Event()

        class Sized(fakes.FakeSession):
            def resize(self, rows, cols):
                super().resize(rows, cols)
                if len(self.sizes) == 1:
                    termios.tcsetwinsize(0, (40, 120))
                    os.kill(os.getpid(), signal.SIGWINCH)
                else:
                    resized.set()
                    self.end()

        session = Sized(ends=False, tty=True)
        attach(Live(session))
        assert resized.is_set()
        assert session.sizes == [(30, 100), (40, 120)]
