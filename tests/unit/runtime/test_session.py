import os
import signal
import socket
import threading

import pytest

from nbcontainer.errors import CommandNotFound, HelperGone
from nbcontainer.results import Chunk
from nbcontainer.runtime import wire
from nbcontainer.runtime.session import Session

ID = "c" * 64


class FakeRuntime:
    """Notes what is asked of the shim beside the session."""

    def __init__(self, error=None):
        self.asked, self.error = [], error

    def sandbox_of(self, container_id):
        return f"s-{container_id[:1]}"

    def ask(self, sandbox, message):
        self.asked.append((sandbox, message))
        if self.error:
            raise self.error


@pytest.fixture
def runtime():
    return FakeRuntime()


@pytest.fixture
def shim():
    return Shim()


class Shim:
    """The shim's end of a session, in the test's hands."""

    def __init__(self):
        self.client, self.sock = wire.pair()

    def session(self, runtime, **given):
        return Session(runtime, self.client, ID, ID, **given)

    def say(self, message):
        wire.send(self.sock, message)

    def hear(self):
        return wire.receive(self.sock)[0]

    def has_word(self):
        return bool(select_readable(self.sock))


def select_readable(sock):
    import select

    return select.select([sock], [], [], 0)[0]


@pytest.fixture(autouse=True)
def closed(shim):
    yield
    shim.sock.close()
    shim.client.close()


def test_output_comes_in_order_and_then_the_exit_code(runtime, shim):
    session = shim.session(runtime)
    shim.say(wire.Started(42))
    shim.sock.send(wire.STDOUT + b"out")
    shim.sock.send(wire.STDERR + b"err")
    shim.say(wire.Exited(7, True))
    assert session.read() == Chunk("stdout", b"out")
    assert session.read() == Chunk("stderr", b"err")
    assert session.read() is None
    assert session.read() is None
    assert (session.wait(), session.pid, session.oom_killed) == (7, 42, True)


def test_what_came_before_the_start_is_kept(runtime, shim):
    session = shim.session(runtime)
    shim.sock.send(wire.STDOUT + b"early")
    shim.say(wire.Started(42))
    assert not session.has_begun
    assert session.started().pid == 42
    assert session.read() == Chunk("stdout", b"early")


def test_a_program_that_speaks_has_begun_whatever_is_said_of_it(runtime, shim):
    session = shim.session(runtime)
    shim.sock.send(wire.STDOUT + b"early")
    assert session.read() == Chunk("stdout", b"early")
    assert session.has_begun


def test_why_it_did_not_start_is_raised_as_what_it_was(runtime, shim):
    session = shim.session(runtime)
    shim.say(wire.failure(CommandNotFound("no such program: x")))
    with pytest.raises(CommandNotFound, match="no such program: x"):
        session.started()
    assert session.wait() == 125


def test_a_shim_that_left_without_a_word_was_killed(runtime, shim):
    session = shim.session(runtime)
    shim.sock.close()
    with pytest.raises(HelperGone, match="shim was killed"):
        session.read()


def test_waiting_for_output_ends_in_time(runtime, shim):
    with pytest.raises(TimeoutError):
        shim.session(runtime).read(timeout=0.001)


def test_input_goes_in_packets_and_its_end_is_an_empty_one(runtime, shim):
    session = shim.session(runtime)
    session.write(b"a" * (wire.CHUNK + 1))
    session.close_stdin()
    assert shim.hear() == wire.STDIN + b"a" * wire.CHUNK
    assert shim.hear() == wire.STDIN + b"a"
    assert shim.hear() == wire.STDIN


def test_long_input_is_fed_while_output_is_read(runtime, shim):
    session = shim.session(runtime)
    data = os.urandom(40 * wire.CHUNK)
    session.feed(data)
    heard = b""
    while packet := shim.hear()[1:]:
        heard += packet
    assert heard == data


def test_input_for_one_that_has_ended_is_dropped(runtime, shim):
    session = shim.session(runtime)
    shim.say(wire.Exited(0))
    session.wait()
    session.write(b"late")
    session.close_stdin()
    other = Shim()
    late = other.session(runtime)
    other.sock.close()
    late.write(b"x")
    late.close()


def test_only_a_terminal_is_resized(runtime, shim):
    shim.session(runtime).resize(24, 80)
    assert not shim.has_word()
    shim.session(runtime, tty=True).resize(24, 80)
    assert wire.unpack(shim.hear()) == wire.Resize(24, 80)


def test_signals_go_to_the_sandbox_by_name_or_number(runtime, shim):
    session = shim.session(runtime, exec_id="e1")
    for name in ("INT", "SIGINT", 2):
        session.signal(name)
    assert runtime.asked == [("s-c", wire.Signal(signal.SIGINT, "e1"))] * 3


def test_a_signal_to_one_that_has_ended_is_no_error(shim):
    runtime = FakeRuntime(HelperGone("gone"))
    session = shim.session(runtime)
    session.signal("TERM")
    shim.say(wire.Exited(0))
    session.wait()
    session.signal("TERM")
    assert len(runtime.asked) == 1


def test_who_owns_it_says_so_when_letting_go(runtime, shim):
    session = shim.session(runtime)
    session.owned = True
    session.detach()
    assert wire.unpack(shim.hear()) == wire.Detach()
    assert shim.hear() == b""
    assert session.read() is None
    assert session.wait() == 0


def test_who_does_not_own_it_just_leaves(runtime, shim):
    shim.session(runtime).detach()
    assert shim.hear() == b""


def test_letting_go_wakes_who_reads(runtime, shim):
    session = shim.session(runtime)
    seen = []
    reader = threading.Thread(target=lambda: seen.append(session.read()))
    reader.start()
    session.detach()
    reader.join(10)
    assert seen == [None]


def test_a_request_lost_with_its_zygote_is_made_once_more(runtime, shim):
    second = Shim()
    session = shim.session(runtime)
    session.again = lambda: second.client
    shim.sock.close()
    second.say(wire.Started(5))
    assert session.started().pid == 5
    second.sock.close()
    with pytest.raises(HelperGone):
        session.read()
    second.client.close()


def test_what_was_sent_is_not_sent_again(runtime, shim):
    session = shim.session(runtime)
    session.again = lambda: pytest.fail("asked again")
    session.write(b"once")
    shim.sock.shutdown(socket.SHUT_WR)
    with pytest.raises(HelperGone):
        session.read()
