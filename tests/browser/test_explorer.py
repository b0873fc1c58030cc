"""The layer explorer, in a bare page: what it draws does not depend on a notebook."""

from tests.browser.jupyter import keep_shot
from tests.needs import playwright
from tests.source import PACKAGE

expect = playwright().expect
STATIC = PACKAGE / "panels" / "static"
# the few things of a widget's model that a still widget asks
SHOW = """async ([source, state]) => {
    const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    const widget = (await import(url)).default;
    const model = {get: (name) => state[name], set() {}, on() {}, off() {}, send() {}};
    widget.render({model, el: document.getElementById('here')});
}"""


def layer(number, by, size, kept, tree=None, **counts):
    row = {
        "Number": number,
        "ID": f"{number:012x}",
        "CreatedBy": by,
        "SizeBytes": size,
        "KeptBytes": kept,
    }
    row |= {"Added": 0, "Changed": 0, "Removed": 0} | counts
    return row | ({"Tree": tree} if tree else {})


DOCUMENT = {
    "Efficiency": 0.872,
    "WastedBytes": 9_400_000,
    "Wasted": [
        {"path": "/var/cache/apt/archives/nginx.deb", "size_bytes": 7_200_000, "times": 2},
        {"path": "/etc/nginx/nginx.conf", "size_bytes": 2_200_000, "times": 3},
    ],
    "Layers": [
        layer(1, "COPY tools /", 31_000_000, 30_900_000, Added=812),
        layer(2, "RUN apt-get install -y nginx", 24_000_000, 16_800_000, Added=431, Changed=12),
        layer(
            3, "RUN rm -r /var/cache/apt && cp site.conf /etc/nginx", 2_300_000, 2_300_000,
            [
                {"path": "/etc/nginx/nginx.conf", "kind": "C", "size_bytes": 2_200_000},
                {"path": "/srv/index.html", "kind": "A", "size_bytes": 100_000},
                {"path": "/var/cache/apt/archives/nginx.deb", "kind": "D", "size_bytes": 0},
            ],
            Added=1, Changed=1, Removed=1,
        ),
    ],
}  # fmt: skip


def test_a_stack_shows_what_each_layer_does_and_what_is_wasted(browser):
    page = browser.new_page(viewport={"width": 1000, "height": 420})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(f"<style>{(STATIC / 'explorer.css').read_text()}</style><div id=here></div>")
    state = {"title": "me/web:2", "document": DOCUMENT}
    page.evaluate(SHOW, [(STATIC / "explorer.js").read_text(), state])
    stack = page.locator(".nbcl-layer")
    expect(stack).to_have_count(3)
    expect(stack.first).to_contain_text("RUN rm -r")
    expect(page.locator(".nbcl-all")).to_contain_text("87.2 % efficient, 9.4MB wasted")
    expect(page.locator(".nbcl-tree")).to_contain_text("nginx.deb")
    stack.first.click()
    expect(page.locator(".nbcl-tree .nbcl-added")).to_contain_text("+ index.html")
    expect(page.locator(".nbcl-tree .nbcl-changed")).to_contain_text("~ nginx.conf")
    keep_shot("layers", page.locator("#here"))
    assert errors == []
    page.close()


def test_a_list_that_was_cut_says_how_much_there_is(browser):
    page = browser.new_page()
    page.set_content("<div id=here></div>")
    tree = [{"path": f"/f{n}", "kind": "A", "size_bytes": 1} for n in range(3)]
    document = {**DOCUMENT, "Layers": [layer(1, "COPY", 3, 3, tree, Paths=1313)]}
    page.evaluate(
        SHOW, [(STATIC / "explorer.js").read_text(), {"title": "i", "document": document}]
    )
    expect(page.locator(".nbcl-head")).to_contain_text("1 layer")
    expect(page.locator(".nbcl-head")).not_to_contain_text("1 layers")
    page.locator(".nbcl-layer").click()
    expect(page.get_by_text("The 3 biggest of 1313 paths.")).to_be_visible()
    page.close()


def test_layers_opens_the_explorer_in_a_notebook(notebook, engine):
    engine.run("toolbox", ["sh", "-c", "echo new > /srv/page; rm /etc/group"], name="box")
    engine.commit("box", "me/web:2")
    book = notebook("%cont layers me/web:2")
    book.run_all()
    explorer = book.page.locator(".nbcl")
    expect(explorer.locator(".nbcl-layer")).to_have_count(2, timeout=30_000)
    expect(book.page.locator(".jp-RenderedText:visible")).to_have_count(0)
    # the still table is for pages that have no explorer
    expect(book.page.locator(".jp-RenderedHTML table")).to_be_hidden()
    explorer.locator(".nbcl-layer").first.click()
    expect(explorer.locator(".nbcl-tree .nbcl-added")).to_contain_text("+ page")
    expect(explorer.locator(".nbcl-tree .nbcl-removed")).to_contain_text("− group")
