from __future__ import annotations

import json

from nbcontainer.spec.image import History, ImageConfig
from nbcontainer.spec.reference import Reference
from nbcontainer.views.image import history_rows, image_rows, inspect

NOW = 1_000_000 * 1_000_000_000
CONFIG = ImageConfig(
    created="1970-01-12T11:46:40Z",
    labels={"x": "y"},
    history=(
        History("1970-01-12T10:46:40Z", "COPY . /", comment="first"),
        History("1970-01-12T11:46:40Z", "CMD\t" + "x" * 60, empty_layer=True),
    ),
)
ID = "sha256:" + "b" * 64


def test_an_image_has_a_row_for_each_name() -> None:
    tags = [Reference.parse("me/web:v2"), Reference.parse("bb")]
    rows = image_rows(CONFIG, id=ID, tags=tags, size=1_982_256, containers=1, now_ns=NOW)
    assert [(r["Repository"], r["Tag"]) for r in rows] == [("me/web", "v2"), ("bb", "latest")]
    assert rows[0]["ID"] == "b" * 12
    assert rows[0]["Size"] == "1.98MB"
    assert rows[0]["VirtualSize"] == "1.982MB"
    assert rows[0]["CreatedSince"] == "2 hours ago"
    assert rows[0]["Digest"] == "<none>"


def test_a_nameless_image_has_a_row_of_none() -> None:
    (row,) = image_rows(ImageConfig(), id=ID, tags=[], size=0, containers=0, now_ns=NOW)
    assert (row["Repository"], row["Tag"], row["CreatedSince"]) == ("<none>", "<none>", "N/A")


def test_a_name_has_the_digests_of_its_repository_alone() -> None:
    digest = "sha256:" + "c" * 64
    tags = [Reference.parse("me/web:v1"), Reference.parse("other:v1")]
    known = [Reference.parse(f"me/web@{digest}")]
    rows = image_rows(CONFIG, id=ID, tags=tags, digests=known, size=0, containers=0, now_ns=NOW)
    assert [row["Digest"] for row in rows] == [digest, "<none>"]
    (row,) = image_rows(CONFIG, id=ID, tags=known, digests=known, size=0, containers=0, now_ns=NOW)
    assert (row["Tag"], row["Digest"]) == ("<none>", digest)


def test_history_is_newest_first_and_layers_keep_their_sizes() -> None:
    rows = history_rows(CONFIG, id=ID, sizes=[1234], now_ns=NOW)
    assert [row["Size"] for row in rows] == ["0B", "1.23kB"]
    assert [row["ID"] for row in rows] == ["b" * 12, "<missing>"]
    assert rows[0]["CreatedBy"] == "CMD " + "x" * 40 + "…"
    assert rows[1]["Comment"] == "first"
    plain = history_rows(CONFIG, id=ID, sizes=[1234], now_ns=NOW, human=False, no_trunc=True)
    assert plain[1]["Size"] == "1234"
    assert plain[0]["ID"] == ID


def test_inspect_is_json_with_dockers_keys() -> None:
    document = inspect(CONFIG, id=ID, tags=[Reference.parse("bb")], digests=[], size=5)
    assert json.loads(json.dumps(document)) == document
    assert document["RepoTags"] == ["bb:latest"]
    assert document["Config"]["Labels"] == {"x": "y"}
    assert document["Config"]["Entrypoint"] is None
