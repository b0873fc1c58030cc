from xml.etree import ElementTree

import pytest

from nbcontainer.render.anatomy_svg import picture
from tests.anatomies import CROWDED, ENDED, EVERY, RUNNING

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("found", EVERY, ids=["running", "ended", "crowded"])
def test_the_picture_is_sound_and_needs_nothing_from_elsewhere(found):
    text = picture(found)
    root = ElementTree.fromstring(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "text", "circle", "path",
    }  # fmt: skip
    assert not any("href" in key or key.startswith("on") for e in root.iter() for key in e.attrib)
    assert root.find(f"{SVG}desc").text.startswith(found.name[:4].replace("<b>&", "<b>&"))


def test_everything_stays_within_the_sheet():
    root = ElementTree.fromstring(picture(CROWDED, RUNNING))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_it_says_that_there_is_one_kernel():
    assert "there is no second one" in picture(RUNNING)
    assert "share this kernel" in picture(RUNNING, ENDED)
