from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbcontainer.errors import DigestMismatch, ImageNotFound
from nbcontainer.spec.digest import sha256
from nbcontainer.store.archive_save import save
from nbcontainer.store.layout import Layout
from tests.images import BASE, TOP, ImageStore, contents, put_image


@pytest.fixture
def store(layout: Layout) -> ImageStore:
    return ImageStore(layout)


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    made = Layout(str(tmp_path / "other"), str(tmp_path / "other-run"))
    made.make()
    return ImageStore(made)


def test_the_same_images_give_the_same_bytes(store: ImageStore) -> None:
    put_image(store.blobs, store.images, "a:1", "b:2")
    assert store.save("a:1", "b:2") == store.save("a:1", "b:2")


def test_what_docker_expects_stands_in_the_archive(store: ImageStore) -> None:
    put_image(store.blobs, store.images, "me/web:v1")
    files = contents(store.save("me/web:v1"))
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["me/web:v1"]
    assert [files[layer] for layer in entry["Layers"]] == [BASE, TOP]
    config = json.loads(files[entry["Config"]])
    assert config["rootfs"]["diff_ids"] == [sha256(BASE), sha256(TOP)]
    assert json.loads(files["repositories"]) == {"me/web": {"v1": sha256(TOP).hex}}
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (described,) = json.loads(files["index.json"])["manifests"]
    assert described["annotations"] == {
        "io.containerd.image.name": "docker.io/me/web:v1",
        "org.opencontainers.image.ref.name": "v1",
    }
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert sha256(data).hex == name.rpartition("/")[2]


def test_a_repository_without_tag_means_all_its_tags(store: ImageStore, other: ImageStore) -> None:
    put_image(store.blobs, store.images, "web:v1", "web:v2")
    put_image(store.blobs, store.images, "web:v3", layers=(BASE,))
    other.load(store.save("web"))
    assert other.tags() == ["web:v1", "web:v2", "web:v3"]


def test_an_id_saves_the_image_without_a_name(store: ImageStore, other: ImageStore) -> None:
    put_image(store.blobs, store.images, "web:v1")
    image_id = store.images.resolve("web:v1").id
    data = store.save(image_id.short)
    assert json.loads(contents(data)["manifest.json"])[0]["RepoTags"] is None
    (loaded,) = other.load(data)
    assert (loaded.id, loaded.references) == (image_id, ())
    assert other.tags() == []


def test_an_unknown_image_is_said_before_anything_is_written(store: ImageStore) -> None:
    put_image(store.blobs, store.images, "web:v1")
    written: list[bytes] = []
    with pytest.raises(ImageNotFound):
        save(store.blobs, store.images, ["web:v1", "nothing"], written.append)
    assert written == []


def test_a_damaged_blob_is_not_saved(store: ImageStore) -> None:
    put_image(store.blobs, store.images, "web:v1")
    with open(store.layout.blob(sha256(TOP)), "r+b") as file:
        file.seek(5)
        file.write(b"X")
    with pytest.raises(DigestMismatch):
        store.save("web:v1")
