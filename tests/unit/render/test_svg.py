from xml.etree import ElementTree

from nbcontainer.render.svg import Sheet, fitted, wrapped


def test_text_cannot_become_markup_or_control():
    sheet = Sheet()
    sheet.text(1, 2, "<b>&\x1b[31m")
    root = ElementTree.fromstring(sheet.page(9, 9, title="<t>", description="d"))
    assert root[2].text == "<b>&\\x1b[31m"
    assert root[0].text == "<t>"


def test_what_is_too_long_is_cut_and_says_so():
    assert fitted("short", 100, 12) == "short"
    cut = fitted("x" * 100, 67.2, 12)
    assert cut == "x" * 9 + "…"


def test_a_sentence_breaks_between_words():
    assert wrapped("one two three", 8 * 13 * 0.56, 13) == ["one two", "three"]
    assert wrapped("", 10, 13) == []


def test_numbers_are_short():
    sheet = Sheet()
    sheet.rect(1.04, 2.0, 3, 4)
    sheet.arrow(0, 0, 10)
    sheet.dot(1, 1, 2, fill="#fff", stroke="#000")
    page = sheet.page(10, 10, title="t", description="d")
    assert 'x="1" y="2"' in page
    assert "M0 0H10" in page
