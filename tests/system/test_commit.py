"""commit and import: images of what is at hand."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import (
    ContainerNotFound,
    Corrupt,
    EngineError,
    InvalidArgument,
    ReferenceInvalid,
)
from tests.needs import check, needs
from tests.stores import Store

pytestmark = needs("userns")


def out(engine: Engine, image: str, script: str, **flags: Any) -> str:
    done = engine.run(image, ["sh", "-c", script], rm=True, **flags)
    assert done.exit_code == 0, done.stderr.decode()
    return str(done.text)


def test_what_was_copied_into_a_container_that_never_ran_is_committed(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "greeting").write_text("hello\n")
    engine.create("toolbox", ["true"], name="made")
    assert len(engine.diff("made")) == 0
    assert len(engine.commit("made", "plain:1").id) > 12
    engine.cp(str(tmp_path / "greeting"), "made:/srv/greeting")
    assert engine.diff("made")["Path"] == ["/srv", "/srv/greeting"]
    engine.commit("made", "greeting:1")
    assert out(engine, "greeting:1", "cat /srv/greeting") == "hello\n"


def content(store: Store) -> set[str]:
    """What the store holds: blobs, index, and what is half-made."""
    home = store.layout.home
    index = Path(store.layout.index)
    return {
        *os.listdir(f"{home}/blobs/sha256"),
        *os.listdir(store.layout.tmp),
        index.read_text() if index.exists() else "",
    }


def test_a_committed_image_holds_what_the_container_changed(engine: Engine) -> None:
    engine.run(
        "toolbox",
        [
            "sh",
            "-c",
            "mkdir -p /data/deep; echo hi > /data/deep/f; ln -s f /data/deep/link; "
            "ln /data/deep/f /data/hard; rm /bin/tar; chmod 2750 /data; touch -d @12345 /data/deep/f",
        ],
        name="web",
    )
    made = engine.commit("web", "me/web:v2", author="lab 1", message="added a file")
    assert str(made) == made.id
    assert made.reference == "me/web:v2"
    script = (
        "cat /data/deep/link /data/hard; test -e /bin/tar || echo gone; stat -c %a /data; "
        "stat -c '%h %Y' /data/hard"
    )
    assert out(engine, "me/web:v2", script).split() == ["hi", "hi", "gone", "2750", "2", "12345"]
    document = engine.inspect("me/web:v2")[0]
    assert document["Author"] == "lab 1"
    assert document["Comment"] == "added a file"
    assert "org.nbcontainer.builtin" not in document["Config"]["Labels"]


def test_a_committed_image_behaves_as_its_container_was_told_to(engine: Engine) -> None:
    engine.create(
        "toolbox",
        ["echo", "from the container"],
        name="told",
        env=["A=1"],
        user="1000:1000",
        workdir="/tmp",
        label=["x=y"],
        entrypoint="env",
        expose=["80"],
    )
    engine.commit("told", "told")
    config = engine.inspect("told", type="image")[0]["Config"]
    assert config["Entrypoint"] == ["env"]
    assert config["Cmd"] == ["echo", "from the container"]
    assert "A=1" in config["Env"]
    assert not [line for line in config["Env"] if line.startswith("HOSTNAME=")]
    assert (config["User"], config["WorkingDir"]) == ("1000:1000", "/tmp")
    assert config["Labels"]["x"] == "y"
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert engine.run("told", rm=True).stdout == b"from the container\n"
    # nothing was changed, so there is no layer more
    toolbox = engine.inspect("toolbox", type="image")[0]
    assert engine.inspect("told", type="image")[0]["RootFS"] == toolbox["RootFS"]


def test_changes_are_dockerfile_instructions(engine: Engine) -> None:
    engine.create("toolbox", ["sh"], name="base")
    engine.commit(
        "base", "changed", change=["ENV A=1 B=$PATH", "CMD echo $A", "WORKDIR /tmp", "LABEL a=b"]
    )
    config = engine.inspect("changed")[0]["Config"]
    assert config["Cmd"] == ["/bin/sh", "-c", "echo $A"]
    assert "B=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in config["Env"]
    assert config["WorkingDir"] == "/tmp"
    assert config["Labels"]["a"] == "b"
    assert engine.run("changed", rm=True).stdout == b"1\n"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"change": ["RUN ls"]}, InvalidArgument, "run is not a valid change command"),
        ({"change": ["ENV a"]}, InvalidArgument, "ENV must have two arguments"),
        ({"reference": "Me/Web"}, ReferenceInvalid, "must be lowercase"),
        ({"container": "nope"}, ContainerNotFound, "No such container: nope"),
    ],
)
def test_a_commit_that_is_refused_leaves_the_store_as_it_was(
    engine: Engine, store: Store, arguments: dict[str, Any], kind: type[EngineError], words: str
) -> None:
    engine.run("toolbox", ["touch", "/x"], name="base")
    before = content(store)
    with pytest.raises(kind) as caught:
        engine.commit(**{"container": "base", "reference": "new", **arguments})
    assert words in caught.value.message
    assert content(store) == before


def test_a_commit_without_a_name_is_nameless_and_can_be_run_by_its_id(engine: Engine) -> None:
    engine.run("toolbox", ["touch", "/x"], name="base")
    made = engine.commit("base")
    assert out(engine, made.id[7:19], "ls /x") == "/x\n"
    (row,) = engine.images(filter="dangling=true")
    assert (row["Repository"], row["Tag"]) == ("<none>", "<none>")


def test_the_same_container_gives_the_same_layer(engine: Engine) -> None:
    engine.run("toolbox", ["sh", "-c", "mkdir /d; seq 100 > /d/f; ln /d/f /d/g"], name="base")
    first, second = engine.commit("base"), engine.commit("base", message="other")
    layers = [engine.inspect(made.id)[0]["RootFS"]["Layers"] for made in (first, second)]
    assert first.id != second.id
    assert layers[0] == layers[1]


def test_owners_and_modes_are_the_container_s(engine: Engine) -> None:
    engine.run(
        "toolbox",
        ["sh", "-c", "echo x > /own; chown 33:44 /own; chmod 4711 /own; mkdir -m 1777 /open"],
        name="base",
    )
    engine.commit("base", "owned")
    out_file = io.BytesIO()
    engine.save("owned", output=out_file)
    assert out(engine, "owned", "stat -c %a /own /open").split() == ["4711", "1777"]
    out_file.seek(0)
    found = {}
    with tarfile.open(fileobj=out_file) as archive:
        for member in archive:
            reader = archive.extractfile(member)
            if reader is None or not member.name.startswith("blobs/"):
                continue
            try:
                with tarfile.open(fileobj=reader) as layer:
                    found.update({info.name: info for info in layer})
            except tarfile.ReadError:
                continue
    assert found["own"].mode == 0o4711
    if engine.host.features.id_mode != "single":  # where chown is only answered, not carried out
        assert (found["own"].uid, found["own"].gid) == (33, 44)


@pytest.mark.needs("cgroup")
def test_a_running_container_is_paused_meanwhile_and_goes_on(engine: Engine) -> None:
    engine.run("toolbox", ["sh", "-c", "while :; do sleep 0.05; done"], name="busy", detach=True)
    events = engine.events(filter=["container=busy"])
    engine.commit("busy", "busy")
    engine.commit("busy", "busy", pause=False)
    engine.kill("busy")
    actions = []
    for event in events:
        actions.append(event.action)
        if event.action == "die":
            break
    events.close()
    check("freezer")
    assert [a for a in actions if a != "kill"] == ["pause", "unpause", "commit", "commit", "die"]


def test_a_paused_container_stays_paused(engine: Engine) -> None:
    check("freezer")
    engine.run("toolbox", ["sleep", "1000"], name="still", detach=True)
    engine.pause("still")
    engine.commit("still", "still")
    assert engine.inspect("still")[0]["State"]["Status"] == "paused"


def test_volumes_and_binds_are_not_in_the_image(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "host-file").write_text("x")
    engine.run(
        "toolbox",
        ["sh", "-c", "touch /vol/in-volume /tmpfs/in-memory /kept"],
        name="base",
        volume=[f"{tmp_path}:/bound:ro", "data:/vol"],
        tmpfs=["/tmpfs"],
    )
    engine.commit("base", "bare")
    assert (
        out(engine, "bare", "find / -xdev -name 'in-*' -o -name host-file; ls /kept") == "/kept\n"
    )


# -- import


def tar_of(*files: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize("compression", ["", "gz", "xz", "bz2"])
def test_a_tree_becomes_an_image_whatever_packed_it(
    engine: Engine, tmp_path: Path, compression: str
) -> None:
    engine.create("toolbox", name="base")
    engine.export("base", str(tmp_path / "tree.tar"))
    packed = tmp_path / f"tree.tar.{compression}"
    pack = {"": bytes, "gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}[compression]
    packed.write_bytes(pack((tmp_path / "tree.tar").read_bytes()))
    made = engine.import_(str(packed), "flat:1", change=["CMD echo flat"], message="from a tree")
    assert engine.run("flat:1", rm=True).stdout == b"flat\n"
    document = engine.inspect(made.id)[0]
    assert len(document["RootFS"]["Layers"]) == 1
    assert document["Comment"] == "from a tree"
    assert len(engine.history(made.id)) == 1


def test_what_cannot_be_imported_is_refused_by_name(engine: Engine, store: Store) -> None:
    with pytest.raises(InvalidArgument, match="unknown operating system or architecture"):
        engine.import_(io.BytesIO(tar_of(("f", b"x"))), platform="foo")
    done = store.cli("import", "http://me:canary@r.example/x.tar")
    assert done.returncode == 1
    assert done.stderr.startswith(
        b"Error: import from a URL is not supported: http://***@r.example/x.tar\n"
    )


def test_an_import_from_a_stream_says_where_it_came_from(engine: Engine) -> None:
    made = engine.import_(io.BytesIO(tar_of(("f", b"x"))), platform="linux/arm64")
    document = engine.inspect(made.id)[0]
    assert document["Comment"] == "Imported from -"
    assert document["Architecture"] == "arm64"
    assert document["RepoTags"] == []


@pytest.mark.parametrize(
    ("data", "change"),
    [
        (b"", ()),
        (b"no tar" * 1000, ()),
        (tar_of(("f", b"x" * 5000))[:3000], ()),
        (b"\x1f\x8b\x08\x00broken", ()),
        (tar_of(("f", b"x")), ["RUN x"]),
    ],
    ids=["empty", "text", "cut", "gzip", "change"],
)
def test_an_import_that_fails_leaves_the_store_as_it_was(
    engine: Engine, store: Store, data: bytes, change: Any
) -> None:
    before = content(store)
    with pytest.raises((Corrupt, InvalidArgument)):
        engine.import_(io.BytesIO(data), "new", change=change)
    assert content(store) == before


def test_a_file_that_cannot_be_opened_is_said(engine: Engine) -> None:
    with pytest.raises(InvalidArgument, match="open /no/such: no such file or directory"):
        engine.import_("/no/such")


def test_a_layer_s_size_is_that_of_its_files_before_it_is_ever_unpacked(engine: Engine) -> None:
    engine.run("toolbox", ["sh", "-c", "head -c 3000 /dev/zero > /x; : > /y"], name="base")
    engine.commit("base", "sized")
    assert engine.history("sized", human=False)[0]["Size"] == "3000"
    engine.run("sized", ["true"], rm=True)
    assert engine.history("sized", human=False)[0]["Size"] == "3000"
    made = engine.import_(io.BytesIO(tar_of(("f", b"x" * 700), ("g", b"y" * 42))))
    assert engine.history(made.id, human=False)[0]["Size"] == "742"
