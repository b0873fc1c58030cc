import pytest

from nbcontainer.configure import configure
from nbcontainer.errors import UsageError
from tests.shells import magics as magics
from tests.shells import shell as shell


def test_all_that_can_be_chosen_is_a_table(magics):
    rows = {row["Name"]: row["Value"] for row in configure(magics, [])}
    assert set(rows) >= {"changes", "check", "home", "lab", "live", "max_output"}
    assert (rows["changes"], rows["home"]) == ("on", "as in the environment")


def test_a_choice_holds_from_now_on(shell, magics):
    assert shell.run_cell("%cont config changes off").result == ["changes is off"]
    assert magics.changes is False
    assert configure(magics, ["changes"])["Value"] == ["off"]
    assert configure(magics, ["max-output", "50"]) == ["max_output is 50"]
    configure(magics, ["changes", "ON"])
    configure(magics, ["max_output", "10000000"])
    assert magics.changes is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "there is nothing to choose called nothing"),
        (["changes", "perhaps"], "changes is on or off, not perhaps"),
        (["max_output", "x"], "max_output is a number, not x"),
        (["home", "a", "b"], "home takes one value, not 2"),
    ],
)
def test_what_there_is_not_is_refused(magics, words, message):
    with pytest.raises(UsageError, match=message):
        configure(magics, words)
