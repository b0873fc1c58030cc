from nbcontainer.panels.explorer import LayerExplorer
from nbcontainer.panels.live import Live
from nbcontainer.results import Detail
from tests.pages import pages as pages

DOCUMENT = {"Image": "sha256:1", "Efficiency": 1.0, "WastedBytes": 0, "Wasted": [], "Layers": []}


def test_the_page_has_the_whole_document_and_nothing_to_ask_for(pages):
    widget = LayerExplorer("web:1", DOCUMENT)
    assert pages[0].state["document"] == DOCUMENT
    assert pages[0].state["title"] == "web:1"
    assert repr(widget) == "<layers of web:1>"
    assert widget.view()["model_id"] == widget.model_id


def test_it_shows_what_the_command_found(pages):
    class Parsed:
        class args:
            image = "web:1"

    live = Live(lambda: None)
    made = live.layers(Parsed, Detail([DOCUMENT], single=True))
    assert (made.title, made.document) == ("web:1", DOCUMENT)
