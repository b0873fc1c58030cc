import fcntl
import os
import struct
import termios
import tty

import pytest

from nbcontainer.runtime import logs, wire
from nbcontainer.runtime.loop import Loop
from nbcontainer.runtime.streams import QUEUE_LIMIT, Streams

BIG = 8 * QUEUE_LIMIT


class Process:
    """The other end of the streams: a program in the test's hands, and the clients it has."""

    def __init__(self, path, *, stdin=True):
        self.loop = Loop()
        self.path = str(path)
        self.streams = Streams(self.loop, logs.LogWriter(self.path, 1 << 30, 2))
        self.stdin, self.stdout, self.stderr = self.streams.open_pipes(stdin=stdin, owner=0)
        self.sockets = []

    def client(self, **given):
        ours, theirs = wire.pair()
        self.sockets.append(ours)
        return ours, self.streams.attach(theirs, **given)

    def settle(self):
        """Step until nothing happens any more."""
        seen = -1
        while seen != self.work:
            seen = self.work
            for _ in range(8):
                self.loop.step(0)

    @property
    def work(self):
        queued = sum(client.queued for client in self.streams._clients)
        return hash((queued, len(self.streams._pending), len(self.streams._clients)))

    def write_all_it_can(self, descriptor, size=BIG):
        """Write until neither the pipe nor the streams take more; return the bytes taken."""
        os.set_blocking(descriptor, False)
        taken, idle = 0, 0
        while taken < size and idle < 20:
            try:
                taken += os.write(descriptor, b"x" * min(65536, size - taken))
                idle = 0
            except BlockingIOError:
                idle += 1
                self.loop.step(0)
        return taken

    def end(self):
        for descriptor in {self.stdin, self.stdout, self.stderr} - {-1}:
            os.close(descriptor)
        self.stdin = self.stdout = self.stderr = -1

    def logged(self):
        return b"".join(line.data for line in logs.read(self.path))


@pytest.fixture
def process(tmp_path):
    process = Process(tmp_path / "log.jsonl")
    yield process
    process.end()
    process.streams.close()
    for client in list(process.streams._clients):
        client.sock.close()
    for sock in process.sockets:
        sock.close()


def hear(sock):
    sock.setblocking(False)
    packets = []
    while True:
        try:
            packet = wire.receive(sock)[0]
        except BlockingIOError:
            return packets
        packets.append(packet)
        if not packet:
            return packets


def test_output_goes_to_the_log_and_to_everybody(process):
    one, _ = process.client()
    two, _ = process.client(stdout=False)
    os.write(process.stdout, b"out\n")
    process.settle()
    os.write(process.stderr, b"err\n")
    process.settle()
    assert hear(one) == [b"Oout\n", b"Eerr\n"]
    assert hear(two) == [b"Eerr\n"]
    assert process.logged() == b"out\nerr\n"


def test_output_without_a_client_is_logged_and_holds_nothing_up(process):
    os.set_blocking(process.stdout, False)
    assert process.write_all_it_can(process.stdout) == BIG


def test_a_slow_client_makes_the_process_wait_and_loses_nothing(process):
    sock, client = process.client()
    taken = process.write_all_it_can(process.stdout)
    assert taken < BIG
    assert client.queued <= QUEUE_LIMIT + wire.CHUNK + 1
    got = 0
    while True:
        packets = hear(sock)
        got += sum(len(packet) - 1 for packet in packets)
        process.settle()
        if not packets:
            break
    assert got == taken
    assert process.write_all_it_can(process.stdout, 1000) == 1000


def test_a_slow_client_that_leaves_lets_the_process_go_on(process):
    sock, _ = process.client()
    process.write_all_it_can(process.stdout)
    sock.close()
    process.settle()
    assert process.streams.is_idle
    assert process.write_all_it_can(process.stdout) == BIG


def test_the_fast_client_waits_with_the_slow_one_and_both_get_all(process):
    slow, _ = process.client()
    fast, _ = process.client()
    taken = process.write_all_it_can(process.stdout)
    got = {slow: 0, fast: 0}
    while min(got.values()) < taken:
        for sock in (fast, slow):
            got[sock] += sum(len(packet) - 1 for packet in hear(sock))
        process.loop.step(0)
    assert set(got.values()) == {taken}


def test_input_reaches_the_process_and_its_end_too(process):
    sock, _ = process.client(stdin=True)
    sock.send(wire.STDIN + b"hello")
    sock.send(wire.STDIN)
    process.settle()
    assert os.read(process.stdin, 100) == b"hello"
    assert os.read(process.stdin, 100) == b""


def test_input_of_a_client_that_may_not_write_is_dropped(process):
    sock, _ = process.client()
    sock.send(wire.STDIN + b"hello")
    process.settle()
    os.set_blocking(process.stdin, False)
    with pytest.raises(BlockingIOError):
        os.read(process.stdin, 1)


def test_input_ends_with_the_client_that_had_it_unless_it_is_kept(process):
    sock, _ = process.client(stdin=True)
    process.streams.keep_stdin = True
    sock.close()
    process.settle()
    again, _ = process.client(stdin=True)
    again.send(wire.STDIN + b"second")
    process.settle()
    assert os.read(process.stdin, 100) == b"second"
    process.streams.keep_stdin = False
    again.close()
    process.settle()
    assert os.read(process.stdin, 100) == b""


def send_all_it_can(process, sock, count=200):
    sock.setblocking(False)
    sent = idle = 0
    while sent < count and idle < 20:
        try:
            sock.send(wire.STDIN + b"i" * wire.CHUNK)
            sent, idle = sent + 1, 0
        except BlockingIOError:
            idle += 1
            process.loop.step(0)
    return sent


def test_input_that_nobody_reads_is_held_within_bounds(process):
    sock, _ = process.client(stdin=True)
    sent = send_all_it_can(process, sock)
    assert sent < 200
    assert len(process.streams._pending) <= QUEUE_LIMIT
    got = 0
    while got < sent * wire.CHUNK:
        got += len(os.read(process.stdin, 1 << 20))
        process.settle()
    assert process.streams._pending == b""


def test_input_stays_bounded_while_output_is_read_in_small_sips(process):
    sock, client = process.client(stdin=True)
    process.write_all_it_can(process.stdout)
    for _ in range(30):
        send_all_it_can(process, sock, 1)
        sock.recv(1 << 20)
        process.loop.step(0)
        process.write_all_it_can(process.stdout, wire.CHUNK)
    assert len(process.streams._pending) <= QUEUE_LIMIT
    assert client.queued <= QUEUE_LIMIT + wire.CHUNK + 1


def test_a_process_that_closed_its_input_is_written_to_without_harm(process):
    sock, _ = process.client(stdin=True)
    os.close(process.stdin)
    process.stdin = -1
    sock.send(wire.STDIN + b"hello")
    process.settle()
    assert process.streams._pending == b""
    os.write(process.stdout, b"alive")
    process.settle()
    assert hear(sock) == [b"Oalive"]


def test_nonsense_from_a_client_is_passed_over(process):
    sock, _ = process.client(stdin=True)
    for packet in (b"J{", b'J["Nope",{}]', b"?", b'J["Resize",{"rows":1,"columns":2}]'):
        sock.send(packet)
    read, write = os.pipe()
    wire.send_bytes(sock, b"?", (write,))
    os.close(write)
    process.settle()
    with open(read, "rb") as pipe:
        assert pipe.read() == b""
    assert not process.streams.is_idle


def test_the_end_is_told_after_all_output_to_fast_and_slow(process):
    slow, _ = process.client()
    idle = []
    process.streams.on_idle = lambda: idle.append(True)
    taken = process.write_all_it_can(process.stdout)
    process.end()
    process.streams.drain()
    process.streams.finish(wire.Exited(3))
    assert idle == []
    packets = []
    while not idle:
        packets += hear(slow)
        process.settle()
    packets += hear(slow)
    assert wire.unpack(packets[-2]) == wire.Exited(3)
    assert packets[-1] == b""
    assert sum(len(packet) - 1 for packet in packets[:-2]) == taken
    assert len(process.logged()) == taken


def test_an_owner_that_vanishes_is_told_and_one_that_lets_go_is_not(process):
    abandoned = []
    process.streams.on_abandoned = lambda: abandoned.append(True)
    for lets_go in (True, False):
        sock, client = process.client()
        client.owns = True
        if lets_go:
            wire.send(sock, wire.Detach())
        sock.close()
        process.settle()
        assert bool(abandoned) is not lets_go


def test_without_input_the_process_reads_the_end_at_once(tmp_path):
    process = Process(tmp_path / "log.jsonl", stdin=False)
    assert os.read(process.stdin, 1) == b""
    process.end()
    process.streams.close()


@pytest.fixture
def terminal(tmp_path):
    """Streams on a terminal, and the program's end of it."""
    master, slave = os.openpty()
    process = Process.__new__(Process)
    process.loop, process.path, process.sockets = Loop(), str(tmp_path / "log.jsonl"), []
    process.streams = Streams(process.loop, logs.LogWriter(process.path, 1 << 30, 2))
    process.streams.open_terminal(master)
    process.stdin = process.stderr = -1
    process.stdout = slave
    yield process
    process.end()
    process.streams.close()
    for client in list(process.streams._clients):
        client.sock.close()
    for sock in process.sockets:
        sock.close()


def test_a_terminal_is_resized_and_ends_input_by_its_character(terminal):
    sock, _ = terminal.client(stdin=True)
    wire.send(sock, wire.Resize(33, 99))
    sock.send(wire.STDIN)
    terminal.settle()
    size = fcntl.ioctl(terminal.stdout, termios.TIOCGWINSZ, bytes(8))
    assert struct.unpack("HHHH", size)[:2] == (33, 99)
    terminal.streams.close_stdin()
    assert os.read(terminal.stdout, 100) == b""


def test_a_slow_client_of_a_terminal_is_waited_for_with_input_on_its_way(terminal):
    tty.setraw(terminal.stdout)
    sock, client = terminal.client(stdin=True)
    assert send_all_it_can(terminal, sock, 3) == 3
    taken = terminal.write_all_it_can(terminal.stdout)
    assert taken < BIG
    assert client.queued <= QUEUE_LIMIT + wire.CHUNK + 1
    # the program reads what was typed only after its output was taken
    output = typed = idle = 0
    os.set_blocking(terminal.stdout, False)
    while (output, typed) != (taken, 3 * wire.CHUNK) and idle < 100:
        before = (output, typed)
        output += sum(len(packet) - 1 for packet in hear(sock))
        try:
            typed += len(os.read(terminal.stdout, 65536))
        except BlockingIOError:
            pass
        terminal.loop.step(0)
        idle = idle + 1 if before == (output, typed) else 0
    assert (output, typed) == (taken, 3 * wire.CHUNK)


def test_the_end_of_a_terminals_last_process_ends_its_output(terminal):
    os.write(terminal.stdout, b"bye")
    terminal.end()
    terminal.settle()
    terminal.streams.drain()
    assert terminal.logged() == b""
    terminal.streams.finish(wire.Exited(0))
    assert terminal.logged() == b"bye"
