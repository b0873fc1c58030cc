"""Named volumes outlive containers, hold what the image has there, and go when nobody uses them."""

from __future__ import annotations

import os

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import InvalidArgument, StillInUse, VolumeNotFound
from tests.needs import needs

pytestmark = needs("userns")


def test_create_gives_the_name_and_finds_what_is_there(engine: Engine) -> None:
    assert engine.volume_create("data", label=["a=b", "c"]) == "data"
    assert engine.volume_create("data", label=["other=1"]) == "data"
    document = engine.volume_inspect("data")[0]
    assert document["Labels"] == {"a": "b", "c": ""}
    assert os.path.isdir(document["Mountpoint"])
    anonymous = engine.volume_create()
    assert len(anonymous) == 64
    rows = {row["Name"]: row for row in engine.volume_ls()}
    assert set(rows) == {"data", anonymous}
    assert rows["data"]["Labels"] == "a=b,c="
    assert rows["data"]["Driver"] == "local"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x", "volume name is too short"),
        ("../x", "includes invalid characters"),
        ("a/b", "invalid"),
    ],
)
def test_names_that_no_volume_can_have_are_refused(engine: Engine, name: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        engine.volume_create(name)
    assert len(engine.volume_ls()) == 0


def test_another_driver_is_refused_in_docker_s_words(engine: Engine) -> None:
    with pytest.raises(InvalidArgument, match='plugin "nfs" not found'):
        engine.volume_create("data", driver="nfs")
    assert len(engine.volume_ls()) == 0


def test_what_a_container_wrote_the_next_one_reads(engine: Engine) -> None:
    engine.run("toolbox", ["sh", "-c", "echo kept > /d/f"], volume=["data:/d"], rm=True)
    done = engine.run("toolbox", ["cat", "/else/f"], volume=["data:/else"], rm=True)
    assert done.stdout == b"kept\n"


def test_a_volume_is_filled_at_its_first_use_however_it_came_into_being(engine: Engine) -> None:
    engine.volume_create("early")
    for name in ("early", "late"):
        done = engine.run("toolbox", ["ls", "/v/sh"], volume=[f"{name}:/v"], rm=True)
        assert done.exit_code != 0  # the image has no /v
        done = engine.run("toolbox", ["ls", "/bin/sh"], volume=[f"{name}:/usr/bin"], rm=True)
        assert done.exit_code == 0, done.stderr
        done = engine.run("toolbox", ["rm", "/usr/bin/tar"], volume=[f"{name}:/usr/bin"], rm=True)
        assert done.exit_code == 0, done.stderr
        done = engine.run("toolbox", ["ls", "/v/tar"], volume=[f"{name}:/v"], rm=True)
        assert done.exit_code != 0  # it holds something, and is not filled again
        done = engine.run("toolbox", ["ls", "/v/sh"], volume=[f"{name}:/v"], rm=True)
        assert done.exit_code == 0


def test_a_volume_in_use_is_refused_also_by_a_stopped_container(engine: Engine) -> None:
    made = engine.create("toolbox", ["true"], volume=["data:/d"])
    with pytest.raises(StillInUse) as caught:
        engine.volume_rm("data", force=True)
    assert caught.value.message == f"remove data: volume is in use - [{made.id}]"
    assert engine.volume_ls(filter=["dangling=true"]).ids == []
    assert engine.volume_ls(filter=["dangling=false"]).ids == ["data"]
    engine.rm(made.id)
    assert engine.volume_rm("data") == ["data"]
    assert len(engine.volume_ls()) == 0


def test_a_missing_volume_is_said_unless_forced(engine: Engine) -> None:
    for verb in (engine.volume_rm, engine.volume_inspect):
        with pytest.raises(VolumeNotFound, match="get nope: no such volume"):
            verb("nope")
    assert engine.volume_rm("nope", force=True) == ["nope"]


def test_prune_takes_the_anonymous_ones_and_with_all_the_named(engine: Engine) -> None:
    engine.create("toolbox", ["true"], name="user", volume=["used:/d"])
    engine.volume_create("named", label=["keep=1"])
    engine.volume_create("other")
    anonymous = engine.volume_create()
    with open(f"{engine.volume_inspect('other')[0]['Mountpoint']}/f", "wb") as file:
        file.write(bytes(2000))
    lines = engine.volume_prune()
    assert lines == ["Deleted Volumes:", anonymous, "", "Total reclaimed space: 0B"]
    lines = engine.volume_prune(all=True, filter=["label!=keep"])
    assert lines == ["Deleted Volumes:", "other", "", "Total reclaimed space: 2kB"]
    assert engine.volume_prune(filter=["all=true"])[1] == "named"
    assert engine.volume_ls().ids == ["used"]
    assert engine.volume_prune(all=True) == ["Total reclaimed space: 0B"]


def test_filters_choose_by_name_label_and_driver(engine: Engine) -> None:
    engine.volume_create("alpha", label=["tier=1"])
    engine.volume_create("beta")
    assert engine.volume_ls(filter=["name=alp"]).ids == ["alpha"]
    assert engine.volume_ls(filter=["label=tier=1"]).ids == ["alpha"]
    assert engine.volume_ls(filter=["driver=nfs"]).ids == []
    with pytest.raises(InvalidArgument, match="invalid filter 'size'"):
        engine.volume_ls(filter="size=1")


def test_volumes_say_what_happens_to_them(engine: Engine) -> None:
    events = engine.events(filter=["type=volume"])
    engine.volume_create("data")
    engine.volume_create("data")
    engine.volume_rm("data")
    engine.volume_create("end")
    seen = [next(events) for _ in range(3)]
    events.close()
    assert [(event.action, event.id) for event in seen] == [
        ("create", "data"),
        ("destroy", "data"),
        ("create", "end"),
    ]
