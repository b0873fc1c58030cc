"""Jupyter Notebook 7 beside JupyterLab: the same widgets in another page."""

from tests.browser.jupyter import PlainNotebook
from tests.needs import playwright

expect = playwright().expect

SLEEPER = ["sleep", "600"]


def test_a_table_follows_and_a_click_acts(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True, stop_timeout=0)
    book = notebook("%cont ps -a", look=PlainNotebook, height=400)
    book.run_all()
    board = book.page.locator(".nbc[data-look=table]").last
    row = board.locator("tbody tr").filter(has_text="web")
    expect(row).to_have_attribute("data-state", "running", timeout=30_000)
    row.locator("input").check()
    board.get_by_role("button", name="Stop", exact=True).click()
    expect(row).to_have_attribute("data-state", "exited", timeout=10_000)
    expect(board).to_contain_text("%cont stop web")
    book.shot("plain-notebook", book.page.locator(".jp-NotebookPanel"))


def test_a_terminal_is_typed_into(notebook, engine):
    engine.run("toolbox", SLEEPER, name="web", detach=True, stop_timeout=0)
    book = notebook("%cont exec -it web sh", look=PlainNotebook)
    book.run_all()
    screen = book.page.locator(".nbct").last
    expect(screen.locator(".xterm-rows")).to_contain_text("#", timeout=30_000)
    screen.locator(".xterm-screen").click()
    book.page.keyboard.type("echo $((40 + 2))")
    book.page.keyboard.press("Enter")
    expect(screen.locator(".xterm-rows")).to_contain_text("42", timeout=15_000)
    book.page.keyboard.type("exit")
    book.page.keyboard.press("Enter")
    expect(screen).to_contain_text("exit", timeout=15_000)
