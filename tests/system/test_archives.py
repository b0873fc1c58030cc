"""save, load and export: whole archives come and go, damaged ones change nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import (
    Corrupt,
    DigestMismatch,
    EngineError,
    ImageNotFound,
    InvalidArgument,
)
from tests.needs import needs
from tests.stores import Store

pytestmark = needs("userns")


def content(store: Store) -> set[str]:
    home = store.layout.home
    index = Path(store.layout.index)
    return {
        *os.listdir(f"{home}/blobs/sha256"),
        *os.listdir(store.layout.tmp),
        index.read_text() if index.exists() else "",
    }


def test_what_is_no_path_and_no_stream_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidArgument, match="a path or a stream of bytes, not bytes"):
        engine.load(b"xx")  # type: ignore[arg-type]


@pytest.fixture
def archive(fresh_engine: Engine, tmp_path: Path) -> Path:
    """An archive of a committed image with two names; the store no longer has it."""
    engine = fresh_engine
    engine.run("toolbox", ["sh", "-c", "echo hi > /x; rm /bin/tar"], name="made")
    engine.commit("made", "me/web:v1", change=["CMD cat /x"])
    engine.tag("me/web:v1", "me/web:v2")
    path = tmp_path / "saved.tar"
    size = engine.save("me/web", output=str(path))
    assert size == path.stat().st_size
    engine.rm("made")
    engine.rmi("me/web:v1", "me/web:v2")
    engine.image_prune(all=True)
    return path


def test_what_was_saved_comes_back_with_its_names(fresh_engine: Engine, archive: Path) -> None:
    engine = fresh_engine
    assert len(engine.images()) == 0
    lines = engine.load(str(archive))
    assert lines == ["Loaded image: me/web:v1", "Loaded image: me/web:v2"]
    assert engine.run("me/web:v2", rm=True).stdout == b"hi\n"
    assert engine.run("me/web:v2", ["test", "-e", "/bin/tar"], rm=True).exit_code == 1
    again = io.BytesIO()
    engine.save("me/web", output=again)
    assert again.getvalue() == archive.read_bytes()


def test_an_archive_comes_from_a_stream_and_compressed(fresh_engine: Engine, archive: Path) -> None:
    packed = gzip.compress(archive.read_bytes(), 1)
    assert len(fresh_engine.load(io.BytesIO(packed))) == 2
    assert fresh_engine.run("me/web:v1", rm=True).stdout == b"hi\n"


def test_an_image_that_is_saved_by_its_id_has_no_name(fresh_engine: Engine, archive: Path) -> None:
    engine = fresh_engine
    engine.load(str(archive))
    image_id = engine.inspect("me/web:v1")[0]["Id"]
    nameless = io.BytesIO()
    engine.save(image_id[7:19], output=nameless)
    engine.rmi("me/web:v1", "me/web:v2")
    nameless.seek(0)
    assert engine.load(nameless) == [f"Loaded image ID: {image_id}"]


def test_a_name_that_an_archive_takes_over_is_said(fresh_engine: Engine, archive: Path) -> None:
    engine = fresh_engine
    engine.create("toolbox", name="other")
    old = engine.commit("other", "me/web:v1")
    lines = engine.load(str(archive))
    assert lines[0] == (
        f"The image me/web:v1 already exists, renaming the old one with ID {old.id} to empty string"
    )
    assert engine.inspect(old.id)[0]["RepoTags"] == []


def test_an_archive_that_was_cut_anywhere_changes_nothing(
    fresh_engine: Engine, fresh_store: Store, archive: Path
) -> None:
    data = archive.read_bytes()
    before = content(fresh_store)
    for cut in (
        1,
        100,
        511,
        512,
        700,
        1024,
        5000,
        len(data) // 3,
        len(data) // 2,
        len(data) - 11000,
    ):
        with pytest.raises((Corrupt, InvalidArgument)):
            fresh_engine.load(io.BytesIO(data[:cut]))
        assert content(fresh_store) == before, f"cut at {cut}"
    packed = gzip.compress(data, 1)
    with pytest.raises(Corrupt):
        fresh_engine.load(io.BytesIO(packed[: len(packed) // 2]))
    assert content(fresh_store) == before


def test_a_flipped_byte_in_any_blob_is_found(
    fresh_engine: Engine, fresh_store: Store, archive: Path
) -> None:
    data = archive.read_bytes()
    before = content(fresh_store)
    with tarfile.open(fileobj=io.BytesIO(data)) as members:
        places = [m.offset_data for m in members if m.isfile() and m.name.startswith("blobs/")]
    assert len(places) >= 4
    for place in places:
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises((Corrupt, DigestMismatch)):
            fresh_engine.load(io.BytesIO(bytes(broken)))
        assert content(fresh_store) == before


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", InvalidArgument),
        (b"this is no tar" * 100, EngineError),
        (bytes(10240), EngineError),
        (b"\x1f\x8b\x08\x00no", Corrupt),
    ],
    ids=["empty", "text", "zeros", "gzip"],
)
def test_what_is_no_archive_is_refused(
    fresh_engine: Engine, fresh_store: Store, data: bytes, kind: type[EngineError]
) -> None:
    fresh_engine.images()
    before = content(fresh_store)
    with pytest.raises(kind):
        fresh_engine.load(io.BytesIO(data))
    assert content(fresh_store) == before


def test_a_plain_tree_is_no_archive_of_images_and_the_remedy_is_said(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    fresh_engine.create("hello-world", name="made")
    fresh_engine.export("made", str(tmp_path / "tree.tar"))
    with pytest.raises(InvalidArgument) as caught:
        fresh_engine.load(str(tmp_path / "tree.tar"))
    assert "neither manifest.json nor index.json" in caught.value.message
    assert "import" in (caught.value.hint or "")


def test_a_missing_image_is_said_before_anything_is_written(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "never.tar"
    with pytest.raises(ImageNotFound, match="No such image: nope:latest"):
        fresh_engine.save("hello-world", "nope", output=str(path))
    assert os.listdir(tmp_path) == []
    with pytest.raises(InvalidArgument, match="requires at least 1 argument"):
        fresh_engine.save(output=str(path))


def test_a_place_that_cannot_be_written_is_said(fresh_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match='directory "/no/such" does not exist'):
        fresh_engine.save("hello-world", output="/no/such/file.tar")
    with pytest.raises(InvalidArgument, match="is a directory"):
        fresh_engine.save("hello-world", output=str(tmp_path))


def test_a_damaged_store_leaves_no_half_archive(
    fresh_engine: Engine, fresh_store: Store, tmp_path: Path
) -> None:
    fresh_engine.run("hello-world", rm=True)
    layer = fresh_engine.inspect("hello-world")[0]["RootFS"]["Layers"][0]
    blob = fresh_store.layout.blob(layer)
    os.chmod(blob, 0o600)
    with open(blob, "r+b") as file:
        file.write(b"?")
    old = tmp_path / "saved.tar"
    old.write_bytes(b"what was there")
    with pytest.raises(DigestMismatch):
        fresh_engine.save("hello-world", output=str(old))
    assert old.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["saved.tar"]


def test_both_forms_are_in_one_archive(archive: Path) -> None:
    with tarfile.open(archive) as members:
        names = members.getnames()

        def document(name: str) -> object:
            reader = members.extractfile(name)
            assert reader is not None
            return json.load(reader)

        index, listed = document("index.json"), document("manifest.json")
    assert {"oci-layout", "index.json", "manifest.json", "repositories"} <= set(names)
    assert isinstance(index, dict)
    assert isinstance(listed, list)
    assert listed[0]["RepoTags"] == ["me/web:v1", "me/web:v2"]
    assert all(layer in names for layer in listed[0]["Layers"])
    assert len(index["manifests"]) == 2


# -- export


def exported(engine: Engine, name: str) -> dict[str, tarfile.TarInfo]:
    stream = io.BytesIO()
    assert engine.export(name, stream) == len(stream.getvalue())
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        return {info.name: info for info in archive}


def test_export_writes_the_whole_tree_as_the_container_sees_it(engine: Engine) -> None:
    engine.run(
        "toolbox",
        ["sh", "-c", "echo x > /new; rm /bin/tar; chown 5:6 /new; rm -r /tmp; mkdir /tmp"],
        name="tree",
    )
    found = exported(engine, "tree")
    if engine.host.features.id_mode != "single":  # where chown is only answered, not carried out
        assert (found["new"].uid, found["new"].gid) == (5, 6)
    assert "usr/bin/tar" not in found
    assert "bin/tar" not in found
    assert any(name.endswith("bin/sh") for name in found)


def test_a_container_that_never_ran_is_its_image(engine: Engine) -> None:
    engine.create("toolbox", name="never")
    engine.run("toolbox", ["true"], name="ran")
    never, ran = exported(engine, "never"), exported(engine, "ran")
    assert set(never) <= set(ran)
    assert len(never) > 10
    assert engine.diff("never").rows == ()


def test_a_running_container_is_exported_into_a_file(engine: Engine, tmp_path: Path) -> None:
    engine.run("toolbox", ["sleep", "1000"], name="busy", detach=True)
    path = tmp_path / "busy.tar"
    assert engine.export("busy", str(path)) == path.stat().st_size
    assert os.listdir(tmp_path) == ["busy.tar"]
    with open(path, "rb") as file, tarfile.open(fileobj=file) as archive:
        assert len(archive.getnames()) > 10


def test_an_export_into_a_pipe_whose_reader_left_is_an_error(engine: Engine) -> None:
    engine.create("toolbox", name="tree")
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb", buffering=0) as file:
        with pytest.raises(EngineError, match="the reader of the archive went away"):
            engine.export("tree", file)
        with pytest.raises(EngineError, match="the reader of the archive went away"):
            engine.save("toolbox", output=file)


def test_an_export_of_what_is_not_there_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="No such container: nope"):
        engine.export("nope", str(tmp_path / "x"))
    assert os.listdir(tmp_path) == []


def test_owners_that_an_image_brought_along_survive_where_there_is_one_id_only(
    engine: Engine,
) -> None:
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w") as archive:
        for name, owner in (("theirs", 33), ("both", 44)):
            info = tarfile.TarInfo(name)
            info.uid, info.gid, info.size = owner, owner + 1, 1
            archive.addfile(info, io.BytesIO(b"x"))
    tree.seek(0)
    engine.import_(tree, "owned", change='CMD ["/none"]')
    engine.create("owned", name="owned")
    found = exported(engine, "owned")
    assert {name: (found[name].uid, found[name].gid) for name in ("theirs", "both")} == {
        "theirs": (33, 34),
        "both": (44, 45),
    }
