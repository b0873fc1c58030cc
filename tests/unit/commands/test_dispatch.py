import pytest

from nbcontainer.commands.dispatch import call
from nbcontainer.commands.parse import parse
from nbcontainer.results import Table, Text
from tests import fakes


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    fakes.use_in(monkeypatch)


def test_a_command_gets_the_engine_and_its_arguments():
    engine = fakes.FakeEngine()
    assert isinstance(call(parse(["ps", "-a"]), lambda: engine), Table)
    assert engine.calls == [("ps", True)]


def test_help_needs_no_engine():
    def never():
        raise AssertionError("the engine was made")

    assert isinstance(call(parse(["run", "--help"]), never), Text)
