from nbcontainer.spec.image import History, ImageConfig
from nbcontainer.views.layers import (
    commands,
    comparison,
    comparison_lines,
    layer_row,
    shortened,
    summary,
    tree_lines,
)

COUNTS = {"size_bytes": 2000, "kept_bytes": 500, "added": 3, "changed": 2, "removed": 1}


def test_a_layer_has_the_command_that_made_it():
    config = ImageConfig(
        history=(
            History("", "COPY a"),
            History("", "CMD x", empty_layer=True),
            History("", "RUN b"),
        )
    )
    assert commands(config, 2) == ["COPY a", "RUN b"]
    assert commands(config, 3) == ["COPY a", "RUN b", ""]


def test_a_layer_is_a_row_with_bytes_beside_their_text():
    row = layer_row(1, "sha256:" + "ab" * 32, 900, "RUN  x\n" + "y" * 80, COUNTS, no_trunc=False)
    assert (row["Size"], row["SizeBytes"], row["BlobBytes"]) == ("2kB", 2000, 900)
    assert row["ID"] == "abababababab"
    assert row["CreatedBy"] == "RUN x " + "y" * 80
    assert len(shortened(row, no_trunc=False)["CreatedBy"]) == 50
    assert shortened(row, no_trunc=True) == row


def test_the_biggest_files_of_a_layer_stand_under_its_name():
    counts = {
        **COUNTS,
        "paths": 11,
        "tree": [["/big", "A", 2000], *[[f"/f{n}", "D", 0] for n in range(10)]],
    }
    lines = tree_lines([layer_row(1, "sha256:" + "ab" * 32, 900, "", counts, no_trunc=False)])
    assert lines[:3] == ["", "Layer 1 (abababababab):", "  A      2kB  /big"]
    assert (len(lines), lines[-1]) == (13, "  …")


def test_waste_is_told_with_its_places():
    wasted = [{"path": "/f", "size_bytes": 400, "times": 2}]
    lines = summary({"efficiency": 0.25, "wasted_bytes": 400, "wasted": wasted})
    assert lines == ["Efficiency: 25.0 %", "Wasted: 400B", "  400B in 2 layers: /f"]


def test_two_images_tell_what_a_pull_would_fetch():
    told = comparison([("a", 10), ("b", 20)], [("a", 10), ("c", 5)], ("x", "y"))
    assert (told["Shared"], told["FetchFirst"], told["FetchSecond"]) == (["a"], 20, 5)
    assert comparison_lines(told) == [
        "Shared: 1 layers, 10B",
        "Only in x: 1 layers; where y is, a pull fetches 20B",
        "Only in y: 1 layers; where x is, a pull fetches 5B",
    ]
