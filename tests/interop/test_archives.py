"""What `save` writes is read by others, and what others write is read by us."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from nbcontainer.spec.descriptor import Platform
from nbcontainer.store.archive import load
from nbcontainer.store.archive_save import save
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout
from tests.images import put_image
from tests.tars import listing


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_store(path: Path) -> tuple[Layout, Blobs, Images]:
    layout = Layout(str(path), str(path) + "-run")
    layout.make()
    blobs = Blobs(layout)
    return layout, blobs, Images(layout, blobs)


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    _, blobs, images = new_store(tmp_path / "store")
    put_image(blobs, images, "me/web:v1", "me/web:v2", packed=request.param)
    path = str(tmp_path / "saved.tar")
    with open(path, "wb") as file:
        save(blobs, images, ["me/web"], file.write)
    return path


@pytest.mark.needs("skopeo")
@pytest.mark.parametrize("source", ["docker-archive:{}:me/web:v1", "oci-archive:{}:v2"])
@pytest.mark.parametrize("target", ["docker-archive:{}:you/web:v3", "oci-archive:{}:v3"])
def test_skopeo_copies_what_we_saved_and_we_load_its_copy(
    archive: str, tmp_path: Path, source: str, target: str
) -> None:
    copy = str(tmp_path / "copy.tar")
    run("skopeo", "--insecure-policy", "copy", source.format(archive), target.format(copy))
    layout, blobs, images = new_store(tmp_path / "second")
    with open(copy, "rb") as file:
        (loaded,) = load(layout, blobs, images, file.read, Platform())
    _, _, saved = new_store(tmp_path / "store")
    assert loaded.id == saved.resolve("me/web:v1").id


@pytest.mark.needs("skopeo")
def test_skopeo_reads_config_and_names(archive: str) -> None:
    shown = json.loads(run("skopeo", "inspect", f"docker-archive:{archive}:me/web:v2"))
    assert shown["Labels"] == {"made": "by a test"}
    assert len(shown["Layers"]) == 2


@pytest.mark.needs("umoci", "skopeo", "root")
def test_umoci_unpacks_our_layers_to_the_tree_that_we_unpack(archive: str, tmp_path: Path) -> None:
    from nbcontainer.store import jobs

    run(
        "skopeo", "--insecure-policy", "copy", f"oci-archive:{archive}:v1", f"oci:{tmp_path}/oci:v1"
    )
    run("umoci", "unpack", "--image", f"{tmp_path}/oci:v1", f"{tmp_path}/bundle")
    layout, _, images = new_store(tmp_path / "store")
    image = images.resolve("me/web:v1")
    chain: list[str] = []
    for layer, diff_id in zip(image.layers, image.config.diff_ids, strict=True):
        chain_id = "sha256:" + f"{len(chain)}" * 64
        jobs.unpack_layer(layout, [], chain_id=chain_id, digest=layer.digest, diff_id=diff_id,
                          below=list(chain), backend="copy")  # fmt: skip
        chain.append(chain_id)
    ours = listing(f"{layout.layer(chain[-1])}/fs")
    theirs = listing(f"{tmp_path}/bundle/rootfs")
    # neither layer describes these: each unpacker has its own idea of them
    for path in (".", "bin", "app"):
        ours.pop(path)
        theirs.pop(path)
    assert ours == theirs


@pytest.mark.needs("podman", "root")
def test_podman_loads_what_we_saved(archive: str, tmp_path: Path) -> None:
    # podman refuses a folder whose name is longer than 50 characters
    with tempfile.TemporaryDirectory(prefix="nbc-") as folder:
        places = ("--root", f"{folder}/p", "--runroot", f"{folder}/r", "--storage-driver", "vfs")
        _with_podman(("podman", *places), archive, tmp_path)


def _with_podman(podman: tuple[str, ...], archive: str, tmp_path: Path) -> None:
    assert "me/web:v1" in run(*podman, "load", "-i", archive)
    shown = run(*podman, "images", "--format", "{{.Repository}}:{{.Tag}}")
    assert "/me/web:v1\n" in shown
    assert "/me/web:v2\n" in shown
    saved = str(tmp_path / "podman.tar")
    run(*podman, "save", "-o", saved, "me/web:v1")
    layout, blobs, images = new_store(tmp_path / "second")
    with open(saved, "rb") as file:
        (loaded,) = load(layout, blobs, images, file.read, Platform())
    (reference,) = loaded.references
    assert reference.familiar.endswith("me/web:v1")
    out = io.BytesIO()
    save(blobs, images, [reference.familiar], out.write)
    assert len(out.getvalue()) > os.stat(saved).st_size / 2
