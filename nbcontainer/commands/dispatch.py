"""Words to a result: what every edge does between reading a line and showing the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .parse import Parsed


def call(parsed: Parsed, engine: Callable[[], Any]) -> Any:
    """Return what the command returns, or its help; the engine is made only for a command."""
    if parsed.help:
        from .help import help_for

        return help_for(parsed)
    assert parsed.command is not None
    return parsed.command.function(engine(), parsed.args)
