"""The panel: all of it on one screen, in both themes."""

from tests.needs import playwright

expect = playwright().expect

TALKER = ["sh", "-c", "echo out; echo -e '\\033[32mgreen\\033[0m'; echo err >&2; exec sleep 600"]


def panel(book):
    return book.page.locator(".nbc[data-look=panel]").last


def test_the_panel_shows_containers_images_volumes_figures_events_and_logs(notebook, engine):
    engine.run("toolbox", TALKER, name="web", detach=True)
    engine.run("toolbox", ["sh", "-c", "while :; do :; done"], name="busy", detach=True, cpus="0.2")
    engine.create("toolbox", ["true"], name="waiting")
    engine.volume_create("data")
    book = notebook("%cont panel")
    book.run_all()
    board = panel(book)
    expect(board.locator("tbody tr:visible")).to_have_count(3, timeout=30_000)
    board.locator("tbody tr", has_text="web").get_by_role("checkbox").check()
    board.get_by_role("button", name="Logs").click()
    output = board.locator(".nbc-output")
    expect(output).to_contain_text("green")
    expect(output.locator("[data-stream=stderr]")).to_have_text("err\n")
    expect(board.get_by_role("tab", name="Logs")).to_have_attribute("aria-selected", "true")
    book.shot("panel", board)

    board.get_by_role("tab", name="Stats").click()
    expect(board.locator("section:visible .nbc-line").first).to_be_attached(timeout=10_000)
    expect(board.locator("section:visible tbody tr")).to_have_count(2)
    book.page.wait_for_function(
        """() => [...document.querySelectorAll('.nbc-spark polyline')].some(
            (line) => line.getAttribute('points').split(' ').length > 7)""",
        timeout=30_000,
    )
    book.shot("panel-stats", board)
    board.get_by_role("tab", name="Events").click()
    events = board.locator("section:visible tbody tr")
    expect(events.filter(has_text="busy").first).to_be_visible()
    engine.volume_create("late")
    expect(events.first).to_contain_text("late", timeout=3_000)
    board.get_by_role("tab", name="Volumes").click()
    expect(board.locator("section:visible tbody tr", has_text="late")).to_be_visible()
    board.get_by_role("tab", name="Images").click()
    expect(board.locator("section:visible tbody tr", has_text="toolbox")).to_be_visible()


def test_the_panel_reads_as_well_in_the_dark(notebook, engine):
    engine.run("toolbox", TALKER, name="web", detach=True)
    engine.run("toolbox", ["sh", "-c", "exit 1"], name="failed")
    book = notebook("%cont panel", "%cont exec -it web sh")
    book.dark()
    book.run_all()
    board = panel(book)
    expect(board.locator("tbody tr:visible")).to_have_count(2, timeout=30_000)
    board.locator("tbody tr", has_text="web").get_by_role("checkbox").check()
    book.shot("panel-dark", board)
    book.page.locator(".nbct").wait_for(timeout=20_000)
    book.page.locator(".nbct .xterm-screen").click()
    book.page.keyboard.type("ls --color=always /\n")
    expect(book.page.locator(".nbct .xterm-rows")).to_contain_text("etc")
    book.shot("terminal-dark", book.page.locator(".nbct"))
    ink, paper = board.evaluate(
        "el => { const s = getComputedStyle(el); return [s.color, s.backgroundColor]; }"
    )
    assert brightness(ink) - brightness(paper) > 120


def brightness(colour):
    red, green, blue = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_figures_events_and_logs_are_saved_as_they_were_last_seen(notebook, engine):
    engine.run("toolbox", TALKER, name="web", detach=True)
    book = notebook("%cont stats", "%cont events --since 10m", "%cont logs -f --tail 2 web")
    book.run_all()
    log = book.page.locator(".nbc[data-look=log]")
    expect(log.locator(".nbc-out")).to_have_text(["green\n", "err\n"], timeout=30_000)
    # whoever sees the live one needs no still one below it
    expect(book.page.locator(".nbc-still").last).to_be_attached()
    expect(book.page.locator(".nbc-still:visible")).to_have_count(0)
    book.page.wait_for_function(
        "() => [...document.querySelectorAll('.nbc-still')].some((e) => /green/.test(e.textContent))",
        timeout=15_000,
    )
    cells = book.save()["cells"][1:]
    told = [str(cell["outputs"][-1]["data"]["text/plain"]) for cell in cells]
    assert ["web" in text for text in told] == [True, True, True]
    assert "CPU %" in told[0]
    assert "start" in told[1]
    assert "green" in told[2]
    assert all("<" in str(cell["outputs"][-1]["data"]["text/html"]) for cell in cells)


def test_output_is_followed_into_the_next_life_of_its_container(notebook, engine):
    engine.run("toolbox", ["sh", "-c", "echo hello; exec sleep 600"], name="web", detach=True)
    book = notebook("%cont logs -f web")
    book.run_all()
    log = book.page.locator(".nbc[data-look=log]")
    expect(log.locator(".nbc-out")).to_have_text(["hello\n"], timeout=30_000)
    engine.kill("web")
    expect(log.locator(".nbc-log-state")).to_have_text("the container has ended")
    engine.start("web")
    expect(log.locator(".nbc-out")).to_have_text(["hello\n", "hello\n"], timeout=10_000)
    expect(log.locator(".nbc-log-state")).to_have_text("")


THREADS = "import threading; print('threads:', sorted(t.name for t in threading.enumerate()))"


def test_a_page_that_is_loaded_again_and_cleared_leaves_nobody_measuring(notebook, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    book = notebook("%cont stats", THREADS)
    book.run_all()
    expect(book.page.locator(".nbc tbody tr")).to_have_count(1, timeout=30_000)
    book.save()
    book.open()
    expect(book.page.locator(".nbc tbody tr")).to_have_count(1, timeout=30_000)
    book.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".cm-content").click()
    book.menu("Edit", "Clear Cell Output")
    expect(book.page.locator(".nbc")).to_have_count(0)
    for _ in range(10):
        book.run_cell(2)
        book.idle()
        book.page.wait_for_timeout(500)
        told = book.page.locator(".jp-OutputArea").get_by_text("threads:").last.inner_text()
        if "nbcontainer-stats" not in told:
            return
    raise AssertionError(told)
