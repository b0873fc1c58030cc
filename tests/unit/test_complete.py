import pytest
from IPython.core.completer import provisionalcompleter

from tests.shells import shell as shell


def completions(shell, source):
    """Return what the line would become for each completion, as a front end applies it."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(source, len(source)))
    return [source[: c.start] + c.text + source[c.end :] for c in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%cont ru", ["%cont run"]),
        ("x = %cont p", ["x = %cont ps"]),
        ("%cont rm we", ["%cont rm web"]),
        ("%%cont exec ", ["%%cont exec web"]),
        ("%cont run --na", ["%cont run --name"]),
        ("%cont run toolbox:la", ["%cont run toolbox:latest"]),
        ("%cont run me/web:", ["%cont run me/web:v2"]),
        ("%cont container exec w", ["%cont container exec web"]),
        ("1 + 1\n%cont rm o", ["1 + 1\n%cont rm old-db"]),
    ],
)
def test_tab_completes_verbs_flags_and_names(shell, source, expected):
    assert completions(shell, source) == expected


def test_in_a_command_line_nothing_of_pythons_is_proposed(shell):
    shell.user_ns["webcam"] = 1
    assert completions(shell, "%cont rm web") == ["%cont rm web"]
    assert completions(shell, "%cont run toolbox pri") == []
    assert completions(shell, "%cont rm pri") == []


@pytest.mark.parametrize("source", ["prin", "%contain", "# %cont ", "import o"])
def test_elsewhere_the_matcher_keeps_out_of_the_way(shell, source):
    assert not any("old-db" in line for line in completions(shell, source))


def test_python_is_still_completed(shell):
    assert "print" in completions(shell, "prin")


def test_the_cells_body_is_not_a_command_line(shell):
    assert "%%cont exec web\nold-db" not in completions(shell, "%%cont exec web\nold")
