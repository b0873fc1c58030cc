import re
from html.parser import HTMLParser

import pytest

from nbcontainer.render.html import page
from nbcontainer.results import Completed, Container, Detail, Image, Table, Text
from tests.fakes import FakeEngine

EVIL = '<img src=x onerror="alert(1)"><script>x</script>\x1b]52;'


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.attributes = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize(
    "value",
    [
        Table("container", [(EVIL, EVIL)], [{EVIL: EVIL}]),
        Detail([{"Name": EVIL, EVIL: {EVIL: [EVIL]}, "x": EVIL}]),
        Detail([EVIL]),
        Container(EVIL, EVIL),
        Image(f"sha256:{EVIL}", EVIL),
        Image(f"sha256:{EVIL}"),
    ],
)
def test_what_comes_from_outside_is_never_markup(value):
    text = page(value)
    tags = Tags(text)
    assert not {"script", "img", "style", "link", "iframe"} & set(tags.found)
    assert {name for name, _ in tags.attributes} <= {"style", "open"}
    assert "&lt;" in text
    assert "\x1b" not in text


def test_a_table_has_a_cell_for_each_value():
    text = page(FakeEngine().ps(all=True))
    assert re.findall(r"<td[^>]*>([^<]*)</td>", text)[:4] == ["webid", "nginx:latest", "", "web"]
    assert text.count("<th ") == 4


def test_a_long_table_says_how_many_rows_it_leaves_out():
    table = Table("x", [("A", "A")], [{"A": n} for n in range(1500)])
    assert page(table).count("<tr>") == 251
    assert "… and 1250 more" in page(table)


def test_a_document_is_folded_at_its_first_level():
    text = page(Detail([{"Name": "/web", "State": {"Pid": 7}, "Empty": {}}]))
    assert "<summary><b>web</b></summary>" in text
    assert "<details><summary><code>State</code></summary>" in text
    assert "<code>Empty</code>: <code>{}</code>" in text


@pytest.mark.parametrize(
    "value",
    [Text(["a"]), Completed(0, b"x"), Detail([{}], lines=["a"]), Table("d", [], [], template="x")],
)
def test_what_is_best_said_in_text_has_no_html(value):
    assert page(value) == ""
    assert "text/html" not in value._repr_mimebundle_()


def test_a_detail_with_a_table_shows_it_and_the_lines_that_are_not_of_it():
    rows = Table("layer", (("ID", "LAYER"),), [{"ID": "<abc>"}])
    shown = page(Detail([{}], single=True, lines=["LAYER", "<abc>", "", "Wasted: 5B"], table=rows))
    assert "&lt;abc&gt;</td>" in shown
    assert shown.endswith(">Wasted: 5B</pre>")
    assert "monospace" in shown.partition("<pre")[2].partition(">")[0]
