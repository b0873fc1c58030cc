from __future__ import annotations

import json
from typing import Any

import pytest

from nbcontainer.errors import Corrupt, ImageNotFound, Unsupported
from nbcontainer.spec.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.manifest import Index, Manifest, parse_manifest

CONFIG = Descriptor(OCI_CONFIG, sha256(b"config"), 6)
LAYER = Descriptor(OCI_LAYER, sha256(b"layer"), 5)


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": CONFIG.to_json(),
        "layers": [LAYER.to_json()],
    } | changes


def index(**changes: Any) -> dict[str, Any]:
    entry = Descriptor(OCI_MANIFEST, sha256(b"m"), 1, platform=Platform()).to_json()
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]} | changes


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def data(document: object) -> bytes:
    return json.dumps(document).encode()


def test_documents_are_written_as_they_were_read() -> None:
    for document in (
        Manifest(CONFIG, (LAYER,), annotations={"a": "b"}),
        Index((LAYER, CONFIG), annotations={"a": "b"}),
        Manifest(CONFIG, (), DOCKER_MANIFEST),
        Index((), DOCKER_INDEX),
    ):
        assert parse_manifest(document.to_json()) == document
        assert parse_manifest(document.to_json(), document.media_type) == document


@pytest.mark.parametrize(
    ("document", "content_type", "kind"),
    [
        (without(manifest(), "mediaType"), OCI_MANIFEST, Manifest),
        (without(manifest(), "mediaType"), "", Manifest),
        (without(index(), "mediaType"), f"{OCI_INDEX}; charset=utf-8", Index),
        (without(index(), "mediaType"), "application/json", Index),
        (manifest(mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST, Manifest),
        (manifest(layers=None), OCI_MANIFEST, Manifest),
        (manifest(unknown={"kept": "out"}), OCI_MANIFEST, Manifest),
    ],
)
def test_the_kind_is_what_all_that_speak_agree_on(
    document: dict[str, Any], content_type: str, kind: type
) -> None:
    assert type(parse_manifest(data(document), content_type)) is kind


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (manifest(manifests=[]), OCI_MANIFEST),
        (manifest(manifests=index()["manifests"]), ""),
        (without(manifest(manifests=index()["manifests"]), "mediaType"), ""),
        (index(layers=[LAYER.to_json()]), OCI_INDEX),
        (index(config=CONFIG.to_json()), OCI_INDEX),
        (index(), OCI_MANIFEST),
        (manifest(), OCI_INDEX),
        (manifest(), DOCKER_MANIFEST),
        (index(mediaType=OCI_MANIFEST), OCI_MANIFEST),
        (manifest(mediaType=OCI_INDEX), OCI_INDEX),
        (manifest(fsLayers=[]), OCI_MANIFEST),
        (without(manifest(), "mediaType"), OCI_INDEX),
        (without(index(), "mediaType"), OCI_MANIFEST),
        (manifest(Layers=[]), OCI_MANIFEST),
        (manifest(MANIFESTS=[]), OCI_MANIFEST),
        (without(manifest(MediaType=OCI_INDEX), "mediaType"), OCI_MANIFEST),
        (without(manifest(), "mediaType"), DOCKER_MANIFEST),
    ],
)
def test_a_document_of_two_kinds_is_refused_cve_2021_41190(
    document: dict[str, Any], content_type: str
) -> None:
    with pytest.raises(Corrupt):
        parse_manifest(data(document), content_type)


@pytest.mark.parametrize(
    "document",
    [
        manifest(schemaVersion=3),
        manifest(schemaVersion="2"),
        manifest(schemaVersion=2.0),
        manifest(schemaVersion=True),
        without(manifest(), "schemaVersion"),
        without(manifest(), "config"),
        manifest(config=None),
        manifest(config=[]),
        manifest(layers={}),
        manifest(layers=[None]),
        manifest(layers=[LAYER.to_json() | {"size": -1}]),
        manifest(layers=[LAYER.to_json()] * 1025),
        manifest(mediaType=5),
        manifest(mediaType="text/html"),
        manifest(annotations=[]),
        index(manifests=3),
        index(manifests=[{}]),
    ],
)
def test_a_document_of_another_shape_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(Corrupt):
        parse_manifest(data(document))


def test_schema_1_is_refused_as_unsupported() -> None:
    document = {"schemaVersion": 1, "fsLayers": [], "history": []}
    with pytest.raises(Unsupported, match="schema 1"):
        parse_manifest(data(document), "application/vnd.docker.distribution.manifest.v1+prettyjws")


def test_a_kind_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(Corrupt, match="this is an index"):
        Manifest.parse(data(index()))
    with pytest.raises(Corrupt, match="this is a manifest"):
        Index.parse(data(manifest()))


def offer(*texts: str) -> Index:
    return Index(
        tuple(
            Descriptor(OCI_MANIFEST, sha256(text.encode()), 1, platform=Platform.parse(text))
            for text in texts
        )
    )


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["linux/arm64", "linux/amd64"], "linux/amd64", "linux/amd64"),
        (["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v7"),
        (["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"),
        (["linux/arm64/v8"], "linux/arm64", "linux/arm64"),
        (["linux/amd64/v3", "linux/amd64"], "linux/amd64", "linux/amd64"),
        (["linux/amd64/v2", "linux/amd64"], "linux/amd64/v2", "linux/amd64/v2"),
        (["unknown/unknown", "linux/amd64"], "linux/amd64", "linux/amd64"),
    ],
)
def test_the_nearest_platform_is_chosen(offered: list[str], wanted: str, chosen: str) -> None:
    found = offer(*offered).choose(Platform.parse(wanted))
    assert [str(one.platform) for one in found] == [chosen]


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        (["linux/arm64"], "linux/amd64"),
        (["windows/amd64"], "linux/amd64"),
        (["linux/arm/v7"], "linux/arm/v6"),
        (["linux/amd64/v3"], "linux/amd64"),
        ([], "linux/amd64"),
    ],
)
def test_what_would_not_run_is_not_chosen(offered: list[str], wanted: str) -> None:
    with pytest.raises(ImageNotFound) as caught:
        offer(*offered).choose(Platform.parse(wanted))
    assert caught.value.message == (
        f"no matching manifest for {wanted} in the manifest list entries"
    )


def test_entries_without_a_platform_are_chosen_where_no_other_fits() -> None:
    silent = Descriptor(OCI_MANIFEST, sha256(b"m"), 1)
    named = offer("linux/amd64").manifests
    assert Index((silent, *named)).choose(Platform()) == named
    assert Index((silent, *named)).choose(Platform.parse("arm64")) == (silent,)


def test_what_is_no_image_is_not_chosen() -> None:
    signature = Descriptor(OCI_MANIFEST, sha256(b"m"), 1, artifact_type="application/x-signature")
    with pytest.raises(ImageNotFound):
        Index((LAYER, signature)).choose(Platform())
