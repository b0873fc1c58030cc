"""Images as a user meets them: names, lists, removal and pruning, in Docker's words."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import (
    EngineError,
    ImageNotFound,
    InvalidArgument,
    ReferenceInvalid,
    StillInUse,
)
from tests.needs import needs
from tests.stores import Store

pytestmark = needs("userns")


def image_of(engine: Engine, container: str) -> str:
    return str(engine.inspect(container)[0]["Image"])


def short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]


def names(engine: Engine, **flags: Any) -> list[str]:
    return [f"{row['Repository']}:{row['Tag']}" for row in engine.images(**flags)]


@pytest.fixture
def hello(fresh_engine: Engine) -> str:
    """The id of hello-world, made in a store of the test's own."""
    fresh_engine.run("hello-world", rm=True)
    return str(fresh_engine.inspect("hello-world", type="image")[0]["Id"])


def test_a_tag_is_one_more_name_and_moves_when_it_is_given_again(
    fresh_engine: Engine, hello: str
) -> None:
    engine = fresh_engine
    engine.tag("hello-world", "localhost:5000/a/b:1")
    engine.tag(short(hello), "mine")
    assert sorted(names(engine)) == ["hello-world:latest", "localhost:5000/a/b:1", "mine:latest"]
    assert {row["ID"] for row in engine.images()} == {short(hello)}
    engine.run("toolbox", ["touch", "/x"], name="made")
    other = engine.commit("made")
    engine.tag(other.id, "mine")
    assert [row["ID"] for row in engine.images("mine")] == [short(other.id)]
    assert engine.inspect("mine")[0]["Id"] == other.id


def test_what_cannot_be_a_name_is_refused(fresh_engine: Engine, hello: str) -> None:
    for text, kind, words in (
        ("Upper", ReferenceInvalid, "repository name (library/Upper) must be lowercase"),
        ("a b", ReferenceInvalid, "invalid reference format"),
        (f"x@{hello}", InvalidArgument, "refusing to create a tag with a digest reference"),
    ):
        with pytest.raises(kind) as caught:
            fresh_engine.tag("hello-world", text)
        assert words in caught.value.message
    with pytest.raises(ImageNotFound, match="No such image: nope:latest"):
        fresh_engine.tag("nope", "x")
    assert names(fresh_engine) == ["hello-world:latest"]


def test_images_are_listed_by_repository_filter_and_digest(
    fresh_engine: Engine, hello: str
) -> None:
    engine = fresh_engine
    engine.tag("hello-world", "me/web:v1")
    engine.tag("hello-world", "me/web:v2")
    assert names(engine, repository="me/web") == ["me/web:v1", "me/web:v2"]
    assert names(engine, repository="me/web:v2") == ["me/web:v2"]
    assert names(engine, repository="docker.io/me/web:v2") == ["me/web:v2"]
    assert names(engine, repository="web") == []
    assert names(engine, filter=["reference=me/*:v1"]) == ["me/web:v1"]
    assert names(engine, filter=["dangling=true"]) == []
    assert names(engine, filter=["label=nope"]) == []
    assert len(names(engine, filter=["until=24h"])) == 3
    assert names(engine, filter=["since=hello-world"]) == []
    (row,) = engine.images("hello-world", digests=True, no_trunc=True)
    assert row["ID"] == hello
    assert row["Digest"] == "<none>"  # no registry has it
    document = engine.inspect("me/web:v1")[0]
    assert document["Descriptor"]["size"] == os.path.getsize(
        f"{engine.host.layout.home}/blobs/sha256/{document['Descriptor']['digest'][7:]}"
    )
    assert not document["Metadata"]["LastTagTime"].startswith("0001")
    assert engine.inspect("me/web:v2")[0]["Metadata"] == document["Metadata"]
    with pytest.raises(InvalidArgument, match="invalid filter 'nope'"):
        engine.images(filter="nope=1")
    with pytest.raises(ImageNotFound):
        engine.images(filter="before=missing")


def test_rmi_takes_names_away_and_then_the_image(
    fresh_engine: Engine, fresh_store: Store, hello: str
) -> None:
    engine = fresh_engine
    engine.tag("hello-world", "a:1")
    engine.tag("hello-world", "b:1")
    assert engine.rmi("a:1") == ["Untagged: a:1"]
    with pytest.raises(StillInUse) as caught:
        engine.rmi(short(hello))
    assert caught.value.message == (
        f"conflict: unable to delete {short(hello)} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    lines = engine.rmi(short(hello), force=True)
    assert lines[:3] == ["Untagged: b:1", "Untagged: hello-world:latest", f"Deleted: {hello}"]
    assert len(lines) == 4
    assert lines[3].startswith("Deleted: sha256:")
    assert len(engine.images()) == 0
    assert left_in(fresh_store) == []


def left_in(store: Store) -> list[str]:
    """Return what is still in the store; a shim that removes its own container may need a moment."""
    layout = store.layout
    folders = (f"{layout.home}/blobs/sha256", layout.layers, layout.tmp)
    end = time.monotonic() + 10
    while True:
        left = [f"{folder}/{name}" for folder in folders for name in os.listdir(folder)]
        if not left or time.monotonic() > end:
            return left
        threading.Event().wait(0.01)


def test_rmi_of_an_image_that_is_in_use_is_refused_in_docker_s_words(
    fresh_engine: Engine,
) -> None:
    engine = fresh_engine
    made = engine.run("toolbox", ["sleep", "1000"], name="user", detach=True)
    image = image_of(engine, "user")
    with pytest.raises(StillInUse) as caught:
        engine.rmi("toolbox")
    assert caught.value.message == (
        'conflict: unable to remove repository reference "toolbox" (must force) - container '
        f"{made.id[:12]} is using its referenced image {short(image)}"
    )
    running = (
        f"conflict: unable to delete {short(image)} (cannot be forced) - "
        f"image is being used by running container {made.id[:12]}"
    )
    for force in (False, True):
        with pytest.raises(StillInUse) as caught:
            engine.rmi(short(image), force=force)
        assert caught.value.message == running
    assert names(engine) == ["toolbox:latest"]
    # with --force only the name goes
    assert engine.rmi("toolbox", force=True) == ["Untagged: toolbox:latest"]
    assert names(engine) == ["<none>:<none>"]
    engine.kill("user")
    with pytest.raises(StillInUse) as caught:
        engine.rmi(short(image))
    assert caught.value.message == (
        f"conflict: unable to delete {short(image)} (must be forced) - "
        f"image is being used by stopped container {made.id[:12]}"
    )


def test_a_container_outlives_its_image(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["sh", "-c", "echo x > /x; ls /bin/sh"], name="user")
    lines = engine.rmi(image_of(engine, "user"), force=True)
    assert lines[-1] == f"Deleted: {image_of(engine, 'user')}"  # its layers are still in use
    engine.start("user")
    assert engine.wait("user") == [0]
    with pytest.raises(ImageNotFound, match="was removed"):
        engine.commit("user")
    engine.rm("user")


def test_a_built_in_image_comes_back_on_its_next_use(fresh_engine: Engine, hello: str) -> None:
    assert fresh_engine.rmi("hello-world")[0] == "Untagged: hello-world:latest"
    with pytest.raises(ImageNotFound, match="No such image: hello-world:latest"):
        fresh_engine.rmi("hello-world")
    assert fresh_engine.run("hello-world", rm=True).exit_code == 0
    assert fresh_engine.inspect("hello-world", type="image")[0]["Id"] == hello


def test_rmi_of_several_says_what_it_did_before_it_failed(fresh_engine: Engine, hello: str) -> None:
    fresh_engine.tag("hello-world", "a:1")
    with pytest.raises(ImageNotFound, match="No such image: nope:latest"):
        fresh_engine.rmi("a:1", "nope", "hello-world")
    assert names(fresh_engine) == ["hello-world:latest"]


def test_layers_that_others_share_stay(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["touch", "/x"], name="made")
    engine.commit("made", "child")
    engine.rm("made")
    lines = engine.rmi("toolbox")
    assert len(lines) == 2  # its name and itself, but no layer
    assert engine.run("child", ["ls", "/x"], rm=True).exit_code == 0
    assert len([line for line in engine.rmi("child") if line.startswith("Deleted")]) == 3


def test_history_tells_how_an_image_was_made(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["sh", "-c", "head -c 5000 /dev/zero > /x"], name="made")
    engine.commit("made", "child", message="five thousand")
    rows = engine.history("child", human=False, no_trunc=True)
    assert rows[0]["Comment"] == "five thousand"
    assert rows[0]["CreatedBy"] == "sh -c head -c 5000 /dev/zero > /x"
    assert int(rows[0]["Size"]) >= 5000
    assert rows[0]["ID"] == engine.inspect("child")[0]["Id"]
    assert {row["ID"] for row in list(rows)[1:]} == {"<missing>"}
    assert rows[1]["Size"] == "0"
    with pytest.raises(ImageNotFound, match="No such image: nope:latest"):
        engine.history("nope")


def test_prune_removes_what_has_no_name_and_with_all_what_nobody_uses(
    fresh_engine: Engine, fresh_store: Store
) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["touch", "/x"], name="user")
    nameless = engine.commit("user")
    engine.tag("hello-world", "named:1")
    lines = engine.image_prune()
    assert lines[:2] == ["Deleted Images:", f"deleted: {nameless.id}"]
    assert lines[-1].startswith("Total reclaimed space: ")
    assert sorted(names(engine)) == ["hello-world:latest", "named:1", "toolbox:latest"]
    assert engine.image_prune() == ["Total reclaimed space: 0B"]
    assert engine.image_prune(all=True, filter=["label=nope"]) == ["Total reclaimed space: 0B"]
    lines = engine.image_prune(all=True)
    assert lines[1:3] == ["untagged: hello-world:latest", "untagged: named:1"]
    assert names(engine) == ["toolbox:latest"]
    engine.rm("user")
    engine.image_prune(all=True)
    assert left_in(fresh_store) == []


def test_inspect_finds_objects_of_every_kind(fresh_engine: Engine, hello: str) -> None:
    engine = fresh_engine
    engine.create("hello-world", name="both")
    engine.volume_create("only-volume")
    assert engine.inspect("both")[0]["Name"] == "/both"
    assert engine.inspect("hello-world")[0]["RepoTags"] == ["hello-world:latest"]
    assert engine.inspect(short(hello))[0]["Id"] == hello
    assert engine.inspect("only-volume")[0]["Driver"] == "local"
    assert len(engine.inspect("both", "hello-world", "only-volume")) == 3
    for kind, words in (
        ("", "No such object: nope"),
        ("container", "No such container: nope"),
        ("image", "No such image: nope:latest"),
        ("volume", "get nope: no such volume"),
    ):
        with pytest.raises(EngineError) as caught:
            engine.inspect("nope", type=kind)
        assert caught.value.message == words
    with pytest.raises(EngineError, match="No such object: No/Good:x:y"):
        engine.inspect("No/Good:x:y")


def test_an_id_prefix_that_fits_several_images_is_refused(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.create("toolbox", name="made")
    made = [engine.commit("made", message=str(number)).id for number in range(17)]
    firsts = [image_id.removeprefix("sha256:")[0] for image_id in made]
    twice = next(digit for digit in firsts if firsts.count(digit) > 1)
    with pytest.raises(InvalidArgument, match="Multiple IDs found with provided prefix"):
        engine.rmi(twice)
    engine.rm("made")
    engine.image_prune()
