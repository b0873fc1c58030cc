from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.errors import (
    Corrupt,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    ReferenceInvalid,
    StateUnreadable,
)
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, REF_NAME, Descriptor
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.image import ImageConfig
from nbcontainer.spec.manifest import Manifest
from nbcontainer.spec.reference import Reference
from nbcontainer.store import gc
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.images import BUILTIN_LABEL, Images
from nbcontainer.store.layout import Layout

Killed = Callable[[int, Callable[[], object]], bool]
AtOnce = Callable[[list[Callable[[], object]]], None]


@pytest.fixture
def blobs(layout: Layout) -> Blobs:
    return Blobs(layout)


@pytest.fixture
def images(layout: Layout, blobs: Blobs) -> Images:
    return Images(layout, blobs)


def image(blobs: Blobs, author: str, **config: object) -> Descriptor:
    document = ImageConfig(author=author, **config)  # type: ignore[arg-type]
    stored = blobs.put(document.to_json(), OCI_CONFIG)
    return blobs.put(Manifest(stored, ()).to_json(), OCI_MANIFEST)


def ref(text: str) -> Reference:
    return Reference.parse(text)


def test_a_tag_names_an_image_under_all_its_spellings(images: Images, blobs: Blobs) -> None:
    images.tag(ref("nginx"), image(blobs, "a"))
    found = images.resolve("nginx")
    for text in ("nginx:latest", "library/nginx", "docker.io/nginx", "docker.io/library/nginx"):
        assert images.resolve(text) == found
    for text in (
        found.id,
        found.id.hex,
        found.id.short,
        found.id.hex[:3],
        f"sha256:{found.id.short}",
    ):
        assert images.resolve(text).id == found.id
    assert images.resolve(f"nginx@{found.manifest.digest}").id == found.id
    assert found.tags == (ref("nginx"),)


def test_the_store_is_an_oci_layout_that_others_read(
    images: Images, blobs: Blobs, layout: Layout
) -> None:
    manifest = image(blobs, "a")
    images.tag(ref("nginx"), manifest)
    index = json.loads(Path(layout.index).read_text())
    assert index["schemaVersion"] == 2
    assert index["manifests"] == [
        manifest.to_json() | {"annotations": {REF_NAME: "docker.io/library/nginx:latest"}}
    ]


def test_a_missing_image_is_said_in_dockers_words(images: Images) -> None:
    for text, shown in (("nope", "nope:latest"), ("a/b:1", "a/b:1"), ("f" * 64, "f" * 64)):
        with pytest.raises(ImageNotFound) as caught:
            images.resolve(text)
        assert caught.value.message == f"No such image: {shown}"
        assert images.find(text) is None


def test_a_bad_reference_is_refused_before_any_look(images: Images) -> None:
    with pytest.raises(ReferenceInvalid, match="must be lowercase"):
        images.resolve("Nginx")
    with pytest.raises(ReferenceInvalid, match="invalid reference format"):
        images.resolve("a b")


def test_an_id_prefix_that_fits_two_images_is_refused(images: Images, blobs: Blobs) -> None:
    for number in range(17):  # two of 17 ids begin with the same digit
        images.add(image(blobs, str(number)))
    digits = [each.id.hex[0] for each in images.list()]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(InvalidArgument, match=f"Multiple IDs found with provided prefix: {twice}"):
        images.resolve(twice)


def test_a_name_wins_over_an_id_that_begins_like_it(images: Images, blobs: Blobs) -> None:
    images.tag(ref("first"), image(blobs, "a"))
    prefix = images.resolve("first").id.hex[:5]
    images.tag(ref(prefix), image(blobs, "b"))
    assert images.resolve(prefix).config.author == "b"


def test_an_image_whose_name_was_given_away_stays_without_one(images: Images, blobs: Blobs) -> None:
    images.tag(ref("x"), image(blobs, "old"))
    old = images.resolve("x").id
    images.tag(ref("x"), image(blobs, "new"))
    assert images.resolve("x").config.author == "new"
    assert images.resolve(old).tags == ()
    assert len(images.list()) == 2


def test_a_builtin_image_whose_name_was_given_away_is_forgotten(
    images: Images, blobs: Blobs
) -> None:
    images.tag(ref("x"), image(blobs, "ours", labels={BUILTIN_LABEL: "1"}))
    assert images.resolve("x").is_builtin
    images.tag(ref("x"), image(blobs, "theirs"))
    assert [each.config.author for each in images.list()] == ["theirs"]


def test_a_nameless_image_that_gets_a_name_is_listed_once(images: Images, blobs: Blobs) -> None:
    manifest = image(blobs, "a")
    images.add(manifest)
    images.add(manifest)
    images.tag(ref("x"), manifest)
    images.tag(ref("y"), manifest)
    images.tag(ref("y"), manifest)
    assert [each.tags for each in images.list()] == [(ref("x"), ref("y"))]
    assert len(images.entries()) == 2


def test_untag_keeps_the_image_and_remove_forgets_it(images: Images, blobs: Blobs) -> None:
    manifest = image(blobs, "a")
    images.tag(ref("x"), manifest)
    images.tag(ref("y"), manifest)
    assert images.untag(ref("x")).tags == (ref("x"), ref("y"))
    images.untag(ref("y"))
    (left,) = images.list()
    assert left.tags == ()
    images.remove(left)
    images.remove(left)
    assert images.list() == []
    with pytest.raises(ImageNotFound, match="No such image: x:latest"):
        images.untag(ref("x"))


def test_two_manifests_of_one_config_are_one_image(images: Images, blobs: Blobs) -> None:
    config = blobs.put(ImageConfig(author="a").to_json(), OCI_CONFIG)
    plain = Manifest(config, ())
    noted = Manifest(config, (), annotations={"note": "other bytes, same image"})
    images.tag(ref("x"), blobs.put(plain.to_json(), OCI_MANIFEST))
    images.tag(ref("y"), blobs.put(noted.to_json(), OCI_MANIFEST))
    (found,) = images.list()
    assert found.tags == (ref("x"), ref("y"))


def test_a_digest_under_which_it_came_is_told_apart_from_its_tags(
    images: Images, blobs: Blobs
) -> None:
    manifest = image(blobs, "a")
    by_digest = ref(f"reg.example/x@{manifest.digest}")
    images.tag(by_digest, manifest)
    images.tag(ref("reg.example/x:1"), manifest)
    (found,) = images.list()
    assert (found.tags, found.digests) == ((ref("reg.example/x:1"),), (by_digest,))


def test_the_newest_is_listed_first(images: Images, blobs: Blobs) -> None:
    for year in ("2020", "2024", "2022"):
        images.add(image(blobs, year, created=f"{year}-01-01T00:00:00Z"))
    assert [each.config.author for each in images.list()] == ["2024", "2022", "2020"]


def test_the_size_is_that_of_the_files_once_a_layer_is_unpacked(
    images: Images, blobs: Blobs, layout: Layout
) -> None:
    layer = blobs.put(b"x" * 700, OCI_LAYER)
    config = blobs.put(ImageConfig(diff_ids=(layer.digest,)).to_json(), OCI_CONFIG)
    images.add(blobs.put(Manifest(config, (layer,)).to_json(), OCI_MANIFEST))
    (found,) = images.list()
    assert images.size(found) == found.size == 700
    folder = Path(layout.layer(layer.digest))
    folder.mkdir()
    for about, size in (
        (b"{", 700),
        (b'{"size_bytes": "x"}', 700),
        (b'{"size_bytes": 9000}', 9000),
    ):
        (folder / "layer.json").write_bytes(about)
        assert images.size(found) == size


def test_only_an_image_can_be_tagged(images: Images, blobs: Blobs, layout: Layout) -> None:
    missing = Descriptor(OCI_MANIFEST, sha256(b"none"), 4)
    no_config = Manifest(Descriptor(OCI_CONFIG, sha256(b"none"), 4), ())
    config = blobs.put(ImageConfig(diff_ids=(sha256(b"a"),)).to_json(), OCI_CONFIG)
    for manifest, error in (
        (missing, NotFound),
        (blobs.put(b"no json", OCI_MANIFEST), Corrupt),
        (blobs.put(no_config.to_json(), OCI_MANIFEST), NotFound),
        (blobs.put(Manifest(config, ()).to_json(), OCI_MANIFEST), Corrupt),  # a layer is missing
    ):
        with pytest.raises(error):
            images.tag(ref("x"), manifest)
    assert not os.path.exists(layout.index)


def test_an_image_that_another_process_swept_is_not_tagged(images: Images, blobs: Blobs) -> None:
    manifest = image(blobs, "a")
    images.tag(ref("x"), manifest)
    images.remove(images.resolve("x"))
    blobs.delete(manifest.digest)
    for change in (lambda: images.tag(ref("x"), manifest), lambda: images.add(manifest)):
        with pytest.raises(NotFound):
            change()
    assert images.entries() == []


def test_one_damaged_image_does_not_hide_the_others(
    images: Images, blobs: Blobs, layout: Layout
) -> None:
    images.tag(ref("good"), image(blobs, "good"))
    bad = image(blobs, "bad")
    images.tag(ref("bad"), bad)
    Path(layout.blob(bad.digest)).write_bytes(b"{}")
    fresh = Images(layout, blobs)
    assert [each.config.author for each in fresh.list()] == ["good"]
    with pytest.raises(Corrupt):
        fresh.resolve("bad")
    fresh.tag(ref("good:2"), fresh.resolve("good").manifest)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"manifests": 3}', b'{"manifests": [{"size": 1}]}', b"[" * 100_000]
)
def test_a_damaged_index_is_said_and_never_overwritten(
    images: Images, blobs: Blobs, layout: Layout, content: bytes
) -> None:
    Path(layout.index).write_bytes(content)
    manifest = image(blobs, "a")
    for change in (images.list, lambda: images.tag(ref("x"), manifest)):
        with pytest.raises(StateUnreadable, match=r"index\.json"):
            change()
    assert Path(layout.index).read_bytes() == content


def test_a_tag_killed_anywhere_leaves_the_old_names_or_the_new(
    images: Images, blobs: Blobs, layout: Layout, killed_at: Killed
) -> None:
    images.tag(ref("x"), image(blobs, "old"))
    new = image(blobs, "new")
    step = 1
    while killed_at(step, lambda: images.tag(ref("x"), new)):
        assert images.resolve("x").config.author in ("old", "new")
        assert gc.leftovers(layout) == ()
        assert not [name for name in os.listdir(layout.home) if name.endswith(".tmp")]
        step += 1
    assert step > 2
    assert images.resolve("x").config.author == "new"


def test_eight_processes_tag_at_once_and_no_name_is_lost(
    images: Images, blobs: Blobs, all_at_once: AtOnce
) -> None:
    manifest = image(blobs, "a")

    def tag(process: int) -> Callable[[], object]:
        return lambda: [images.tag(ref(f"x:{process}-{n}"), manifest) for n in range(10)]

    all_at_once([tag(process) for process in range(8)])
    (found,) = images.list()
    assert {name.tag for name in found.tags} == {f"{p}-{n}" for p in range(8) for n in range(10)}
