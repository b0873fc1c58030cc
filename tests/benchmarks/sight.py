"""python -m tests.benchmarks.sight: how fast what happens is seen, in JupyterLab in a real browser.

The bars are absolute: nothing else shows this.  A row is timed from the moment in the event to the
moment at which its line has changed in the page; both clocks are this machine's.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.values import replace
from tests.benchmarks.harness import Sample
from tests.browser.jupyter import FLAGS, Jupyter, Notebook
from tests.needs import browser_path, why_not
from tests.stores import Store

SLEEP = ["sleep", "1000"]
# notes when a line of the table is put in, taken out or changed
_WATCH = """el => {
    window.seen = [];
    new MutationObserver((changes) => {
        const at = performance.timeOrigin + performance.now();
        const note = (tr) => tr.dataset?.key && window.seen.push([tr.dataset.state, tr.dataset.key, at]);
        for (const change of changes) {
            change.addedNodes.forEach(note);
            if (change.type === 'attributes') note(change.target);
        }
    }).observe(el, {childList: true, subtree: true, attributes: true, attributeFilter: ['data-state']});
}"""
_FIRST_DRAW = """() => new Promise((done) => {
    const look = () => {
        const drawn = document.querySelectorAll('.nbc tbody tr').length > 50;
        const count = document.querySelector('.nbc .nbc-count')?.textContent ?? '';
        if (!drawn || !count.startsWith('1000 ')) requestAnimationFrame(look);
        else done(performance.timeOrigin + performance.now());
    };
    look();
})"""


class Stage:
    """A browser, a server and a store for all measures."""

    def __init__(self, browser: Any, folder: str) -> None:
        self.browser = browser
        self.store = Store.make(f"{folder}/s")
        self.engine: Any = self.store.engine()
        self.jupyter = Jupyter(self.store)
        self.engine.run("toolbox", ["true"], rm=True)

    def open(self, *cells: str) -> Notebook:
        context = self.browser.new_context(viewport={"width": 1180, "height": 900})
        name = self.jupyter.write(f"bench-{time.time_ns()}.ipynb", cells)
        return Notebook(self.jupyter, context.new_page(), name).open()

    def kernel_cpu_s(self) -> float:
        """Return the processor time of the notebook kernel so far."""
        found = 0.0
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    if "ipykernel_launcher" not in file.read():
                        continue
                with open(f"/proc/{pid}/environ") as file:
                    if self.store.home not in file.read():
                        continue
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found

    def close(self) -> None:
        self.jupyter.close()
        self.store.end()


def event_to_row(stage: Stage) -> tuple[Sample, str]:
    """A container starts elsewhere; its line changes in the page."""
    book = stage.open("%cont ps -a")
    book.run_all()
    board = book.page.locator(".nbc")
    board.wait_for(timeout=30_000)
    board.evaluate(_WATCH)
    happened = {}
    follower = stage.engine.follow()
    for number in range(25):
        stage.engine.run("toolbox", SLEEP, name=f"b{number}", detach=True)
        time.sleep(0.15)  # one at a time, as a person sees them
    while True:
        try:
            event = follower.next_within(0.2)
        except TimeoutError:
            break
        if event.action == "start":
            happened[event.id[:12]] = event.time_ns / 1e6
    follower.close()
    seen = {
        key: at
        for word, key, at in book.page.evaluate("window.seen")
        if word in ("running", "come")
    }
    clear(stage)
    values = [(seen[key] - at) / 1e3 for key, at in happened.items() if key in seen]
    return Sample(tuple(values)), "ms"


def idle_panel(stage: Stage) -> tuple[Sample, str]:
    """What the kernel uses while a panel shows 50 containers in which nothing happens."""
    for number in range(50):
        stage.engine.run("toolbox", SLEEP, name=f"i{number}", detach=True)
    book = stage.open("%cont panel")
    book.run_all()
    book.page.locator(".nbc tbody tr").nth(49).wait_for(timeout=60_000)
    time.sleep(3)
    before, began = stage.kernel_cpu_s(), time.monotonic()
    time.sleep(20)
    share = (stage.kernel_cpu_s() - before) / (time.monotonic() - began)
    clear(stage)
    return Sample((share,)), "%"


def thousand(stage: Stage) -> tuple[Sample, str]:
    """From the press of the key to a table of 1,000 lines."""
    made = stage.engine.create("toolbox", ["true"], name="first")
    host = stage.engine.host
    config: RuntimeConfig = host.containers.config(made.id)
    for number in range(999):
        copy = replace(config, id=f"{number:012x}" + "0" * 52, name=f"c{number}")
        host.containers.create(copy)
    values = []
    for _ in range(3):
        book = stage.open("%cont ps -a")
        book.run_cell(0)
        book.idle()
        cell = book.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-content")
        cell.click()
        began = time.time()
        book.page.keyboard.press("Control+Enter")
        values.append(book.page.evaluate(_FIRST_DRAW) / 1e3 - began)
        stage.jupyter.end_kernels()
    clear(stage)
    return Sample(tuple(values)), "ms"


def terminal(stage: Stage) -> tuple[Sample, str]:
    """From a key to its echo on the screen."""
    book = stage.open("%cont run -it --rm toolbox cat")
    book.run_all()
    book.page.locator(".nbct .xterm-screen").wait_for(timeout=30_000)
    book.page.locator(".nbct .xterm-screen").click()
    values = book.page.evaluate(
        """async () => {
            const { term } = document.querySelector('.nbct').nbct;
            const times = [];
            for (let n = 0; n < 40; n++) {
                const began = performance.now();
                const echoed = new Promise((done) => {
                    const off = term.onWriteParsed(() => { off.dispose(); done(); });
                });
                term.input('x');
                await echoed;
                times.push((performance.now() - began) / 1e3);
                await new Promise((done) => setTimeout(done, 60));
            }
            return times;
        }"""
    )
    clear(stage)
    return Sample(tuple(values)), "ms"


def picture(stage: Stage) -> tuple[Sample, str]:
    """`anatomy web`, facts and drawing."""
    from nbcontainer.render.anatomy_svg import picture as draw

    stage.engine.run("toolbox", SLEEP, name="web", detach=True)
    values = []
    for _ in range(20):
        began = time.perf_counter()
        draw(stage.engine.anatomy("web"))
        values.append(time.perf_counter() - began)
    clear(stage)
    return Sample(tuple(values)), "ms"


def clear(stage: Stage) -> None:
    stage.jupyter.end_kernels()
    names = stage.engine.ps(all=True).ids
    if names:
        stage.engine.rm(*names, force=True)


# name -> (what is measured, the bar, the aim), in the unit that is shown
MEASURES: dict[str, tuple[Callable[[Stage], tuple[Sample, str]], str, float, float]] = {
    "row": (event_to_row, "event to changed row in the page", 100, 40),
    "idle": (idle_panel, "idle panel, 50 containers: kernel's share of a core", 1, 0.2),
    "thousand": (thousand, "table of 1,000 containers: first draw", 500, 200),
    "key": (terminal, "terminal: key to echo", 50, 20),
    "anatomy": (picture, "anatomy", 150, 50),
}


def main(names: list[str]) -> int:
    """Print the table as markdown; the exit code is 1 if a bar was not met."""
    if reason := why_not("browser"):
        print(reason)
        return 1
    from playwright.sync_api import sync_playwright

    missed = 0
    print("| measure | median (min–max) | bar | aim | |\n|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="nbc-sight-", ignore_cleanup_errors=True) as folder,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        stage = Stage(browser, folder)
        try:
            for name in names or MEASURES:
                measure, title, bar, aim = MEASURES[name]
                sample, unit = measure(stage)
                scale = 100 if unit == "%" else 1000
                low, middle, high = (
                    scale * pick(sample.values) for pick in (min, statistics.median, max)
                )
                verdict = "aim met" if middle <= aim else "met" if middle <= bar else "**not met**"
                missed += middle > bar
                print(
                    f"| {title} | {middle:.3g} ({low:.3g}–{high:.3g}) {unit} | {bar:g} | {aim:g} "
                    f"| {verdict} |",
                    flush=True,
                )
        finally:
            stage.close()
            browser.close()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
