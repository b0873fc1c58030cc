"""The page's end of a widget, in memory: what it was sent, and what it says."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm


class Page(BaseComm):
    """A comm whose other end is the test; `opened` has those of widgets, without their layouts'."""

    opened: list[Page]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.heard: queue.SimpleQueue[tuple[dict[str, Any], list[Any]]] = queue.SimpleQueue()
        self.state: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        if msg_type == "comm_open":
            self.state = data["state"]
            if "_esm" in self.state:
                self.opened.append(self)
        elif data and data.get("method") == "custom":
            self.heard.put((data["content"], list(buffers or ())))
        elif data and data.get("method") == "update":
            self.state.update(data["state"])

    def say(self, content: dict[str, Any], *buffers: bytes) -> None:
        """Send a message as the page would."""
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"data": data}, "buffers": list(buffers)})

    def hear(self, timeout_s: float = 5.0) -> dict[str, Any]:
        """Return the next message; fails where none comes."""
        return self.heard.get(timeout=timeout_s)[0]

    def hear_kind(self, kind: str, timeout_s: float = 5.0) -> dict[str, Any]:
        """Return the next message of a kind, past others."""
        while True:
            content = self.hear(timeout_s)
            if content["t"] == kind:
                return content


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Page]]:
    """The pages of the widgets that the test makes, in their order."""
    opened: list[Page] = []

    monkeypatch.setattr(Page, "opened", opened, raising=False)
    monkeypatch.setattr(comm, "create_comm", Page)
    yield opened
    from ipywidgets import Widget

    Widget.close_all()
