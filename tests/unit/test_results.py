import pytest

from nbcontainer.errors import ContainerNotFound
from nbcontainer.results import Completed, Container, Detail, Image, Table, Text
from tests.fakes import FakeEngine


@pytest.fixture
def ps():
    return FakeEngine().ps(all=True)


def test_a_table_is_a_sequence_of_rows(ps):
    assert len(ps) == 2
    assert [row["Names"] for row in ps] == ["web", "old-db"]
    assert ps[0]["Image"] == "nginx:latest"
    assert ps["Names"] == ["web", "old-db"]
    assert ps[1:].ids == ["old-dbid"]


def test_ids_are_names_where_rows_have_no_id():
    assert FakeEngine().volume_ls().ids == ["data"]


def test_a_table_becomes_a_frame_of_its_columns(ps):
    frame = ps.to_pandas()
    assert list(frame.columns) == ["ID", "Image", "Ports", "Names"]
    assert list(frame["Names"]) == ["web", "old-db"]


def test_dicts_leave_out_what_only_templates_call():
    table = Table("container", [("ID", "ID")], [{"ID": "a", "Label": str.upper}])
    assert table.to_dicts() == [{"ID": "a"}]


def test_text_compares_with_lists_of_lines():
    text = Text("a\nb")
    assert text == ["a", "b"]
    assert text[0] == "a"
    assert text[1:] == Text(["b"])
    assert hash(text) == hash(Text(["a", "b"]))
    assert text != 3
    assert str(text) == "a\nb"


def test_text_carries_the_errors_of_those_that_failed():
    error = ContainerNotFound("No such container: x")
    assert Text(["a"], errors=[error]).errors == (error,)


def test_a_single_document_is_asked_by_key():
    assert Detail([{"State": 1}])["State"] == 1
    with pytest.raises(KeyError, match="2 documents"):
        Detail([{"State": 1}, {}])["State"]


def test_a_completed_program_gives_text_whatever_it_wrote():
    assert Completed(0, b"caf\xc3\xa9\xff").text == "café\ufffd"


def test_handles_are_their_ids():
    assert str(Container("abc", "web")) == "abc"
    assert str(Image("sha256:abc", "me/web")) == "sha256:abc"


@pytest.mark.parametrize(
    "value",
    [Text(["a"]), Container("abc", "web"), Image("sha256:abc"), Completed(0, b"x"), Detail([{}])],
)
def test_every_value_shows_itself_in_plain_text(value):
    assert repr(value) == value._repr_mimebundle_()["text/plain"]
