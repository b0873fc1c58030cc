"""Views that follow a real store: many at once, in a real notebook kernel, with and without a person."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbcontainer.commands import dispatch
from nbcontainer.commands.parse import parse
from nbcontainer.panels.live import Live
from tests.needs import needs
from tests.pages import pages as pages

pytestmark = needs("userns")
VIEW = "application/vnd.jupyter.widget-view+json"


def names_until(page: Any, wanted: str, gone: bool = False) -> float:
    """Read patches until a container of that name came (or went); return when it did."""
    known: dict[str, str] = {}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            message = page.hear_kind("patch", 1.0)
        except queue.Empty:
            continue
        for key in message["drop"]:
            if gone and known.get(key, wanted) == wanted:
                return time.monotonic()
        for row in message["put"]:
            known[row["key"]] = row["name"]
            if row["name"] == wanted and not gone:
                return time.monotonic()
    raise AssertionError(f"{wanted} was not told")


def test_ten_followers_of_one_store_each_hear_of_what_another_does(store, engine, pages):
    lives = []
    for _ in range(10):
        own = store.engine()
        live = Live(lambda own=own: own)
        parsed = parse(["ps", "-a"])
        live.table(parsed, dispatch.call(parsed, lambda own=own: own))
        lives.append(live)
    try:
        engine.run("toolbox", ["sleep", "600"], name="seen", detach=True)
        for page in pages:
            names_until(page, "seen")
        engine.rm("seen", force=True)
        for page in pages:
            names_until(page, "seen", gone=True)
    finally:
        for live in lives:
            live.close()


def test_a_filter_lets_lines_come_and_go(store, engine, pages):
    live = Live(lambda: engine)
    parsed = parse(["ps", "--filter", "label=shown"])
    board = live.table(parsed, dispatch.call(parsed, lambda: engine))
    try:
        engine.run("toolbox", ["sleep", "600"], name="hidden", detach=True)
        engine.run("toolbox", ["sleep", "600"], name="marked", detach=True, label="shown")
        names_until(pages[0], "marked")
        assert [row["name"] for row in board.all_rows()["containers"]] == ["marked"]
        engine.kill("marked")  # without -a only those that run are there
        names_until(pages[0], "marked", gone=True)
    finally:
        live.close()


class Kernel:
    """A notebook kernel; `run` returns what a cell put out."""

    def __init__(self, environment: dict[str, str]) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager()
        self.manager.start_kernel(env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.run("%load_ext nbcontainer")

    def run(self, code: str, *, person: bool = True) -> list[Any]:
        sent = self.client.execute(code, allow_stdin=person)
        found = []
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return found
            if kind in ("display_data", "execute_result", "comm_open", "stream", "error"):
                found.append((kind, content))

    def shown(self, code: str, *, person: bool = True) -> list[tuple[str, list[str]]]:
        return [
            (kind, sorted(content["data"]))
            for kind, content in self.run(code, person=person)
            if kind in ("display_data", "execute_result")
        ]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(store, engine) -> Iterator[Kernel]:
    made = Kernel(store.environment)
    yield made
    made.close()


def test_a_table_is_a_widget_above_its_still_twin_where_a_person_looks(kernel):
    both = [("display_data", [VIEW]), ("execute_result", ["text/html", "text/plain"])]
    still = both[1:]
    assert kernel.shown("%cont ps") == both
    # who executes notebooks without a person (nbclient, nbval) gets what they always got
    assert kernel.shown("%cont ps", person=False) == still
    assert kernel.shown("%cont ps --no-live") == still
    assert kernel.shown("x = %cont ps") == []
    assert kernel.shown("%cont ps;") == []
    assert kernel.shown("x") == still
    kernel.run("%cont config live off")
    assert kernel.shown("%cont ps") == still


def test_in_the_middle_of_a_cell_and_in_a_loop_too(kernel):
    found = kernel.shown("%cont ps\nfor _ in range(2):\n    %cont ps -a\n1")
    assert [data for _, data in found].count([VIEW]) == 3


def test_what_a_cell_changed_is_told_once_and_only_where_something_did(kernel):
    def told(code, **how):
        return [
            content["data"]["text/plain"]
            for kind, content in kernel.run(code, **how)
            if kind == "display_data" and "This cell" in content["data"].get("text/plain", "")
        ]

    (line,) = told("%cont run -d --name web toolbox sleep 600;")
    assert line.startswith("This cell: web started")
    assert told("%cont ps;") == []
    assert told("1 + 1") == []
    assert told("%cont exec web touch /new", person=False) == []
    (line,) = told("%cont exec web touch /srv/new")
    assert "1 file" in line


def test_a_terminal_without_a_person_ends_at_once_and_with_a_cell_is_a_script(kernel, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    kinds = [kind for kind, _ in kernel.run("%cont exec -it web sh", person=False)]
    assert "comm_open" not in kinds
    text = "".join(
        content["text"]
        for kind, content in kernel.run("%%cont exec -it web sh\necho sum-$((40+2))\n")
        if kind == "stream"
    )
    assert "sum-42" in text


def test_a_kernel_that_is_killed_takes_no_container_with_it_and_leaves_the_views_of_others(
    kernel, engine, pages
):
    kernel.run("%cont ps -a\n%cont panel")
    live = Live(lambda: engine)
    parsed = parse(["ps", "-a"])
    live.table(parsed, dispatch.call(parsed, lambda: engine))
    try:
        kernel.run("%cont run -d --name web toolbox sleep 600")
        names_until(pages[0], "web")
        os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)
        engine.run("toolbox", ["sleep", "600"], name="later", detach=True)
        names_until(pages[0], "later")
        assert sorted(engine.ps()["Names"]) == ["later", "web"]
    finally:
        live.close()
