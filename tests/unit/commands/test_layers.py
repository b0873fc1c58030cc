from nbcontainer.results import Detail
from tests.notes import Notes, do

FOUND = Detail([{"Efficiency": 1.0}], single=True, lines=["#  LAYER"])


def test_layers_are_lines_or_json_or_what_a_template_asks():
    engine = Notes(layers=FOUND)
    assert repr(do("layers app", engine)) == "#  LAYER"
    assert repr(do("image layers --json app", engine)) == '{\n    "Efficiency": 1.0\n}'
    assert list(do("layers --format {{.Efficiency}} app", engine)) == ["1"]
    tree = [{"path": "/big", "kind": "A", "size_bytes": 2000}]
    layer = {"Number": 1, "ID": "ab", "Tree": tree}
    shown = repr(do("layers --tree app", Notes(layers=Detail([{"Layers": [layer]}], single=True))))
    assert shown.splitlines()[-2:] == ["Layer 1 (ab):", "  A      2kB  /big"]
    do("layers -p /bin/sh --no-trunc app other", engine)
    assert engine.calls[-1] == (
        "layers",
        ("app", "other"),
        {"path": "/bin/sh", "no_trunc": True, "tree": False},
    )
