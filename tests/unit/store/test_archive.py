from __future__ import annotations

import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import (
    Corrupt,
    DigestMismatch,
    EngineError,
    ImageNotFound,
    InvalidArgument,
)
from nbcontainer.spec.descriptor import Platform
from nbcontainer.spec.digest import sha256
from nbcontainer.store.archive import import_layer, load
from nbcontainer.store.layout import Layout
from tests.images import BASE, TOP, ImageStore, contents, put_image, rebuilt
from tests.tars import Member, member, reader, tar


@pytest.fixture
def store(layout: Layout) -> ImageStore:
    return ImageStore(layout)


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    made = Layout(str(tmp_path / "other"), str(tmp_path / "other-run"))
    made.make()
    return ImageStore(made)


@pytest.mark.parametrize("packed", [False, True])
def test_a_saved_image_loads_as_the_very_same(
    store: ImageStore, other: ImageStore, packed: bool
) -> None:
    manifest = put_image(store.blobs, store.images, "me/web:v1", packed=packed)
    (loaded,) = other.load(store.save("me/web:v1"))
    assert [str(r) for r in loaded.references] == ["docker.io/me/web:v1"]
    image = other.images.resolve("me/web:v1")
    assert image == store.images.resolve("me/web:v1")
    assert image.manifest.digest == manifest.digest
    assert set(other.blobs.all()) == set(store.blobs.all())
    assert os.listdir(other.layout.tmp) == []


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_compressed_archive_loads(
    store: ImageStore, other: ImageStore, pack: Callable[[bytes], bytes]
) -> None:
    put_image(store.blobs, store.images, "web:v1")
    other.load(pack(store.save("web:v1")))
    assert other.tags() == ["web:v1"]


def docker_archive(layers: tuple[bytes, ...] = (BASE, TOP), **changes: Any) -> bytes:
    """An archive as Docker wrote it before it knew OCI: a directory a layer, a link for a shared one."""
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
    }  # fmt: skip
    data = json.dumps(config).encode()
    name = f"{sha256(data).hex}.json"
    members: list[Member] = [member(name, data=data)]
    paths = []
    for number, layer in enumerate(layers):
        members += [member(f"{number}/", "dir"), member(f"{number}/VERSION", data=b"1.0"),
                    member(f"{number}/layer.tar", data=layer)]  # fmt: skip
        paths.append(f"{number}/layer.tar")
    if len(layers) > 1:
        members.append(member("9/layer.tar", "link", linkname="../1/layer.tar"))
        paths[1] = "9/layer.tar"
    entry = {"Config": name, "RepoTags": ["old/style:1", "old/style:2"], "Layers": paths} | changes
    members.append(member("manifest.json", data=json.dumps([entry]).encode()))
    return tar(members)


def test_an_archive_of_an_older_docker_loads(store: ImageStore) -> None:
    (loaded,) = store.load(docker_archive())
    assert [r.familiar for r in loaded.references] == ["old/style:1", "old/style:2"]
    image = store.images.resolve("old/style:2")
    assert image.config.diff_ids == (sha256(BASE), sha256(TOP))
    assert [layer.digest for layer in image.layers] == [sha256(BASE), sha256(TOP)]


def test_loading_twice_changes_nothing(store: ImageStore) -> None:
    store.load(docker_archive())
    before = store.files()
    store.load(docker_archive())
    assert store.files() == before


def _under_an_index(files: dict[str, bytes], *entries: Any) -> dict[str, bytes]:
    """Have an archive name its image by an index of these entries alone."""
    kind = "application/vnd.oci.image.index.v1+json"
    inner = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
    entry = {"mediaType": kind, "digest": sha256(inner), "size": len(inner)}
    outer = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    found = files | {f"blobs/sha256/{sha256(inner).hex}": inner, "index.json": outer}
    del found["manifest.json"]
    return found


def test_an_index_of_several_platforms_gives_the_one_that_fits(
    store: ImageStore, other: ImageStore
) -> None:
    manifest = put_image(store.blobs, store.images, "web:v1")
    foreign = {"mediaType": manifest.media_type, "digest": sha256(b"absent"), "size": 6,
               "platform": {"os": "linux", "architecture": "s390x"}}  # fmt: skip
    own = manifest.to_json() | {"platform": {"os": "linux", "architecture": "amd64"}}
    files = _under_an_index(contents(store.save("web:v1")), foreign, own)
    (loaded,) = other.load(rebuilt(files))
    assert loaded.id == store.images.resolve("web:v1").id


def test_an_index_that_names_no_platform_gives_the_image_that_fits(
    store: ImageStore, other: ImageStore
) -> None:
    manifest = put_image(store.blobs, store.images, "web:v1")
    files = _under_an_index(contents(store.save("web:v1")), manifest.to_json())
    (loaded,) = other.load(rebuilt(files))
    assert loaded.id == store.images.resolve("web:v1").id
    archive = reader(rebuilt(files))
    with pytest.raises(ImageNotFound, match="no matching manifest"):
        load(other.layout, other.blobs, other.images, archive, Platform.parse("s390x"))


def _without(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.pop(next(n for n in files if n.endswith(name))) and None


def _set(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.__setitem__(name, data)


LAYER = f"blobs/sha256/{sha256(TOP).hex}"
BROKEN: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a layer is missing": _without(LAYER),
    "a layer is another": _set(LAYER, TOP[:-1] + b"x"),
    "the lists are no JSON": _set("index.json", b"{"),
    "the list is deep": _set("index.json", b"[" * 200_000),
    "the list is a text": _set("manifest.json", b'"x"'),
    "the list lists numbers": _set("manifest.json", b"[1]"),
    "the list has no config": _set("manifest.json", b'[{"Layers": []}]'),
    "the layers are no list": _set("manifest.json", b'[{"Config": "oci-layout", "Layers": "x"}]'),
    "the config is none": _set("manifest.json", b'[{"Config": "oci-layout", "Layers": ["index.json"]}]'),
    "the list leads outside": _set(
        "manifest.json", b'[{"Config": "../../../../etc/passwd", "Layers": ["/etc/shadow"]}]'
    ),
    "the list is huge": _set("index.json", b" " * (5 << 20)),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_archive_leaves_the_store_as_it_was(
    store: ImageStore, other: ImageStore, what: str
) -> None:
    put_image(store.blobs, store.images, "web:v1")
    put_image(other.blobs, other.images, "here:1", layers=(BASE,))
    files = contents(store.save("web:v1"))
    BROKEN[what](files)
    before = other.files()
    with pytest.raises((Corrupt, InvalidArgument)):
        other.load(rebuilt(files))
    assert other.files() == before
    assert os.listdir(other.layout.tmp) == []


def test_a_compressed_layer_that_is_another_is_refused(
    store: ImageStore, other: ImageStore
) -> None:
    put_image(store.blobs, store.images, "web:v1", packed=True)
    files = contents(store.save("web:v1"))
    name = f"blobs/sha256/{store.images.resolve('web:v1').layers[0].digest.hex}"
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
    with pytest.raises(DigestMismatch):
        other.load(rebuilt(files))
    assert other.files() == {}


@pytest.mark.parametrize("at", [1, 300, 511, 2000, 40_000, 80_000])
def test_a_cut_archive_leaves_the_store_as_it_was(
    store: ImageStore, other: ImageStore, at: int
) -> None:
    put_image(store.blobs, store.images, "web:v1")
    for data in (store.save("web:v1")[:at], gzip.compress(store.save("web:v1"))[: at // 100 + 10]):
        with pytest.raises(EngineError):
            other.load(data)
        assert other.files() == {}
        assert os.listdir(other.layout.tmp) == []


def test_a_layer_that_is_not_what_the_config_says_is_refused(store: ImageStore) -> None:
    data = docker_archive((BASE,))
    with pytest.raises(DigestMismatch):
        store.load(data.replace(sha256(BASE).hex.encode(), sha256(TOP).hex.encode()))


def test_a_name_that_is_none_is_refused(store: ImageStore) -> None:
    with pytest.raises(Corrupt, match="names an image"):
        store.load(docker_archive(RepoTags=["UPPER:\x1b[2J"]))
    assert store.files() == {}


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", InvalidArgument), (b"hello\n" * 1000, Corrupt), (tar([member("etc/passwd")]), InvalidArgument),
     (b"\x28\xb5\x2f\xfd" + bytes(90), Corrupt)],
    ids=["empty", "text", "a file tree", "zstd"],
)  # fmt: skip
def test_what_is_no_archive_of_images_is_said(
    store: ImageStore, data: bytes, error: type[EngineError]
) -> None:
    with pytest.raises(error) as caught:
        store.load(data)
    assert store.files() == {}
    if data.startswith(b"etc"):
        assert "import" in (caught.value.hint or "")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_tree_is_imported_as_one_plain_layer(
    store: ImageStore, pack: Callable[[bytes], bytes]
) -> None:
    digest, size, file_bytes = import_layer(store.blobs, reader(pack(BASE)))
    assert file_bytes == len(b"NAME=test\n")
    assert (digest, size) == (sha256(BASE), len(BASE))
    assert store.blobs.read(digest) == BASE


@pytest.mark.parametrize(
    "data", [b"", b"no tar at all" * 100, BASE[:2000], gzip.compress(BASE)[:100]]
)
def test_an_import_of_what_is_no_tar_stores_nothing(store: ImageStore, data: bytes) -> None:
    with pytest.raises(Corrupt):
        import_layer(store.blobs, reader(data))
    assert store.files() == {}
