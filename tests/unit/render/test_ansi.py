import pytest

from nbcontainer.render.ansi import html, plain


def test_colours_are_spans_that_need_no_style_sheet():
    assert html("a \x1b[31mred\x1b[0m b") == 'a <span style="color:#c0392b">red</span> b'
    assert html("\x1b[1;32mok\x1b[22m!") == (
        '<span style="font-weight:bold;color:#1e8449">ok</span><span style="color:#1e8449">!</span>'
    )


@pytest.mark.parametrize(
    ("codes", "colour"),
    [("91", "#c0392b"), ("38;5;9", "#c0392b"), ("38;5;196", "#ff0000"), ("38;5;244", "#808080"),
     ("38;2;1;2;300", "#0102ff"), ("38:5:196", "#ff0000")],
)  # fmt: skip
def test_every_way_to_name_a_colour(codes, colour):
    assert html(f"\x1b[{codes}mx") == f'<span style="color:{colour}">x</span>'


@pytest.mark.parametrize("codes", ["38", "38;5", "38;2;1", "48;5;1", "48;2;1;2;3", "", "5", "39"])
def test_half_a_colour_is_none(codes):
    assert html(f"\x1b[{codes}mx") == "x"


def test_what_could_act_is_written_out():
    assert html("<b>\x1b]0;t\x07") == "&lt;b&gt;\\x1b]0;t\\x07"
    assert plain("\x1b[31mred\x1b[0m\x07\n") == "red\\x07\n"
