"""Live tables in JupyterLab: rows come, change and go, and a click is a command line."""

import re

from tests.needs import playwright

expect = playwright().expect

SLEEPER = ["sleep", "600"]


def table(book, at=-1):
    boards = book.page.locator(".nbc[data-look=table]")
    return boards.last if at == -1 else boards.nth(at)


def row(board, name):
    return board.locator("tbody tr").filter(
        has=board.page.locator(f'td[data-field="Names"]:text-is("{name}")')
    )


def test_a_row_comes_changes_and_goes_as_another_client_works(notebook, engine):
    engine.run("toolbox", SLEEPER, name="first", detach=True)
    book = notebook("%cont ps -a")
    book.run_all()
    board = table(book)
    expect(row(board, "first")).to_be_visible(timeout=30_000)
    # the still twin is for pages that cannot show the live one
    expect(book.page.locator(".jp-RenderedHTML table")).to_be_hidden()

    engine.run("toolbox", SLEEPER, name="second", detach=True)
    expect(row(board, "second")).to_have_attribute("data-state", "running", timeout=2_000)
    expect(board.locator("tbody tr").first).to_contain_text("second")
    book.shot("ps-live", board)

    engine.kill("second")
    expect(row(board, "second")).to_have_attribute("data-state", "exited", timeout=2_000)
    expect(row(board, "second").locator('[data-field="Status"]')).to_contain_text("Exited (137)")
    engine.rm("second")
    expect(row(board, "second")).to_have_count(0, timeout=2_000)
    assert re.search(r"1 container\b", board.locator(".nbc-count").first.inner_text())


def test_a_click_stops_a_container_and_shows_the_line_that_does_it(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True, stop_timeout=0)
    book = notebook("%cont ps -a")
    book.run_all()
    board = table(book)
    row(board, "web").locator("input").check()
    book.shot("ps-selected", board)
    board.get_by_role("button", name="Stop").click()
    echo = board.locator(".nbc-echo")
    expect(echo.locator(".nbc-command")).to_have_text("%cont stop web")
    expect(echo.locator(".nbc-outcome")).to_have_text("✓ web", timeout=15_000)
    expect(row(board, "web")).to_have_attribute("data-state", "exited")
    book.shot("ps-echo", board)

    echo.get_by_role("button", name="Add cell").click()
    cells = book.page.locator(".jp-Notebook .jp-Cell")
    expect(cells).to_have_count(3)
    expect(cells.nth(2).locator(".cm-content")).to_have_text("%cont stop web")

    board.get_by_role("button", name="Remove").click()
    expect(echo.locator(".nbc-command")).to_have_text("%cont rm -f web")
    expect(row(board, "web")).to_have_count(1)
    echo.get_by_role("button", name="Do it").click()
    expect(row(board, "web")).to_have_count(0, timeout=5_000)


def test_lines_are_sorted_filtered_and_columns_chosen(notebook, engine):
    for name in ("alpha", "beta", "gamma"):
        engine.create("toolbox", ["true"], name=name)
    book = notebook("%cont ps -a")
    book.run_all()
    board = table(book)
    names = board.locator('td[data-field="Names"]')
    expect(names).to_have_text(["gamma", "beta", "alpha"])
    board.get_by_role("button", name="NAMES").click()
    expect(names).to_have_text(["alpha", "beta", "gamma"])
    expect(board.locator("th[aria-sort=ascending]")).to_contain_text("NAMES")
    board.get_by_role("button", name="NAMES").click()
    expect(names).to_have_text(["gamma", "beta", "alpha"])
    board.get_by_role("searchbox").first.fill("bet")
    expect(names).to_have_text(["beta"])
    expect(board.locator(".nbc-count").first).to_have_text("1 of 3 containers")
    board.locator(".nbc-menu summary").click()
    board.locator(".nbc-sheet").get_by_text("COMMAND").click()
    expect(board.locator('td[data-field="Command"]')).to_have_count(0)
    expect(names).to_have_text(["beta"])


def test_a_page_that_is_loaded_again_has_the_table_and_goes_on(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True)
    book = notebook("%cont ps -a")
    book.run_all()
    expect(row(table(book), "web")).to_be_visible(timeout=30_000)
    book.save()
    engine.run("toolbox", SLEEPER, name="late", detach=True)
    book.open()
    expect(row(table(book), "late")).to_be_visible(timeout=30_000)
    engine.rm("late", force=True)
    expect(row(table(book), "late")).to_have_count(0, timeout=2_000)


def test_without_its_kernel_the_table_says_so_and_the_still_one_is_saved(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True)
    book = notebook("%cont ps -a")
    book.run_all()
    board = table(book)
    expect(row(board, "web")).to_be_visible(timeout=30_000)
    saved = book.save()
    outputs = saved["cells"][1]["outputs"]
    assert "web" in str(outputs[-1]["data"]["text/html"])
    assert "web" in str(outputs[-1]["data"]["text/plain"])
    book.jupyter.end_kernels()
    expect(board.locator(".nbc-lost")).to_be_visible(timeout=15_000)
    expect(row(board, "web")).to_be_visible()
    # the browser's own word that its connection was closed
    book.errors.clear()


def test_no_live_and_a_value_show_nothing_that_follows(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True)
    book = notebook(
        "%cont ps --no-live", "x = %cont ps", "%cont ps;", "x.ids and print('ma' + 'rk')"
    )
    book.run_all()
    expect(book.page.locator(".jp-OutputArea").get_by_text("mark")).to_be_visible(timeout=30_000)
    expect(book.page.locator(".jp-RenderedHTML table")).to_have_count(1)
    expect(book.page.locator(".nbc")).to_have_count(0)
