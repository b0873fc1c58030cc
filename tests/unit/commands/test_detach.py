import pytest

from nbcontainer.commands.detach import DetachKeys, parse_keys
from nbcontainer.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-]", b"\x1d"),
        ("ctrl-@,a", b"\x00a"),
        ("q", b"q"),
        ("", b""),
    ],
)
def test_keys_are_written_as_dockers(text, keys):
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-P", "alt-x", "ab", "ctrl-p,,x", "é"])
def test_other_words_are_refused(text):
    with pytest.raises(InvalidArgument, match="invalid detach keys"):
        parse_keys(text)


def test_the_sequence_detaches_and_what_came_before_it_passes():
    assert DetachKeys(b"\x10\x11").feed(b"ls\x10\x11more") == (b"ls", True)


def test_the_sequence_may_come_in_pieces():
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"a\x10") == (b"a", False)
    assert keys.feed(b"\x11") == (b"", True)


def test_a_sequence_that_is_not_finished_is_passed_on():
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"\x10") == (b"", False)
    assert keys.feed(b"x") == (b"\x10x", False)
    assert keys.feed(b"\x10\x10\x11") == (b"\x10", True)


def test_without_keys_everything_passes():
    assert DetachKeys(b"").feed(b"\x10\x11") == (b"\x10\x11", False)
