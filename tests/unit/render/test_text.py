import json

import pytest

from nbcontainer.render.text import aligned, escaped, plain
from nbcontainer.results import Completed, Container, Detail, Table, Text
from tests.fakes import FakeEngine

PS = """\
CONTAINER ID   IMAGE            PORTS     NAMES
webid          nginx:latest               web
old-dbid       toolbox:latest             old-db"""


def test_a_table_has_dockers_layout():
    assert plain(FakeEngine().ps(all=True)) == PS


def test_an_empty_table_is_its_header():
    assert plain(FakeEngine().ps().with_rows([])) == "CONTAINER ID   IMAGE     PORTS     NAMES"


def test_the_least_width_of_a_column_can_be_another():
    assert aligned([["a", "b"]], 4) == "a   b"
    assert aligned([[]]) == ""


def test_a_missing_or_typed_cell_is_shown_as_docker_would():
    rows = [{"A": True, "B": None, "C": 3}, {}]
    table = Table("x", [("A", "A"), ("B", "B"), ("C", "C")], rows, min_width=2)
    assert plain(table).splitlines()[1:] == ["true       3", " " * 11]


def test_a_row_can_be_a_line():
    table = Table(
        "diff", [("Type", "T")], [{"Type": "A", "Path": "/x"}], template="{{.Type}} {{.Path}}"
    )
    assert plain(table) == "A /x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;x\x07", "\\x1b]52;c;x\\x07"),
        ("a\rb\x00", "a\\rb\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eevil", "\\u202eevil"),
        ("a\tb\nc", "a\\tb\\nc"),
        ("plain é 漢", "plain é 漢"),
    ],
)
def test_control_characters_are_written_out(text, shown):
    assert escaped(text) == shown


def test_layout_characters_may_stay():
    assert escaped("a\tb\nc\x1b", layout=True) == "a\tb\nc\\x1b"


def test_no_cell_can_move_the_cursor():
    table = Table("container", [("Names", "NAMES")], [{"Names": "x\x1b[2J\ny"}])
    assert plain(table).splitlines() == ["NAMES", "x\\x1b[2J\\ny"]


def test_documents_are_json_that_can_be_read_back():
    documents = [{"Name": "/web", "x": "\x9b\x1b<é>"}]
    text = plain(Detail(documents))
    assert json.loads(text.replace("\\x9b", "\\u009b")) == documents
    assert "é" in text
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert text.startswith('[\n    {\n        "Name"')


def test_a_single_document_stands_alone_and_lines_come_first():
    assert plain(Detail([{"a": 1}], single=True)) == '{\n    "a": 1\n}'
    assert plain(Detail([{"a": 1}], lines=["A: 1"])) == "A: 1"


def test_a_completed_program_shows_output_and_a_bad_code():
    assert plain(Completed(0, b"hi\n")) == "hi"
    assert plain(Completed(3, b"hi\n", b"oh\x1b[0m\n")) == "hi\noh\\x1b[0m\nexit code 3"


def test_text_and_handles_are_their_words():
    assert plain(Text(["a", "b\x07"])) == "a\nb\\x07"
    assert plain(Container("abc", "web")) == "abc"
