import pytest

from nbcontainer.commands.formats import detail, formatted, stream
from nbcontainer.errors import InvalidArgument
from nbcontainer.results import Detail, Text
from tests.fakes import FakeEngine


@pytest.fixture
def table():
    return FakeEngine().ps(all=True)


@pytest.mark.parametrize("format", ["", "table"])
def test_without_a_template_the_table_is_itself(table, format):
    assert formatted(table, format) is table


def test_quiet_gives_the_ids_alone(table):
    assert formatted(table, quiet=True) == ["webid", "old-dbid"]


def test_a_template_wins_over_quiet(table):
    assert formatted(table, "{{.Names}}", quiet=True) == ["web", "old-db"]


def test_a_bad_template_is_refused(table):
    with pytest.raises(InvalidArgument, match='function "Names" not defined'):
        formatted(table, "{{Names}}")


def test_a_document_is_asked_by_template():
    value = Detail([{"State": {"Pid": 7}}, {"State": {"Pid": 8}}])
    assert detail(value, "{{.State.Pid}}") == ["7", "8"]
    assert detail(value) is value
    assert isinstance(detail(value, "json"), Text)


def test_what_comes_with_time_is_formatted_as_it_comes():
    rows = iter([{"Action": "start"}])
    assert list(stream(rows, "{{.Action}}")) == ["start"]


def test_a_bad_template_is_refused_before_the_first_row_is_awaited():
    def never():
        raise AssertionError("a row was awaited")
        yield {}

    with pytest.raises(InvalidArgument):
        stream(never(), "{{")
