import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.render.stream import Decoder


def shown(*chunks, tty=False):
    decoder = Decoder(tty=tty)
    return "".join([decoder.feed(chunk) for chunk in chunks]) + decoder.finish()


def test_a_character_cut_in_two_arrives_whole():
    assert shown(b"caf\xc3", b"\xa9") == "café"


def test_what_is_not_utf8_is_replaced_and_never_raises():
    assert shown(b"\xff\xfe ok") == "\ufffd\ufffd ok"
    assert shown(b"end\xc3") == "end\ufffd"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
        (b"\x1b[2J\x1b[Hgone", "gone"),
        (b"\x1b]52;c;aGk=\x07x", "x"),
        (b"\x1b]0;title\x1b\\x", "x"),
        (b"\x1bP1$r0m\x1b\\x", "x"),
        (b"\x1b(Bx\x1b=y\x1bcz", "xyz"),
        (b"a\x00b\x07c\x7f", "abc"),
        (b"\xc2\x9b2Jx", "x"),
        (b"50%\r100%\n\tdone\n", "50%\r100%\n\tdone\n"),
        (b"a\bb", "a\bb"),
        (b"\x1b[?25lx", "x"),
        (b"\x1b[>4;2mx", "x"),
    ],
)
def test_colours_pass_and_nothing_else_that_acts(data, text):
    assert shown(data) == text


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_sequence_cut_in_two_is_still_one(cut):
    data = b"\x1b]0;ti\x1b\\\x1b[31mx"
    assert shown(data[:cut], data[cut:]) == "\x1b[31mx"


def test_a_sequence_that_never_ends_does_not_swallow_the_rest():
    text = shown(b"\x1b]0;", *[b"x" * 1000] * 6)
    assert text.count("x") > 1000
    assert "\x1b" not in text


def test_a_terminals_line_ends_become_plain():
    assert shown(b"a\r", b"\nb\r\n", tty=True) == "a\nb\n"
    assert shown(b"a\r\n") == "a\r\n"


@given(st.lists(st.binary(max_size=40)))
def test_no_input_raises_or_lets_an_escape_through_but_colours(chunks):
    text = shown(*chunks)
    for rest in text.split("\x1b")[1:]:
        assert rest.startswith("[")
        assert rest.partition("m")[0][1:].strip("0123456789;:") == ""


@given(st.binary(max_size=200), st.integers(0, 200))
def test_where_chunks_are_cut_does_not_matter(data, cut):
    assert shown(data) == shown(data[:cut], data[cut:])
