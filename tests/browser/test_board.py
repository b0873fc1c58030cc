"""A board in a bare page: what it draws, says and asks for does not depend on a notebook."""

import json

import pytest

from tests.browser.test_accessibility import BOARD, row
from tests.browser.test_explorer import STATIC
from tests.needs import playwright

expect = playwright().expect
ACTIONS = [
    {"id": "pause", "label": "Pause", "words": ["pause"], "ending": [], "states": ["running"],
     "needs": "some", "confirm": False, "where": "here"},
    {"id": "rm", "label": "Remove", "words": ["rm", "-f"], "ending": [], "states": [],
     "needs": "some", "confirm": True, "where": "here"},
    {"id": "prune", "label": "Prune", "words": ["container", "prune"], "ending": [], "states": [],
     "needs": "none", "confirm": True, "where": "here"},
]  # fmt: skip
COLUMNS = [
    ["ID", "CONTAINER ID"], ["Image", "IMAGE"], ["Command", "COMMAND"], ["Status", "STATUS"],
    ["Ports", "PORTS"], ["Names", "NAMES"],
]  # fmt: skip
VIEW = {
    "id": "containers", "kind": "container", "noun": "container", "title": "Containers",
    "sampled": False, "columns": COLUMNS, "actions": ACTIONS,
}  # fmt: skip
# a widget's model whose other end is the test: `sent` holds what the page said, `hear` tells it something
SHOW = """async ([source, state]) => {
    const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    const widget = (await import(url)).default;
    const heard = [], changed = [];
    window.sent = [];
    window.hear = (message) => heard.forEach((each) => each(message));
    const kernel = {id: 'k', status: 'idle'};
    const statusChanged = {
        connect(look) { window.stateOf = (status) => { kernel.status = status; look(); }; },
        disconnect() {},
    };
    const manager = {context: {sessionContext: {session: {kernel}, statusChanged}}};
    const model = {
        get: (name) => state[name], set() {}, send(message) { window.sent.push(message); },
        on(name, each) { if (name === 'msg:custom') heard.push(each); }, off() {},
        widget_manager: manager,
    };
    window.close_ = widget.render({model, el: document.getElementById('here')});
}"""


@pytest.fixture
def bare(browser):
    """Show a board with these rows; `page.say` is a message of the kernel, `page.sent` what the page said."""
    pages = []

    def show(*rows, width=1180, **state):
        page = browser.new_page(viewport={"width": width, "height": 700})
        pages.append(page)
        page.set_content(
            f"<style>{(STATIC / 'board.css').read_text()}</style><main id=here></main>"
        )
        whole = {
            **BOARD, "look": "table", "log_of": "", "views": [VIEW],
            "rows": {"containers": list(rows)}, **state,
        }  # fmt: skip
        page.evaluate(SHOW, [(STATIC / "board.js").read_text(), whole])
        return page

    yield show
    for page in pages:
        page.close()


def sent(page, kind):
    return [each for each in page.evaluate("sent") if each["t"] == kind]


def say(bare, **message):
    bare.evaluate("message => hear(message)", message)


def test_a_button_acts_on_what_is_seen_and_on_nothing_behind_a_filter(bare):
    page = bare(row("web", "running"), row("db", "running"), row("work", "running"))
    page.get_by_label("Select all containers").check()
    expect(page.locator(".nbc-chosen")).to_have_text("3 selected")
    page.get_by_role("searchbox").fill("web")
    expect(page.locator(".nbc-chosen")).to_have_text("1 selected")
    page.get_by_role("button", name="Pause").click()
    assert [each["names"] for each in sent(page, "do")] == [["web"]]
    page.get_by_role("searchbox").fill("nothing")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("searchbox").fill("")
    expect(page.locator(".nbc-chosen")).to_have_text("3 selected")


def test_a_question_is_a_line_two_buttons_and_escape_takes_it_back(bare):
    page = bare(row("web", "running"))
    page.get_by_role("button", name="Prune").click()
    echo = page.locator(".nbc-echo")
    expect(echo).to_have_text("%cont container pruneDo itCancel")
    page.keyboard.press("Escape")
    expect(echo).to_be_hidden()
    expect(page.get_by_role("button", name="Prune")).to_be_focused()
    assert sent(page, "do") == []


def test_what_takes_long_is_told_as_what_it_is_and_then_its_result(bare):
    page = bare(row("web", "running"), row("db", "running"))
    page.get_by_label("Select web").check()
    page.get_by_role("button", name="Pause").click()
    outcome = page.locator(".nbc-outcome")
    expect(outcome).to_contain_text("The notebook kernel is busy", timeout=6_000)
    say(page, t="echo", n=1, line="%cont pause web")
    expect(outcome).to_have_count(0)
    expect(outcome).to_have_text("… Not done yet: the engine is at it.", timeout=6_000)
    say(page, t="done", n=1, lines=["web"], errors=[], good=True)
    expect(outcome).to_have_text("✓ web")


def test_an_outcome_that_comes_after_another_click_is_told_too(bare):
    page = bare(row("web", "running"))
    page.get_by_label("Select web").check()
    for _ in range(2):
        page.get_by_role("button", name="Pause").click()
    say(page, t="done", n=2, lines=["second"], errors=[], good=True)
    say(page, t="done", n=1, lines=["first"], errors=[], good=True)
    expect(page.locator(".nbc-outcome")).to_have_text("✓ first")


def test_each_outcome_has_a_line_and_a_mark_of_its_own(bare):
    page = bare(row("web", "running"))
    page.get_by_label("Select web").check()
    page.get_by_role("button", name="Pause").click()
    say(
        page, t="done", n=1, lines=["web", "db"], errors=["Error: no such container: x"], good=False
    )
    told = page.locator(".nbc-outcome")
    expect(told).to_have_text(["✓ web", "✓ db", "✗ Error: no such container: x"])
    assert "nbc-bad" not in told.nth(0).get_attribute("class")
    assert "nbc-bad" in told.nth(2).get_attribute("class")


def test_after_the_kernels_end_nothing_can_be_pressed_and_nothing_grows_older(bare):
    aged = {**row("web", "running"), "ages": {"Status": ["Up {}", 1_000]}}
    page = bare(aged)
    page.get_by_label("Select web").check()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.evaluate("stateOf('restarting')")
    expect(page.locator(".nbc-lost")).to_be_visible()
    for name in ("Pause", "Remove", "Prune"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    expect(page.locator(".nbc-live").first).to_be_hidden()
    page.evaluate(
        "window.now = Date.now; Date.now = () => window.now() + 86400000 * 40000",
    )
    cell = page.locator('td[data-field="Status"]')
    before = cell.inner_text()
    page.wait_for_timeout(1_500)
    assert cell.inner_text() == before


def test_a_published_port_is_a_link_and_no_other_address_is(bare):
    ports = "0.0.0.0:8080->80/tcp, 0.0.0.0:99->99/tcp"
    web = row("web", "running")
    web["cells"]["Ports"] = ports
    first, second = ports.split(", ")
    web["links"] = {first: "http://localhost:8080/", second: "javascript:alert(1)"}
    page = bare(web)
    cell = page.locator('td[data-field="Ports"]')
    expect(cell).to_have_text(ports)
    expect(cell.locator("a")).to_have_count(1)
    expect(cell.locator("a")).to_have_attribute("href", "http://localhost:8080/")
    changed = json.loads(json.dumps(web))
    changed["cells"]["Ports"], changed["links"] = "", {}
    say(page, t="patch", view="containers", put=[changed], drop=[])
    expect(cell).to_have_text("")


@pytest.mark.parametrize("width", [1180, 700])
def test_names_stay_on_the_screen_whatever_the_ports(bare, width):
    web = row("web", "running")
    web["cells"] |= {
        "Image": "registry.example.org/some/team/image:2026-11", "Command": '"docker-entrypoint.sh n…"',
        "Ports": ", ".join(f"0.0.0.0:{port}->{port}/tcp" for port in range(8080, 8088)),
    }  # fmt: skip
    page = bare(web, width=width)
    name = page.locator('td[data-field="Names"]').bounding_box()
    frame = page.locator(".nbc").bounding_box()
    assert name["x"] >= frame["x"]
    assert name["x"] + name["width"] <= frame["x"] + frame["width"] + 1


def test_a_key_that_stops_a_container_leaves_the_focus_in_the_table(bare):
    page = bare(row("web", "running"))
    page.get_by_label("Select web").check()
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    say(page, t="patch", view="containers", put=[row("web", "paused")], drop=[])
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.get_by_role("button", name="Remove")).to_be_focused()


PANEL = {
    "look": "panel",
    "views": [VIEW, {**VIEW, "id": "stats", "title": "Stats", "sampled": True, "actions": []}],
}


def test_a_tab_names_its_part_and_has_it_named(bare):
    page = bare(row("web", "running"), **PANEL)
    for name in ("Stats", "Logs", "Containers"):
        tab = page.get_by_role("tab", name=name)
        tab.click()
        part = page.locator("[role=tabpanel]:visible")
        expect(part).to_have_count(1)
        assert tab.get_attribute("aria-controls") == part.get_attribute("id")
        assert part.get_attribute("aria-labelledby") == tab.get_attribute("id")


def test_the_panel_has_a_tab_of_logs_with_the_containers_to_choose_from(bare):
    page = bare(row("db", "running"), row("web", "exited"), **PANEL)
    page.get_by_role("tab", name="Logs").click()
    names = page.get_by_label("Which container")
    expect(names).to_have_value("db")
    names.select_option("web")
    assert [each["name"] for each in sent(page, "log")] == ["db", "web"]
    say(page, t="log", name="web", lines=[["stdout", "hello\n", 1]])
    expect(page.locator(".nbc-output")).to_have_text("hello\n")
    say(page, t="patch", view="containers", put=[row("new", "running")], drop=["db"])
    expect(names.locator("option")).to_have_text(["web", "new"])
    page.get_by_role("tab", name="Containers").click()
    assert sent(page, "log")[-1]["name"] == ""


def test_a_page_answers_for_itself_and_passes_over_what_is_for_another(bare):
    page = bare(row("web", "running"), **PANEL)
    page.get_by_role("tab", name="Stats").click()
    say(page, t="there")
    (own,) = {each["page"] for each in page.evaluate("sent")}
    assert sent(page, "here") == [{"t": "here", "view": "stats", "name": "", "page": own}]
    page.get_by_role("tab", name="Logs").click()
    say(page, t="log", page="another", name="web", lines=[["stdout", "theirs\n", 1]])
    say(page, t="log", page=own, name="web", lines=[["stdout", "ours\n", 1]])
    expect(page.locator(".nbc-output")).to_have_text("ours\n")
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    assert page.evaluate("sent")[-1]["t"] == "hidden"


def test_output_goes_on_after_a_restart_and_progress_is_drawn_over(bare):
    page = bare(look="log", views=[], log_of="web", log_times="on")
    state, lines = page.locator(".nbc-log-state"), page.locator(".nbc-out")
    say(page, t="log", name="web", lines=[["stdout", "prog 10%\r", 0], ["stdout", "prog 20%", 0]])
    expect(lines).to_have_text(["prog 20%"])
    say(page, t="log", name="web", lines=[["stderr", "err\n", 0], ["stdout", "\rdone\n", 0]])
    expect(lines).to_have_text(["done\n", "err\n"])
    say(page, t="log", name="web", end="")
    expect(state).to_have_text("the container has ended")
    say(page, t="log", name="web", again=True)
    expect(state).to_have_text("")
    # as events are told: by this page's clock
    local = page.evaluate("new Date(0).toTimeString().slice(0, 8)")
    expect(lines.first).to_have_attribute("data-at", f"{local}.000")
    expect(page.get_by_label("times")).to_be_checked()
    many = [["stdout", f"{n}\n", 0] for n in range(5001)]
    expect(page.get_by_text("only the last 5000 lines")).to_be_hidden()
    say(page, t="log", name="web", lines=many)
    expect(page.get_by_text("only the last 5000 lines")).to_be_visible()


def test_every_figure_has_a_chart_with_a_point_for_each_second(bare):
    figures = {"CPUPerc": 3.0, "NetIO": 1234.0, "PIDs": 4.0}
    web = {**row("web", "running"), "figures": figures}
    web["cells"] |= {"NetIO": "1kB / 0B", "PIDs": "4"}
    columns = [["CPUPerc", "CPU %"], ["NetIO", "NET I/O"], ["PIDs", "PIDS"]]
    page = bare(web, views=[{**VIEW, "sampled": True, "columns": columns}])
    page.wait_for_function(
        """() => document.querySelectorAll('polyline').length === 3 &&
            [...document.querySelectorAll('polyline')].every(
                (line) => line.getAttribute('points').split(' ').length >= 3)""",
        timeout=10_000,
    )
    expect(page.get_by_label("NET I/O over the last minute, now 1.23kB a second")).to_be_visible()
