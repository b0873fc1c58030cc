"""A terminal in a cell: typed into, resized, left and found again."""

import hashlib

import pytest

from tests.browser.test_explorer import SHOW, STATIC
from tests.needs import playwright

expect = playwright().expect

# from a few lines to nearly all of ten megabytes
MEGABYTES_A_SECOND = """el => new Promise((done) => {
    let [began, first] = [0, 0];
    const look = setInterval(() => {
        const { drawn } = el.nbct;
        if (!began && drawn > 50000) [began, first] = [performance.now(), drawn];
        if (drawn < 9.5e6) return;
        clearInterval(look);
        done((drawn - first) / 1e3 / (performance.now() - began));
    }, 5);
})"""


def terminal(book):
    return book.page.locator(".nbct").last


def text_of(book):
    return terminal(book).locator(".xterm-rows").inner_text().replace("\xa0", " ")


def shows(book, text, timeout=15_000):
    expect(terminal(book).locator(".xterm-rows")).to_contain_text(text, timeout=timeout)


def enter(book, text):
    terminal(book).locator(".xterm-screen").click()
    book.page.keyboard.type(text)
    book.page.keyboard.press("Enter")


def test_a_program_is_typed_into_and_its_screen_is_saved_with_the_notebook(notebook, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    book = notebook("%cont exec -it web sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    enter(book, "echo sum=$((40+2)) Grüße 你好")
    shows(book, "sum=42 Grüße 你好")
    enter(book, "printf '\\033[31mred\\033[0m \\033[1;32mgreen\\033[0m\\n'; stty size")
    shows(book, "red green")
    book.shot("terminal", terminal(book))
    enter(book, "exit 3")
    expect(terminal(book).locator(".nbct-state")).to_have_text("exit code 3", timeout=10_000)
    expect(book.page.locator(".nbct-still")).to_contain_text("sum=42", timeout=10_000)
    data = book.save()["cells"][1]["outputs"][-1]["data"]
    assert "sum=42 Grüße 你好" in "".join(data["text/plain"])
    assert "color:#c0392b" in "".join(data["text/html"])


def test_a_page_that_is_loaded_again_has_its_screen_and_goes_on(notebook, engine):
    book = notebook("%cont run -it --rm --name box toolbox sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    enter(book, "X=kept; echo first-$X")
    shows(book, "first-kept")
    book.save()
    book.open()
    shows(book, "first-kept")
    enter(book, "echo second-$X")
    shows(book, "second-kept")


def test_a_program_is_let_go_of_and_joined_again(notebook, engine):
    book = notebook("%cont run -it --name box toolbox sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    enter(book, "X=kept; echo is-$X")
    shows(book, "is-kept")
    book.page.keyboard.press("Control+p")
    book.page.keyboard.press("Control+q")
    expect(terminal(book)).to_have_attribute("data-status", "detached", timeout=5_000)
    assert engine.ps()["Names"] == ["box"]
    terminal(book).get_by_role("button", name="Attach again").click()
    expect(terminal(book)).to_have_attribute("data-status", "running", timeout=5_000)
    enter(book, "echo still-$X")
    shows(book, "still-kept")


def test_the_program_follows_the_size_of_its_terminal(notebook, engine):
    book = notebook("%cont run -it --rm toolbox sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    enter(book, "stty size")
    rows = terminal(book).locator(".xterm-rows > div").count()
    shows(book, f"{rows} ")
    terminal(book).locator(".nbct-box").evaluate("box => box.style.height = '180px'")
    expect(terminal(book).locator(".xterm-rows > div")).not_to_have_count(rows)
    now = terminal(book).locator(".xterm-rows > div").count()
    enter(book, "clear; stty size")
    shows(book, f"{now} ")


def test_a_long_paste_arrives_whole(notebook, engine):
    book = notebook("%cont run -it --rm toolbox sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    enter(book, "cat > /tmp/pasted; echo; sha256sum /tmp/pasted")
    text = "".join(f"line {number} äöü\n" for number in range(3000))
    terminal(book).locator("textarea").evaluate(
        """(area, text) => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            area.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));
        }""",
        text,
    )
    book.page.keyboard.press("Control+d")
    shows(book, hashlib.sha256(text.encode()).hexdigest(), timeout=30_000)


def test_ten_megabytes_come_without_a_stall_or_a_lost_byte(notebook, engine):
    """The page counts what it has drawn; the program's last words come after all the rest."""
    book = notebook("%cont run -it --rm toolbox sh")
    book.run_all()
    terminal(book).wait_for(timeout=30_000)
    line = "0123456789abcdefghijklmnopqrstuvwxyz" * 2
    enter(book, f"yes {line} | head -c 10000000; echo; echo all-$((1+1))-there")
    speed = terminal(book).evaluate(MEGABYTES_A_SECOND)
    shows(book, "all-2-there", timeout=60_000)
    # the bar is 5 on a machine of its own
    assert speed > 1, f"drawn at {speed:.1f} MB/s"
    seen = terminal(book).evaluate("el => el.nbct.drawn")
    # each line end became two bytes on its way through the terminal
    lines = 10_000_000 // (len(line) + 1)
    assert seen > 10_000_000 + lines


def test_keys_are_answered_while_a_cell_runs(notebook, engine):
    book = notebook(
        "%cont run -it --rm toolbox sh", "import time; print('be' + 'gun'); time.sleep(8)"
    )
    book.run_cell(0)
    book.idle()
    book.run_cell(1)
    terminal(book).wait_for(timeout=30_000)
    enter(book, "echo ready-$((1+1))")
    shows(book, "ready-2")
    book.run_cell(2)
    expect(book.page.locator(".jp-OutputArea").get_by_text("begun")).to_be_visible(timeout=10_000)
    enter(book, "echo typed-$((1+1))")
    shows(book, "typed-2", timeout=5_000)


@pytest.mark.parametrize("status", ["running", "detached", "ended"])
def test_a_keyboard_leaves_a_terminal_whatever_became_of_its_program(browser, status):
    page = browser.new_page()
    page.set_content(
        f"<style>{(STATIC / 'terminal.css').read_text()}</style>"
        "<button>before</button><main id=here></main><button>after</button>"
    )
    state = {"line": "%cont exec -it web sh", "note": "", "screen": "", "status": status}
    page.evaluate(SHOW, [(STATIC / "terminal.js").read_text(), state])
    keys = page.locator(".xterm-helper-textarea")
    for leave in ["Shift+Escape"] if status == "running" else ["Shift+Escape", "Tab", "Shift+Tab"]:
        keys.focus()
        page.keyboard.press(leave)
        expect(keys).not_to_be_focused()
        if leave != "Shift+Escape":
            name = "after" if leave == "Tab" else "before"
            expect(page.get_by_role("button", name=name)).to_be_focused()
    page.close()
