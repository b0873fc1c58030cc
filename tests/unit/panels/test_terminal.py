from __future__ import annotations

import queue

import pytest

from nbcontainer.errors import WrongStatus
from nbcontainer.panels.terminal import Terminal
from nbcontainer.results import Chunk
from nbcontainer.under_way import Live
from tests.fakes import FakeSession
from tests.pages import pages as pages


class Stage:
    def __init__(self, pages):
        self.pages = pages
        self.session = FakeSession(ends=False, tty=True)
        self.screens = queue.SimpleQueue()
        self.again = None

    def open(self, **more):
        live = Live(self.session, interactive=True)
        self.terminal = Terminal(live, "%cont run -it x sh", seen=self.screens.put, **more)
        self.page = self.pages[-1]
        return self.terminal

    def out(self):
        """Return the next packet of output: (offset, bytes)."""
        while True:
            content, buffers = self.page.heard.get(timeout=5)
            if content["t"] == "out":
                return content["at"], bytes(buffers[0])

    def typed(self, size):
        while len(self.session.written) < size:
            self.wait()
        return bytes(self.session.written)

    def wait(self):
        done = queue.SimpleQueue()
        self.terminal._jobs.put(lambda session: done.put(None))
        done.get(timeout=5)


@pytest.fixture
def stage(pages):
    made = Stage(pages)
    yield made
    made.session.end()


def test_what_the_program_writes_goes_to_the_page_as_bytes_with_their_place(stage):
    stage.open()
    stage.session.say("ü".encode()[:1])
    assert stage.out() == (0, b"\xc3")
    stage.session.say("ü".encode()[1:])
    assert stage.out() == (1, b"\xbc")


def test_what_comes_together_is_sent_together(stage):
    for number in range(100):
        stage.session.say(b"%d\n" % number)
    stage.open()
    got, packets = b"", 0
    while len(got) < 290:
        at, data = stage.out()
        assert at == len(got)
        got += data
        packets += 1
    assert got == b"".join(b"%d\n" % number for number in range(100))
    assert packets < 10


def test_keys_and_pastes_reach_the_program_in_order(stage):
    stage.open()
    stage.page.say({"t": "in"}, b"ls")
    stage.page.say({"t": "in"}, b"\n", b"exit\n")
    assert stage.typed(8) == b"ls\nexit\n"


def test_a_size_reaches_the_program_and_nonsense_does_not(stage):
    stage.open()
    for size in ((24, 80), (0, 5), (5000, 80), ("x", None), (30, 100)):
        stage.page.say({"t": "size", "rows": size[0], "cols": size[1]})
    stage.wait()
    assert stage.session.sizes == [(24, 80), (30, 100)]


def test_a_page_that_is_loaded_again_has_the_screen_back(stage):
    stage.open()
    stage.session.say(b"hello")
    stage.out()
    stage.page.say({"t": "ready", "page": "p2", "from": 0})
    content, buffers = stage.page.heard.get(timeout=5)
    assert (content["page"], content["at"], bytes(buffers[0])) == ("p2", 0, b"hello")
    assert stage.page.hear_kind("shown")["status"] == "running"


def test_the_end_is_told_with_the_exit_code(stage):
    stage.session.code = 3
    terminal = stage.open()
    stage.session.end()
    over = stage.page.hear_kind("over")
    assert (over["status"], over["note"]) == ("ended", "exit code 3")
    assert terminal.exit_code == 3
    # nothing is read any more, and whoever types hears no error
    stage.page.say({"t": "in"}, b"late")


def test_the_screen_that_a_page_saw_is_kept_for_the_saved_notebook(stage):
    terminal = stage.open()
    stage.page.say({"t": "screen", "text": "\x1b[31mred\x1b[0m"})
    assert stage.screens.get(timeout=5) == terminal.screen == "\x1b[31mred\x1b[0m"


def test_the_detach_keys_let_go_and_the_program_goes_on(stage):
    terminal = stage.open()
    stage.page.say({"t": "in"}, b"a\x10")
    stage.page.say({"t": "in"}, b"\x11b")
    assert stage.page.hear_kind("over")["status"] == "detached"
    assert stage.session.detached
    assert bytes(stage.session.written) == b"a"
    assert terminal.can_return == ""
    stage.page.say({"t": "attach"})
    assert terminal.status == "detached"


def test_who_has_let_go_can_join_again(stage):
    second = FakeSession(ends=False, tty=True)
    terminal = stage.open(again=lambda: second)
    stage.page.say({"t": "size", "rows": 30, "cols": 90})
    stage.page.say({"t": "detach"})
    stage.page.hear_kind("over")
    stage.page.say({"t": "attach"})
    assert stage.page.hear_kind("back")
    stage.session = second
    second.say(b"again")
    assert stage.out()[1] == b"again"
    stage.wait()
    assert second.sizes == [(30, 90)]
    assert terminal.status == "running"


def test_a_program_that_has_ended_meanwhile_cannot_be_joined(stage):
    def again():
        raise WrongStatus("You cannot attach to a stopped container, start it first")

    stage.open(again=again)
    stage.page.say({"t": "detach"})
    stage.page.hear_kind("over")
    stage.page.say({"t": "attach"})
    assert "stopped container" in stage.page.hear_kind("over")["note"]


def test_ten_megabytes_arrive_whole_while_the_page_answers(stage):
    stage.open()
    data = bytes(range(256)) * 256
    got = 0
    for _ in range(160):
        stage.session.outputs.put(Chunk("stdout", data))
    while got < 160 * len(data):
        at, part = stage.out()
        assert at == got
        got += len(part)
        stage.page.say({"t": "ack", "n": got})
