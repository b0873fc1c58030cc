import pytest

from nbcontainer.errors import Unsupported
from nbcontainer.panels import page as module
from nbcontainer.panels.board import Board
from nbcontainer.panels.follower import Follower
from nbcontainer.panels.page import Twin, show_beside, show_board, show_following, show_terminal
from nbcontainer.under_way import Live
from tests.fakes import FakeSession
from tests.pages import pages as pages

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def outputs(monkeypatch):
    found = []
    monkeypatch.setattr(module, "_display", lambda bundle, raw: found.append((bundle, None, False)))
    monkeypatch.setattr(
        module,
        "_publish",
        lambda bundle, transient, update: found.append((bundle, transient["display_id"], update)),
    )
    return found


def board():
    return Board([], Follower(lambda: None), lambda: None)


def test_a_widget_stands_above_its_twin_without_words_of_its_own(outputs, pages):
    made = board()
    show_board(made)
    assert outputs[0][0] == {VIEW: made.view()}


def test_what_follows_without_a_table_has_a_twin_with_its_line(outputs, pages):
    made = board()
    show_following(made, "%cont events")
    assert outputs[0][0] == {VIEW: made.view()}
    assert outputs[1][0]["text/plain"] == "%cont events"
    assert "nbc-still" in outputs[1][0]["text/html"]


def test_a_terminals_twin_keeps_what_was_last_seen(outputs, pages):
    twin = Twin("%cont exec -it <web> sh")
    twin.show("")
    twin.show("\x1b[31mred\x1b[0m")
    (first, id_, update), (second, again, updated) = outputs
    assert (update, updated, id_) == (False, True, again)
    assert first["text/plain"] == "%cont exec -it <web> sh"
    assert second["text/plain"] == "%cont exec -it <web> sh\nred"
    assert '<span style="color:#c0392b">red</span>' in second["text/html"]
    assert "&lt;web&gt;" in second["text/html"]
    # nbconvert's page has no style sheet of ours
    assert "monospace" in second["text/html"].partition("<pre")[2].partition(">")[0]


def test_a_terminal_is_shown_with_its_twin(outputs, pages):
    session = FakeSession(tty=True)
    show_terminal(Live(session, interactive=True), "%cont run -it x", None)
    assert VIEW in outputs[0][0]
    assert "nbct-still" in outputs[1][0]["text/html"]


def test_without_sidecar_there_is_no_beside_and_it_is_said(outputs, pages):
    with pytest.raises(Unsupported, match="no sidecar"):
        show_beside(board(), "Containers")
