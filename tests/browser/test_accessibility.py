"""What axe-core finds in our widgets, in both themes: nothing."""

import pytest

from tests.browser.test_explorer import DOCUMENT, SHOW, STATIC
from tests.needs import needs
from tests.source import PACKAGE

AXE = PACKAGE / "panels" / "js" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = needs("browser", "front-end")
ACTIONS = [
    {"id": "stop", "label": "Stop", "words": ["stop"], "ending": [], "states": ["running"],
     "needs": "some", "confirm": False, "where": "here"},
    {"id": "prune", "label": "Prune", "words": ["container", "prune"], "ending": [], "states": [],
     "needs": "none", "confirm": True, "where": "here"},
]  # fmt: skip
COLUMNS = [["ID", "CONTAINER ID"], ["Status", "STATUS"], ["CPUPerc", "CPU %"], ["Names", "NAMES"]]


def row(name, state):
    return {
        "key": name, "name": name, "rank": 0, "state": state, "figures": {"CPUPerc": 3.0},
        "cells": {"ID": "93eecb053630", "Status": state, "CPUPerc": "3.00%", "Names": name},
        "ages": {},
    }  # fmt: skip


BOARD = {
    "look": "panel", "tick": "on", "log_of": "", "log_times": "",
    "views": [
        {"id": name, "kind": "container", "noun": "container", "title": name.title(),
         "sampled": False, "columns": COLUMNS, "actions": ACTIONS}
        for name in ("containers", "others")
    ],
    "rows": {"containers": [row("web", "running"), row("old", "exited"), row("ice", "paused")]},
}  # fmt: skip
TERMINAL = {"line": "%cont exec -it web sh", "status": "running", "note": "", "screen": ""}
WIDGETS = {
    "board": BOARD,
    "explorer": {"title": "me/web:2", "document": DOCUMENT},
    "terminal": TERMINAL,
}
FOCUSED = """() => {
    const { activeElement: here } = document;
    return here.getAttribute('aria-label') || here.textContent;
}"""
CHECK = """async () => {
    const found = await axe.run('#here', {resultTypes: ['violations'], rules: {region: {enabled: false}}});
    const where = (one) => one.nodes.map((node) => node.html.slice(0, 120)).join(' | ');
    return found.violations.map((one) => `${one.id}: ${where(one)}`);
}"""


@pytest.mark.parametrize("theme", ["true", "false"], ids=["light", "dark"])
@pytest.mark.parametrize("widget", WIDGETS)
def test_a_screen_reader_and_weak_eyes_are_served(browser, widget, theme):
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    paper = "#fff" if theme == "true" else "#111"
    ink = "#1c1f23" if theme == "true" else "#eee"
    page.set_content(
        f"<html lang=en><title>t</title><style>{(STATIC / f'{widget}.css').read_text()}</style>"
        f"<body data-jp-theme-light={theme} style='background:{paper};--jp-layout-color0:{paper};"
        f"--jp-layout-color1:{paper};--jp-content-font-color1:{ink}'><main id=here></main>"
    )
    state = WIDGETS[widget]
    page.evaluate(SHOW, [(STATIC / f"{widget}.js").read_text(), state])
    if widget == "board":
        page.get_by_label("Select web").check()
        page.get_by_role("button", name="Prune").first.click()
    page.add_script_tag(path=str(AXE))
    assert page.evaluate(CHECK) == []
    page.close()


def test_everything_on_a_board_is_reached_by_keys_alone(browser):
    page = browser.new_page()
    page.set_content(f"<style>{(STATIC / 'board.css').read_text()}</style><main id=here></main>")
    page.evaluate(SHOW, [(STATIC / "board.js").read_text(), BOARD])
    page.get_by_role("tab", name="Containers").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Others").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Select ice").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert page.get_by_label("Select old").is_checked()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert {"Prune", "Filter containers", "CONTAINER ID"} <= reached
    page.get_by_role("tab", name="Containers").focus()
    page.keyboard.press("End")
    assert page.get_by_role("tab", name="Logs").get_attribute("aria-selected") == "true"
    reached = set()
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    assert {"Which container", "Which output", "Search the output", "Output"} <= reached
    page.close()


def test_a_long_table_is_drawn_as_it_is_scrolled_and_counted_whole(browser):
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.set_content(f"<style>{(STATIC / 'board.css').read_text()}</style><main id=here></main>")
    rows = [{**row(f"c{n:04}", "running"), "rank": n} for n in range(1000)]
    state = {**BOARD, "look": "table", "log_of": "", "views": BOARD["views"][:1]}
    page.evaluate(
        SHOW, [(STATIC / "board.js").read_text(), {**state, "rows": {"containers": rows}}]
    )
    drawn = page.locator("tbody tr")
    assert drawn.count() < 200
    assert page.locator(".nbc-count").first.inner_text() == "1000 containers"
    for _ in range(3):
        before = drawn.count()
        page.locator(".nbc-scroll").evaluate("box => box.scrollTop = box.scrollHeight")
        page.wait_for_function(
            "before => document.querySelectorAll('tbody tr').length > before", arg=before
        )
    page.get_by_label("Select all containers").check()
    page.get_by_role("searchbox").first.fill("c0999")
    assert drawn.count() == 1
    assert drawn.first.get_by_role("checkbox").is_checked()
    page.close()
