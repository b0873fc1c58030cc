import os
import socket

import pytest

from nbcontainer.errors import CommandNotFound, EngineError, HelperGone, StateUnreadable
from nbcontainer.runtime import wire

SAMPLES = [
    wire.Spawn("id"),
    wire.Job("unpack_layer", {"digest": "sha256:0", "list": [1, None]}),
    wire.Quit(),
    wire.Signal(15),
    wire.Stop(15, -1.0, again=True),
    wire.Pause(True),
    wire.Wait(),
    wire.Top(),
    wire.Rewire("nameserver 1.1.1.1\n"),
    wire.Dial(80),
    wire.Look(),
    wire.Exec("e", ("sh", "-c", "é"), ("A=1",), "/tmp", "root", tty=True, rows=24, columns=80),
    wire.Attach(stdin=True),
    wire.Detach(),
    wire.Resize(24, 80),
    wire.Started(7),
    wire.Exited(137, oom_killed=True),
    wire.Done({"a": [1]}),
    wire.Failed({"class": "NotFound"}),
]


@pytest.fixture
def ends():
    ours, theirs = wire.pair()
    with ours, theirs:
        yield ours, theirs


def test_every_message_of_the_table_has_a_sample():
    assert {type(sample).__name__ for sample in SAMPLES} == set(wire.MESSAGES)


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(ends, message):
    wire.send(ends[0], message)
    data, descriptors = wire.receive(ends[1])
    assert wire.unpack(data) == message
    assert descriptors == ()


@pytest.mark.parametrize(
    "data",
    [b"J", b"J[]", b"J{}", b'J["Spawn"]', b'J["Popen",{}]', b'J["Spawn",{"x":1}]', b"J\xff",
     b'J["Spawn",[]]', b'J[["Spawn"],{}]', b"J" + b"[" * 100_000],
)  # fmt: skip
def test_a_packet_that_nobody_of_ours_made_is_refused(data):
    with pytest.raises(StateUnreadable):
        wire.unpack(data)


def test_descriptors_travel_with_their_message_and_close_on_exec(ends):
    read, write = os.pipe()
    wire.send(ends[0], wire.Spawn("id"), (write,))
    os.close(write)
    _, (arrived,) = wire.receive(ends[1])
    assert not os.get_inheritable(arrived)
    os.write(arrived, b"x")
    os.close(arrived)
    assert os.read(read, 2) == b"x"
    os.close(read)


@pytest.mark.parametrize("size", [10, wire.PACKET_LIMIT + 1, 3 * wire.PACKET_LIMIT])
def test_what_is_longer_than_a_packet_comes_in_a_file(ends, size):
    null = os.open("/dev/null", os.O_RDONLY)
    wire.send_long(ends[0], b"x" * size, (null,))
    data, (arrived,) = wire.receive_long(ends[1])
    assert len(data) == size
    assert os.path.samestat(os.fstat(arrived), os.fstat(null))
    for descriptor in (arrived, null):
        os.close(descriptor)


def test_a_message_over_the_limit_is_refused_before_it_is_sent(ends):
    with pytest.raises(EngineError, match="over the limit"):
        wire.send(ends[0], wire.Spawn("x" * wire.PACKET_LIMIT))


def test_a_packet_at_the_limit_fits_the_socket(ends):
    wire.send_bytes(ends[0], b"O" + b"x" * (wire.PACKET_LIMIT - 1))
    assert len(wire.receive(ends[1])[0]) == wire.PACKET_LIMIT


def test_an_error_keeps_its_class_across_the_wire(ends):
    wire.send(ends[1], wire.failure(CommandNotFound("no such command", step="execute", errno=2)))
    with pytest.raises(CommandNotFound, match="no such command") as caught:
        wire.ask(ends[0], wire.Wait())
    assert (caught.value.step, caught.value.errno, caught.value.exit_code) == ("execute", 2, 127)


def test_a_foreign_error_travels_as_its_text(ends):
    wire.send(ends[1], wire.failure(ZeroDivisionError("by zero")))
    with pytest.raises(EngineError, match="ZeroDivisionError: by zero"):
        wire.ask(ends[0], wire.Wait())


def test_a_peer_that_left_without_an_answer_is_gone(ends):
    ends[1].close()
    with pytest.raises(HelperGone):
        wire.ask(ends[0], wire.Wait())


def test_a_socket_may_lie_deeper_than_an_address_is_long(tmp_path):
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    path = str(folder / "socket")
    with wire.listen(path) as listener, wire.connect(path) as client:
        server, _ = listener.accept()
        with server:
            wire.send(client, wire.Wait())
            assert wire.unpack(wire.receive(server)[0]) == wire.Wait()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_listening_replaces_a_dead_socket(tmp_path):
    path = str(tmp_path / "socket")
    wire.listen(path).close()
    with wire.listen(path), wire.connect(path):
        pass


def test_connecting_to_nobody_is_an_os_error_and_leaks_nothing(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        wire.connect(str(tmp_path / "absent"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_end_of_file_reads_as_nothing(ends):
    ends[1].shutdown(socket.SHUT_WR)
    assert wire.receive(ends[0]) == (b"", ())
