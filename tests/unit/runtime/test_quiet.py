import os
import subprocess
import sys
import threading

import pytest

from nbcontainer.runtime import quiet, wire
from tests.running import running


@pytest.fixture
def ends():
    """A control socket, a session, and what is watched: for each our end, and the other."""
    control, session = wire.pair(), wire.pair()
    read, write = os.pipe()
    yield control, session, (read, write)
    for sock in (*control, session[1]):
        sock.close()
    os.close(read)
    if session[0].fileno() >= 0:
        session[0].close()


@pytest.fixture
def program():
    with running([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def staying(ends, program):
    """Begin to stay quiet; return how to wait for the answer."""
    control, session, (read, _) = ends
    answers = []
    descriptor = session[0].detach()

    def stay():
        answers.append(quiet.stay(control[0].fileno(), descriptor, (read,), program.pid))

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()

    def answer(timeout=10):
        thread.join(timeout)
        return answers[0] if answers else None

    def close():
        if answer():
            os.close(descriptor)

    answer.close = close
    return answer


def test_output_wakes_the_shim_with_its_session_open(ends, program):
    answer = staying(ends, program)
    assert answer(0.05) is None
    os.write(ends[2][1], b"x")
    assert answer() is True
    answer.close()
    os.close(ends[2][1])


def test_the_programs_end_wakes_it(ends, program):
    answer = staying(ends, program)
    program.stdin.close()
    assert answer() is True
    answer.close()
    os.close(ends[2][1])


def test_who_detaches_and_a_foreman_that_leaves_do_not(ends, program):
    answer = staying(ends, program)
    ends[1][1].close()
    ends[0][1].close()
    assert answer(0.1) is None
    os.close(ends[2][1])
    assert answer() is False


def test_what_the_session_says_wakes_it(ends, program):
    answer = staying(ends, program)
    ends[1][1].send(wire.pack(wire.Detach()))
    assert answer() is True
    answer.close()
    os.close(ends[2][1])
