import io
import os
import signal
import threading

import pytest

from nbcontainer.errors import EngineError
from nbcontainer.pump import Output, follow, input_of, pump
from nbcontainer.results import Chunk, Completed, Container
from nbcontainer.under_way import Live, Stream
from tests import fakes


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_once_watched():
    """Interrupt as soon as somebody else than the test runner would take it."""
    before = signal.getsignal(signal.SIGINT)

    def run():
        while signal.getsignal(signal.SIGINT) is before:
            threading.Event().wait(0.001)
        interrupt()

    threading.Thread(target=run, daemon=True).start()


def test_output_goes_through_pythons_streams(capsys):
    session = fakes.FakeSession(Chunk("stdout", b"caf\xc3"), Chunk("stdout", b"\xa9\n"), code=3)
    done = pump(Live(session), None, 100)
    assert isinstance(done, Completed)
    assert (done.exit_code, done.stdout, done.container) == (
        3,
        "café\n".encode(),
        session.container_id,
    )
    assert capsys.readouterr().out == "café\n"
    assert session.closed


def test_streams_that_are_not_attached_are_not_shown(capsys):
    session = fakes.FakeSession(Chunk("stdout", b"a"), Chunk("stderr", b"b"))
    pump(Live(session, attached=["stderr"]), None, 100)
    assert capsys.readouterr() == ("", "b")


def test_a_long_output_is_cut_with_a_note_and_the_program_goes_on(capsys):
    session = fakes.FakeSession(*[Chunk("stdout", b"x" * 60)] * 3, code=0)
    done = pump(Live(session), None, 100)
    assert done.exit_code == 0
    shown = capsys.readouterr().out
    assert shown.count("x") == 100 + "longer than 100 characters".count("x")
    assert shown.count("longer than") == 1


def test_a_large_input_does_not_wait_for_the_output():
    session = fakes.echoing(fakes.FakeSession(ends=False))
    done = pump(Live(session, interactive=True), "y" * 1_000_000, 10)
    assert len(done.stdout) == 1_000_000


def test_a_program_that_does_not_read_is_no_error():
    class Deaf(fakes.FakeSession):
        def write(self, data):
            raise EngineError("closed")

    assert pump(Live(Deaf(code=0)), "input", 100).exit_code == 0


@pytest.mark.parametrize(
    ("interactive", "cell", "data"),
    [(False, None, None), (True, None, b""), (True, "a\n", b"a\n"), (False, "a", b"a")],
)
def test_input_is_the_cell_or_the_end_or_nothing(interactive, cell, data):
    assert input_of(Live(fakes.FakeSession(), interactive=interactive), cell) == data


def test_an_interrupt_reaches_the_program_and_not_the_notebook():
    session = fakes.FakeSession(ends=False, code=130)
    session.on_signal = lambda it, number: it.end()
    session.say(b"ready")
    before = signal.getsignal(signal.SIGINT)
    interrupt_once_watched()
    done = pump(Live(session), None, 100)
    assert done.exit_code == 130
    assert session.signals == ["INT"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_kills():
    session = fakes.FakeSession(ends=False, code=137)

    def answer(it, number):
        if number == "KILL":
            it.end()
        else:
            interrupt()

    session.on_signal = answer
    interrupt_once_watched()
    assert pump(Live(session), None, 100).exit_code == 137
    assert session.signals == ["INT", "KILL"]


def test_a_third_interrupt_lets_go():
    session = fakes.FakeSession(ends=False)
    session.on_signal = lambda it, number: interrupt()
    interrupt_once_watched()
    done = pump(Live(session), None, 100)
    assert isinstance(done, Container)
    assert done.id == session.container_id
    assert session.detached


def test_without_a_proxy_the_first_interrupt_lets_go():
    session = fakes.FakeSession(ends=False)
    interrupt_once_watched()
    assert isinstance(pump(Live(session, sig_proxy=False), None, 100), Container)
    assert session.signals == []


def test_a_stream_is_shown_until_it_is_interrupted(capsys):
    def lines():
        yield "one"
        yield Chunk("stderr", b"two\n")
        raise KeyboardInterrupt

    done = follow(Stream(lines()), 100)
    assert (done.exit_code, done.stdout) == (0, b"one\n")
    assert capsys.readouterr() == ("one\n", "two\n")


def test_hostile_bytes_do_not_reach_the_page(monkeypatch):
    page = io.StringIO()
    monkeypatch.setattr("sys.stdout", page)
    output = Output(1000)
    output.add(Chunk("stdout", b"\x1b]52;c;aGk=\x07\x1b[31mred\x1b[0m\x1b[2J"))
    output.finish()
    assert page.getvalue() == "\x1b[31mred\x1b[0m"


def test_a_script_is_typed_line_by_line_as_the_terminal_answers():
    session = fakes.FakeSession(ends=False, tty=True)
    written = []

    def write(data):
        written.append(bytes(data))
        session.say(b"$ ")
        if data == b"\x04":
            session.end()

    session.write = write
    session.say(b"$ ")
    pump(Live(session, interactive=True), "one\ntwo\n", 1000)
    assert written == [b"one\n", b"two\n", b"\x04"]


def test_a_program_that_takes_no_end_is_told_it_again():
    session = fakes.FakeSession(ends=False, tty=True)
    endings = []

    def write(data):
        endings.append(data)
        if len(endings) == 3:
            session.end()

    session.write = write
    pump(Live(session, interactive=True), "", 1000)
    assert endings == [b"\x04"] * 3
