"""A browser and a JupyterLab for the run, a page for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.jupyter import FLAGS, Jupyter, Notebook
from tests.needs import browser_path, check
from tests.stores import Store


# Not for the whole session: while playwright is there, whatever asks asyncio finds its loop running.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    check("browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def jupyter(browser: Any, stores_folder: str) -> Iterator[Jupyter]:
    with tempfile.TemporaryDirectory(dir=stores_folder, ignore_cleanup_errors=True) as folder:
        store = Store.make(f"{folder}/b")
        server = Jupyter(store)
        yield server
        server.close()
        store.end()


@pytest.fixture
def engine(jupyter: Jupyter) -> Iterator[Any]:
    """Another client of the store that the notebooks use; what is left in it is removed."""
    yield jupyter.store.engine()
    jupyter.end_kernels()
    jupyter.store.clear(jupyter.store.engine())
    jupyter.store.close()


@pytest.fixture
def notebook(
    browser: Any, jupyter: Jupyter, engine: Any, request: Any
) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook with these cells; at the end the page must have had no error."""
    contexts: list[Any] = []
    opened: list[Notebook] = []

    def open_(
        *cells: str, width: int = 1180, height: int = 900, look: type[Notebook] = Notebook
    ) -> Notebook:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        name = jupyter.write(f"{request.node.name[:40]}-{len(opened)}.ipynb", cells)
        found = look(jupyter, context.new_page(), name)
        opened.append(found)
        return found.open()

    yield open_
    for context in contexts:
        context.close()
    assert [error for book in opened for error in book.errors] == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.needs("browser", "userns"))
