"""An engine that only takes notes, and a line as a user types it carried out on it."""

from __future__ import annotations

from typing import Any

from nbcontainer.commands.parse import parse
from nbcontainer.commands.table import Edge
from nbcontainer.errors import ContainerNotFound


class Notes:
    """An engine that writes down each call; a container named `nope` does not exist."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **flags: Any) -> Any:
            self.calls.append((name, args, flags))
            if "nope" in args:
                raise ContainerNotFound("No such container: nope")
            return self.answers.get(name)

        return call


def do(line: str, engine: Any, body: str | None = None, edge: Edge | None = None) -> Any:
    parsed = parse(line.split(), body=body)
    assert parsed.command is not None
    if edge is not None:
        parsed.args.edge = edge
    return parsed.command.function(engine, parsed.args)
