"""A JupyterLab of a test's own, and a page in a real browser that looks at one of its notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.stores import Store

TOKEN = "labtoken"
SHOTS = Path(__file__).parent / "shots"
# pictures are drawn anew where this is set, so that a run of the tests changes no file
KEEPS_SHOTS = bool(os.environ.get("NBCONTAINER_SHOTS"))
# Debian's chromium; what it would fetch by itself it must not
FLAGS = (
    "--no-sandbox --disable-dev-shm-usage --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --font-render-hinting=none"
).split()
_IDLE = "() => /\\| Idle/.test((document.querySelector('#jp-main-statusbar')||{}).innerText||'')"
_BEGUN = "() => /\\d|\\*/.test(document.querySelector('.jp-Notebook .jp-InputPrompt')?.textContent ?? '')"
# a message of the page's own machinery that no test of ours could answer
_HARMLESS = re.compile(r"favicon|lsp|ERR_ABORTED|Failed to load resource|preload", re.I)


def keep_shot(name: str, element: Any) -> None:
    """Take a picture, and keep it where pictures are asked for."""
    picture = element.screenshot(animations="disabled")
    if KEEPS_SHOTS:
        SHOTS.mkdir(exist_ok=True)
        (SHOTS / f"{name}.png").write_bytes(picture)


class Jupyter:
    """The server: one home, one store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = Path(store.folder) / "lab"
        self.root = self.folder / "notebooks"
        self.root.mkdir(parents=True)
        self._settings()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self._log = open(self.folder / "log", "wb")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
                "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.root}",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=self._environment(), stdout=self._log, stderr=self._log, cwd=self.root,
            start_new_session=True,
        )  # fmt: skip
        self._wait()

    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return self.store.environment | {
            "HOME": folder,
            "JUPYTER_CONFIG_DIR": f"{folder}/cfg",
            "JUPYTER_DATA_DIR": f"{folder}/data",
            "JUPYTER_RUNTIME_DIR": f"{folder}/run",
            "IPYTHONDIR": f"{folder}/ipython",
        }

    def _settings(self) -> None:
        config = self.folder / "cfg"
        settings = {
            # the popup about news, and cells that are not drawn below the fold
            "labconfig/page_config.json": {
                "disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}
            },
            "lab/user-settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {
                "windowingMode": "none"
            },
        }
        for name, content in settings.items():
            path = config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))

    def _wait(self) -> None:
        """Wait until the server answers; it says where it listens when it does."""
        for _ in range(600):
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/api?token={TOKEN}", timeout=5).read()
                return
            except OSError:
                try:
                    self._process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
        raise AssertionError((self.folder / "log").read_text()[-3000:])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Write a notebook with these cells, the extension loaded first."""
        book = {
            "nbformat": 4, "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [
                {"cell_type": "code", "id": f"c{at}", "source": source, "metadata": {},
                 "outputs": [], "execution_count": None}
                for at, source in enumerate(["%load_ext nbcontainer", *cells])
            ],
        }  # fmt: skip
        (self.root / name).write_text(json.dumps(book))
        return name

    def read(self, name: str) -> Any:
        return json.loads((self.root / name).read_text())

    def api(self, method: str, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/{path}", method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        body = urllib.request.urlopen(request, timeout=20).read()
        return json.loads(body) if body else None

    def end_kernels(self) -> None:
        for session in self.api("GET", "sessions"):
            self.api("DELETE", f"sessions/{session['id']}")

    def close(self) -> None:
        self.end_kernels()
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Notebook:
    """A notebook in a page of the browser, in JupyterLab."""

    is_idle = _IDLE

    def __init__(self, jupyter: Jupyter, page: Any, name: str) -> None:
        self.jupyter = jupyter
        self.page = page
        self.name = name
        self.errors: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", self._failed)

    def _heard(self, message: Any) -> None:
        if message.type == "error" and not _HARMLESS.search(message.text):
            self.errors.append(message.text[:300])

    def _failed(self, error: Any) -> None:
        # the page of Notebook 7 looks up a setting before it is loaded; nothing of ours is on that way
        if "notebook_core" not in (error.stack or ""):
            self.errors.append(str(error))

    def open(self) -> Notebook:
        """Show it, with nothing else on the screen, and wait until its kernel is idle."""
        self.page.goto(
            f"{self.jupyter.url}/lab/workspaces/auto-t/tree/{self.name}?reset&token={TOKEN}"
        )
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
        self.page.wait_for_function(
            "() => !document.querySelector('#jupyterlab-splash')", timeout=30_000
        )
        self.idle()
        self.page.keyboard.press("Control+b")  # the file browser goes
        return self

    def idle(self) -> None:
        # a run request that is sent before is dropped without a word
        self.page.wait_for_function(self.is_idle, timeout=60_000)

    def menu(self, menu: str, item: str) -> None:
        self.page.locator(".lm-MenuBar-itemLabel", has_text=menu).first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text=item).first.click()

    def run_all(self) -> None:
        """Run all cells; asked for again where the request was dropped without a word."""
        from playwright.sync_api import TimeoutError

        for _ in range(5):
            self.menu("Run", "Run All Cells")
            try:
                self.page.wait_for_function(_BEGUN, timeout=10_000)
                return
            except TimeoutError:
                self.idle()
        raise AssertionError("the notebook does not run its cells")

    def run_cell(self, at: int) -> None:
        """Run one cell, counted from 0 (which loads the extension)."""
        self.page.locator(".jp-Notebook .jp-Cell").nth(at).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def save(self) -> Any:
        """Save it and return what lies on disk."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ):
            self.menu("File", "Save Notebook")
        return self.jupyter.read(self.name)

    def shot(self, name: str, element: Any) -> None:
        """Keep a picture of an element."""
        keep_shot(name, element)

    def dark(self) -> None:
        """Choose the dark theme, as a person would."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Settings").first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text="Theme").first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text="JupyterLab Dark").first.click()
        self.page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")


class PlainNotebook(Notebook):
    """The same notebook in Jupyter Notebook 7, which shows one document and no status bar."""

    is_idle = "() => !!document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')"

    def open(self) -> PlainNotebook:
        """Show it and wait until its kernel is idle."""
        self.page.goto(f"{self.jupyter.url}/notebooks/{self.name}?token={TOKEN}")
        self.page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
        self.idle()
        return self
