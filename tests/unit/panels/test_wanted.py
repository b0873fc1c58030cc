from __future__ import annotations

import pytest

from nbcontainer.commands.parse import parse
from nbcontainer.panels.wanted import wanted


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("ps -a", "table"),
        ("container ls --filter status=running", "table"),
        ("images", "table"),
        ("volume ls", "table"),
        ("ps --format table", "table"),
        ("ps --no-live", ""),
        ("ps -q", ""),
        ("ps --format json", ""),
        ("ps --help", ""),
        ("stats", "stats"),
        ("stats --no-stream", ""),
        ("events --since 10m", "events"),
        ("events --until 1", ""),
        ("events --format json", ""),
        ("logs -f web", "log"),
        ("logs web", ""),
        ("panel", "panel"),
        ("panel --no-live", ""),
        ("run -d toolbox", ""),
        ("diff web", ""),
        ("--help", ""),
    ],
)
def test_what_is_shown_live(line, method):
    assert wanted(parse(line.split())) == method


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("layers web", "layers"),
        ("layers --json web", ""),
        ("layers web other", ""),
        ("layers -p /etc web", ""),
    ],
)
def test_layers_are_explored_where_nothing_else_was_asked(line, method):
    assert wanted(parse(line.split())) == method
