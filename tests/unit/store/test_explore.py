from __future__ import annotations

import time

import pytest

from nbcontainer.store.blobs import Blobs
from nbcontainer.store.explore import Explorer, explore
from nbcontainer.store.layer_tar import TarReader
from nbcontainer.store.layout import Layout
from tests.tars import member, reader, tar


def explored(*layers: list) -> Explorer:
    explorer = Explorer()
    for members in layers:
        explorer.read(TarReader(reader(tar(members))))
    return explorer


BASE = [
    member("etc", "dir"),
    member("etc/a", data=b"x" * 100),
    member("opt", "dir"),
    member("opt/big", data=b"x" * 1000),
    member("opt/deep", "dir"),
    member("opt/deep/f", data=b"x" * 500),
]


def counts(explorer: Explorer) -> list[tuple[int, int, int, int]]:
    return [
        (one["added"], one["changed"], one["removed"], one["size_bytes"]) for one in explorer.layers
    ]


def test_each_layer_tells_what_it_added_changed_and_removed() -> None:
    found = explored(
        BASE,
        [member("etc", "dir"), member("etc/a", data=b"y" * 150), member("etc/b", data=b"z")],
        [member("etc/.wh.b"), member(".wh.opt")],
    )
    assert counts(found) == [(6, 0, 0, 1600), (1, 1, 0, 151), (0, 0, 5, 0)]
    assert [one["kept_bytes"] for one in found.result()["layers"]] == [0, 150, 0]
    assert (found.owner("/etc/a"), found.owner("etc"), found.owner("/opt/big")) == (1, 0, -1)


def test_a_directory_is_of_the_layer_that_made_it_and_not_of_one_that_names_it() -> None:
    found = explored(
        BASE, [member("etc", "dir"), member("etc/b")], [member("etc", "dir", mode=0o700)]
    )
    assert found.owner("/etc") == 2
    found = explored(BASE, [member("etc", "dir")], [member(".wh.etc")], [member("etc", "dir")])
    assert found.owner("/etc") == 3
    opaque = [member("opt", "dir"), member("opt/deep", "dir"), member("opt/.wh..wh..opq")]
    assert explored(BASE, opaque).owner("/opt/deep") == 1


def test_a_path_is_found_through_links_of_the_image() -> None:
    found = explored(
        [member("usr", "dir"), member("usr/bin", "dir"), member("bin", "link", linkname="usr/bin"),
         member("round", "link", linkname="round")],
        [member("usr/bin/sh"), member("usr/sbin", "link", linkname="/bin/../bin")],
    )  # fmt: skip
    assert [found.owner(path) for path in ("/bin/sh", "/usr/sbin/sh", "usr/bin/../sbin/./sh")] == [
        1
    ] * 3
    assert (found.owner("/bin"), found.owner("/"), found.owner("/round/x")) == (0, 0, -1)
    assert explored().owner("/") == -1


def test_an_opaque_directory_hides_what_was_below_and_not_what_comes_with_it() -> None:
    found = explored(BASE, [member("opt/new", data=b"n"), member("opt/.wh..wh..opq")])
    assert counts(found)[1] == (1, 0, 3, 1)
    assert found.owner("/opt/new") == 1
    assert found.owner("/opt/big") == -1


def test_a_file_in_the_place_of_a_directory_takes_all_of_it() -> None:
    found = explored(BASE, [member("opt", data=b"file")])
    assert found.owner("/opt/deep/f") == -1


def test_efficiency_and_waste_are_counted_as_dive_counts_them() -> None:
    # a file written twice: the smaller one was needed, both were paid
    twice = explored([member("f", data=b"x" * 100)], [member("f", data=b"x" * 300)]).result()
    assert twice["efficiency"] == pytest.approx(100 / 400)
    assert twice["wasted_bytes"] == 400
    assert twice["wasted"] == [{"path": "/f", "size_bytes": 400, "times": 2}]
    # a removed file: the whiteout itself weighs nothing
    gone = explored([member("f", data=b"x" * 100)], [member(".wh.f")]).result()
    assert (gone["efficiency"], gone["wasted_bytes"]) == (0.0, 100)
    # what a removed directory held is removed with it
    folder = [member("d", "dir"), member("d/f", data=b"x" * 100)]
    gone = explored(folder, [member(".wh.d")]).result()
    assert (gone["efficiency"], gone["wasted_bytes"]) == (0.0, 100)
    assert gone["wasted"] == [{"path": "/d/f", "size_bytes": 100, "times": 2}]
    # one that is made anew with the same file in it was written twice
    anew = explored(folder, [member("d/.wh..wh..opq"), member("d/f", data=b"x" * 100)]).result()
    assert (anew["efficiency"], anew["wasted_bytes"]) == (0.5, 200)
    assert explored(BASE).result()["efficiency"] == 1.0
    assert explored([]).result()["efficiency"] == 1.0


def test_many_removals_take_no_square_of_time() -> None:
    files = [member(f"d{n % 100}/f{n}") for n in range(20_000)]
    removals = [member(f"d{n % 100}/.wh.f{n}") for n in range(20_000)]
    began = time.monotonic()
    explored(files, removals)
    assert time.monotonic() - began < 20


def test_the_blobs_of_a_store_are_read(layout: Layout) -> None:
    blobs = Blobs(layout)
    layers = [str(blobs.put(tar(BASE)).digest), str(blobs.put(tar([member("etc/c")])).digest)]
    found = explore(layout, [], layers=layers, path="/etc/c")
    assert (len(found["layers"]), found["owner"], found["files"]) == (2, 1, 7)


def test_each_layers_biggest_files_are_named_where_they_are_asked_for(layout: Layout) -> None:
    blobs = Blobs(layout)
    first = tar([member("a", data=b"x"), member("b", data=b"y" * 9)])
    second = tar([member("a", data=b"xx"), member(".wh.b"), member("new", data=b"123")])
    layers = [str(blobs.put(one).digest) for one in (first, second)]
    found = explore(layout, [], layers=layers, tree=True)["layers"]
    assert found[0]["tree"] == [["/b", "A", 9], ["/a", "A", 1]]
    assert found[1]["tree"] == [["/b", "D", 9], ["/new", "A", 3], ["/a", "C", 2]]
    assert "tree" not in explore(layout, [], layers=layers)["layers"][0]


def test_what_is_removed_has_the_size_that_it_had() -> None:
    explorer = Explorer(lists=True)
    for members in (BASE, [member(".wh.opt"), member("etc/.wh.a")]):
        explorer.read(TarReader(reader(tar(members))))
    assert explorer.changes[1] == [(b"opt", "D", 1500), (b"etc/a", "D", 100)]
