from __future__ import annotations

import pytest

from nbcontainer.commands.parse import parse
from nbcontainer.errors import InvalidArgument
from nbcontainer.panels import actions
from nbcontainer.results import Table
from tests import fakes


def every():
    return [
        pytest.param(kind, action, id=f"{kind}-{action.id}")
        for kind, found in actions.ACTIONS.items()
        for action in found
        if kind != "network"
    ]


@pytest.mark.parametrize(("kind", "action"), every())
def test_each_button_is_a_line_that_the_command_table_knows(kind, action):
    names = [] if action.needs == "none" else ["web"]
    words = actions.words(kind, action.id, names)
    assert parse(words).command is not None


def test_a_click_is_shown_as_it_would_be_typed():
    words = actions.words("container", "stop", ["web", "db"])
    assert actions.shown(words) == "%cont stop web db"
    assert actions.shown(actions.words("container", "exec", ["web"])) == "%cont exec -it web sh"


def test_what_there_is_not_is_refused():
    with pytest.raises(InvalidArgument):
        actions.words("container", "explode", ["web"])
    with pytest.raises(InvalidArgument):
        actions.words("container", "stop", [])
    with pytest.raises(InvalidArgument):
        actions.words("container", "logs", ["a", "b"])
    with pytest.raises(InvalidArgument):
        actions.words("container", "prune", ["a"])


def test_what_cannot_be_taken_back_is_asked_again():
    asked = {a.id for found in actions.ACTIONS.values() for a in found if a.confirm}
    assert asked == {"kill", "rm", "rmi", "prune"}


def test_an_outcome_says_what_succeeded_and_what_did_not(monkeypatch):
    fakes.use_in(monkeypatch)
    engine = fakes.FakeEngine()
    assert actions.carry_out(["rm", "web"], lambda: engine) == actions.Outcome(("web",))
    outcome = actions.carry_out(["rm", "web", "nope"], lambda: engine)
    assert outcome.lines == ("web",)
    (error,) = outcome.errors
    assert "No such container: nope" in error


def test_an_error_is_an_outcome(monkeypatch):
    fakes.use_in(monkeypatch)
    outcome = actions.carry_out(["foo"], fakes.FakeEngine)
    assert outcome.lines == ()
    assert outcome.errors[0].startswith("Error: 'foo' is not a command of cont")


def test_a_table_has_no_outcome_of_its_own(monkeypatch):
    fakes.use_in(monkeypatch)
    assert isinstance(fakes.FakeEngine().ps(), Table)
    assert actions.carry_out(["ps"], fakes.FakeEngine) == actions.Outcome()
