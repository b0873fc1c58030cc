import xml.dom.minidom

from nbcontainer.spec.network import Network, Subnet
from nbcontainer.views.network_graph import Member, Row, drawn

FRONT = Network("b" * 64, "front", 0, "nbc00000-bbbbbb", (Subnet("10.0.0.0/24", "10.0.0.1"),))
INNER = Network(
    "c" * 64, "inner", 0, "nbc00000_cccccc", (Subnet("10.1.0.0/24", "10.1.0.1"),), internal=True
)
ROWS = [
    Row(FRONT, (Member("web", "10.0.0.2", "eth0"), Member("api", "10.0.0.3", "eth0"))),
    Row(INNER, (Member("api", "10.1.0.2", "eth1"),)),
]


def test_the_drawing_in_characters_is_a_tree():
    lines, _ = drawn(ROWS, {"host": ["agent"], "none": []}, {"web": "8080->80/tcp"})
    assert lines == [
        "host",
        "├─ front (10.0.0.0/24)  bridge nbc00000-bbbbbb",
        "│  ├─ web  eth0  10.0.0.2  [8080->80/tcp]",
        "│  └─ api  eth0  10.0.0.3",
        "├─ inner (10.1.0.0/24, internal)  bridge nbc00000_cccccc",
        "│  └─ api  eth1  10.1.0.2",
        "└─ host",
        "   └─ agent",
    ]


def test_the_picture_is_static_and_well_formed():
    _, picture = drawn(ROWS, {"host": ["agent"]}, {"web": "8080->80/tcp"})
    document = xml.dom.minidom.parseString(picture)
    assert document.documentElement.tagName == "svg"
    assert "8080-&gt;80/tcp" in picture
    assert "script" not in picture


def test_what_names_hold_is_text_and_nothing_else():
    row = Row(FRONT, (Member("<script>alert(1)</script>", "x", "y"),))
    _, picture = drawn([row], {}, {})
    assert "<script" not in picture


def test_without_containers_the_networks_are_drawn_all_the_same():
    lines, picture = drawn([Row(FRONT, ())], {"host": [], "none": []}, {})
    assert lines == ["host", "└─ front (10.0.0.0/24)  bridge nbc00000-bbbbbb"]
    assert "front" in picture


def test_what_is_longer_than_its_box_is_cut_and_told_by_its_title():
    ports = ", ".join(f"{port}->80/tcp" for port in range(8080, 8090))
    _, picture = drawn(ROWS, {}, {"web": ports})
    shown = [
        text.lastChild.data
        for text in xml.dom.minidom.parseString(picture).getElementsByTagName("text")
        if text.lastChild
    ]
    (cut,) = [text for text in shown if text.startswith("8080")]
    assert len(cut) * 7 <= 158
    assert cut.endswith("…")
    assert f"<title>{ports.replace('>', '&gt;')}</title>" in picture
