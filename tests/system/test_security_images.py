"""Archives that come in by import and load: nothing outside changes, bombs end early, lies are found."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import resource
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbcontainer.errors import EngineError
from tests.system.crafted import (
    Entry,
    derive,
    device,
    directory,
    file,
    hard_link,
    link,
    tar_of,
)
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "kept").write_text("host")
    (folder / "mode").write_text("x")
    (folder / "mode").chmod(0o600)
    return folder


def digest(folder: Path) -> str:
    found = []
    for path in sorted(folder.rglob("*")):
        what = path.lstat()
        body = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found.append((str(path), what.st_mode, what.st_uid, what.st_nlink, body))
    return hashlib.sha256(repr(found).encode()).hexdigest()


def attacks(victim: Path) -> dict[str, list[Entry]]:
    up = "../" * 20
    return {
        "dotdot": [file(f"{up}{victim}/new".replace("//", "/"), "x")],
        "absolute": [file(f"{victim}/new", "x")],
        "link_then_file": [link("out", str(victim)), file("out/new", "x")],
        "link_up_then_file": [link("out", up + str(victim).lstrip("/")), file("out/new", "x")],
        "link_chain": [link("a", "b"), link("b", str(victim)), file("a/kept", "x")],
        "hard_link_out": [hard_link("in", f"{victim}/kept"), file("in", "x")],
        "hard_link_up": [hard_link("in", f"{up}{victim}/kept".replace("//", "/"))],
        "hard_link_through_link": [link("out", str(victim)), hard_link("in", "out/kept")],
        "whiteout_of_parent": [link("out", str(victim)), file("out/.wh.kept")],
        "whiteout_dotdot": [file("x/.wh..", "")],
        "whiteout_empty": [file("x/.wh.", "")],
        "opaque_through_link": [link("out", str(victim)), file("out/.wh..wh..opq")],
        "mode_through_link": [link("m", f"{victim}/mode"), directory("m", 0o777)],
        "file_over_link": [link("m", f"{victim}/mode"), file("m", "x", 0o666)],
        "directory_over_link": [link("d", str(victim)), directory("d", 0o700), file("d/new", "x")],
        "root_is_a_file": [file(".", "x")],
        "root_is_a_link": [link("./", str(victim)), file("new", "x")],
        "proc_fd": [link("f", "/proc/self/fd"), file("f/9/new", "x")],
        "long_name": [file("n" * 300, "x")],
        "deep": [file("d/" * 1500 + "x", "x")],
        "disk": [device("disk", 254, 0), device("kmsg", 1, 11)],
    }


NAMES = list(attacks(Path("/victim")))


@pytest.mark.parametrize("name", NAMES)
def test_cve_2026_17106_2021_32760_2019_10152_nothing_outside_the_root_changes(
    engine: Engine, tmp_path: Path, victim: Path, name: str
) -> None:
    before = digest(victim)
    image = "attack-" + name.replace("_", "-")
    try:
        derive(engine, tmp_path, image, attacks(victim)[name], base="python")
        ask(engine, "answer(os.listdir('/'))", image=image)
    except EngineError:
        refused = True
    else:
        refused = False
    assert digest(victim) == before
    if name == "disk" and not refused:
        found = ask(
            engine,
            """
answer([attempt(os.open, path, os.O_RDONLY) for path in ("/disk", "/kmsg")])
""",
            image=image,
        )
        assert "done" not in found


def test_a_bomb_ends_under_its_cap_in_time_and_memory(
    engine: Engine, tmp_path: Path, store: Store
) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    info = tarfile.TarInfo("zeros")
    info.size = 6 << 30
    with gzip.open(bomb, "wb", compresslevel=1) as packed:
        packed.write(info.tobuf())
        block = bytes(1 << 22)
        for _ in range((1 << 30) // len(block)):
            packed.write(block)
    before = usage(store.home)
    begun = time.monotonic()
    with pytest.raises(EngineError):
        engine.import_(str(bomb), "bomb")
        engine.run("bomb", ["/x"], rm=True)
    assert time.monotonic() - begun < 20
    engine.image_prune(all=False)
    assert usage(store.home) - before < 100 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20


def usage(folder: str) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total


def saved(engine: Engine, tmp_path: Path) -> dict[str, bytes]:
    engine.run("hello-world", rm=True)
    path = tmp_path / "saved.tar"
    engine.save("hello-world", output=str(path))
    with tarfile.open(path) as archive:
        found = {}
        for member in archive:
            reader = archive.extractfile(member)
            if reader is not None:
                found[member.name] = reader.read()
    return found


def load(engine: Engine, tmp_path: Path, members: dict[str, bytes]) -> None:
    path = tmp_path / "changed.tar"
    path.write_bytes(tar_of([file(name, data) for name, data in members.items()]))
    engine.load(input=str(path))


@pytest.mark.parametrize("change", ["flip", "cut", "append"])
def test_a_blob_that_is_not_what_its_digest_says_is_refused(
    engine: Engine, tmp_path: Path, change: str
) -> None:
    members = saved(engine, tmp_path)
    engine.rmi("hello-world", force=True)
    blobs = sorted(
        (name for name in members if name.startswith("blobs/")), key=lambda n: len(members[n])
    )
    for name in blobs:
        data = members[name]
        spoilt = {
            "flip": data[:-1] + bytes([data[-1] ^ 1]),
            "cut": data[:-1],
            "append": data + b"\n",
        }[change]
        with pytest.raises(EngineError):
            load(engine, tmp_path, {**members, name: spoilt})
    assert "hello-world" not in str(engine.images())


@pytest.mark.parametrize(
    "change",
    [
        {"manifests": []},
        {"layers": None},
        {"layers": [], "manifests": [], "fsLayers": []},
        {"mediaType": "application/vnd.oci.image.index.v1+json"},
        {"config": {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1}},
        {"schemaVersion": 1},
    ],
    ids=["both", "none", "all", "type", "config", "version"],
)
def test_cve_2021_41190_a_manifest_that_could_be_two_things_is_refused(
    engine: Engine, tmp_path: Path, change: dict[str, object]
) -> None:
    members = saved(engine, tmp_path)
    index = json.loads(members["index.json"])
    old = index["manifests"][0]["digest"]
    manifest = json.loads(members["blobs/" + old.replace(":", "/")])
    data = json.dumps({**manifest, **change}).encode()
    new = "sha256:" + hashlib.sha256(data).hexdigest()
    index["manifests"][0] |= {"digest": new, "size": len(data)}
    members["blobs/" + new.replace(":", "/")] = data
    members["index.json"] = json.dumps(index).encode()
    members.pop("manifest.json", None)
    engine.rmi("hello-world", force=True)
    with pytest.raises(EngineError):
        load(engine, tmp_path, members)
        engine.run("hello-world", rm=True)
        # the built-in image of that name may have been made instead: then the load must have failed
        raise AssertionError("the manifest was accepted")


@pytest.mark.parametrize(
    "text",
    [b"", b"no tar at all", b"\x1f\x8b\x08\x00broken", b"[" * 100_000, bytes(1024)],
    ids=["empty", "text", "gzip", "brackets", "zeros"],
)
def test_what_is_no_archive_is_refused_cleanly(engine: Engine, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "no.tar"
    path.write_bytes(text)
    with pytest.raises(EngineError):
        engine.load(input=str(path))
    deep = {"index.json": b"[" * 200_000, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    with pytest.raises(EngineError):
        load(engine, tmp_path, deep)
    assert io.BytesIO(text).read() == path.read_bytes()
