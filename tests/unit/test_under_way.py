from nbcontainer.results import Chunk
from nbcontainer.under_way import LayerProgress, Live, Stream, Transfer
from tests.fakes import FakeSession


def test_a_stream_closes_its_source():
    closed = []

    def source():
        try:
            yield Chunk("stdout", b"a")
            yield "b"
        finally:
            closed.append(True)

    stream = Stream(source())
    assert next(iter(stream)).data == b"a"
    stream.close()
    assert closed == [True]
    Stream(["list"]).close()


def test_a_live_program_is_not_interactive_unless_said():
    live = Live(FakeSession())
    assert (live.interactive, live.sig_proxy) == (False, True)


def test_a_transfers_lines_are_what_is_said_afterwards():
    closed = []

    def items():
        try:
            yield "begin"
            yield LayerProgress("sha256:a", "Downloading", 1, 2)
            yield "end"
        finally:
            closed.append(True)

    transfer = Transfer(items())
    assert list(transfer.result()) == ["begin", "end"]
    assert closed == [True]
