import queue

import pytest

from nbcontainer.panels import still as module
from nbcontainer.panels.board import Board, Source
from nbcontainer.panels.follower import Follower
from nbcontainer.panels.model import Entry
from nbcontainer.panels.still import Still
from tests.pages import pages as pages


@pytest.fixture
def put(monkeypatch, pages):
    monkeypatch.setattr(module, "INTERVAL_S", 0.01)
    return queue.SimpleQueue()


def board(*entries):
    columns = (("Name", "NAME"),)
    sources = [Source("events", "event", "Events", columns, entries)] if entries else []
    return Board(sources, Follower(lambda: None), lambda: None)


def test_a_view_is_a_table_in_its_order(put):
    second = Entry("b", "b", 2.0, cells={"Name": "<second>"})
    first = Entry("a", "a", 1.0, cells={"Name": "first"})
    Still("%cont events", board(second, first), lambda *both: put.put(both))
    text, html = put.get(timeout=5)
    assert text.split() == ["%cont", "events", "NAME", "first", "<second>"]
    assert html.startswith('<div class="nbc-still">')
    assert "&lt;second&gt;" in html


def test_output_is_kept_once_however_many_pages_follow_it(put):
    made = board()
    Still("%cont logs -f web", made, lambda *both: put.put(both))
    assert put.get(timeout=5)[0] == "%cont logs -f web"
    made._keep("p", {"begin": True})
    made._keep("another", {"lines": [["stdout", "twice\n", 1]]})
    made._keep("p", {"lines": [["stdout", "\x1b[31mred\x1b[0m\n", 1]]})
    text, html = put.get(timeout=5)
    assert text.splitlines() == ["%cont logs -f web", "red"]
    assert '<span style="color:#c0392b">red</span>' in html
    assert "monospace" in html.partition("<pre")[2].partition(">")[0]
