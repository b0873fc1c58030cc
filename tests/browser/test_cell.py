"""What a cell changed stands folded below it."""

from tests.needs import playwright

expect = playwright().expect


def test_a_cell_that_changed_files_says_so_and_one_that_did_not_is_silent(notebook, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    book = notebook(
        "%cont exec web sh -c 'echo one > /srv/page; echo two >> /etc/motd'",
        "%cont version;",
        "%cont config changes off",
        "%cont exec web sh -c 'echo three > /srv/other'",
        "print('do' + 'ne')",
    )
    book.run_all()
    expect(book.page.locator(".jp-OutputArea").get_by_text("done")).to_be_visible(timeout=30_000)
    folded = book.page.locator(".jp-OutputArea details summary", has_text="This cell:")
    expect(folded).to_have_count(1)
    expect(folded).to_contain_text("web ran a program · 2 files")
    folded.click()
    details = book.page.locator(".jp-OutputArea details")
    expect(details).to_contain_text("added    /srv/page")
    expect(details).to_contain_text("+one")
    book.shot("changes", details)


def test_the_picture_of_a_container_is_shown_and_saved(notebook, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True, memory="64m")
    book = notebook("%cont anatomy web", height=1300)
    book.run_all()
    picture = book.page.locator(".jp-RenderedSVG").last
    expect(picture).to_be_visible(timeout=30_000)
    book.shot("anatomy", picture)
    outputs = book.save()["cells"][1]["outputs"]
    data = next(out["data"] for out in outputs if "image/svg+xml" in out["data"])
    assert "Namespaces" in "".join(data["text/plain"])
