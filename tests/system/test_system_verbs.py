"""events, info, version, doctor, and the pruning of containers."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from nbcontainer import __version__
from nbcontainer.engine import Engine
from nbcontainer.errors import InvalidArgument
from nbcontainer.settings import Settings
from tests.needs import needs
from tests.stores import Store


@needs("userns")
def test_events_tell_a_container_s_life_in_order(engine: Engine) -> None:
    events = engine.events(filter=["type=container"])
    engine.run("toolbox", ["true"], name="life", label=["name=mine", "type=x"])
    engine.rm("life")
    seen = []
    for event in events:
        seen.append(event.action)
        assert event.attributes["name"] == "life"
        if event.action == "destroy":
            break
    events.close()
    assert seen == ["create", "start", "die", "destroy"]


@needs("userns")
def test_events_follow_what_happens_elsewhere(engine: Engine, store: Store) -> None:
    events = engine.events(filter=["event=create", "type=volume"])
    elsewhere = threading.Thread(target=lambda: store.engine().volume_create("new"))
    elsewhere.start()
    assert next(events).id == "new"
    elsewhere.join()
    events.close()
    assert list(events) == []


@needs("userns")
def test_events_of_the_past_end_where_they_are_asked_to(engine: Engine) -> None:
    engine.volume_create("first")
    end_ns = time.time_ns()
    engine.volume_create("second")
    until = f"{end_ns // 10**9}.{end_ns % 10**9:09d}"
    found = engine.events(since="1h", until=until, filter=["type=volume", "event=create"])
    ids = [event.id for event in found]
    assert ids[-1] == "first"
    assert "second" not in ids
    for flags in ({"since": "never"}, {"until": "x"}, {"filter": ["nope=1"]}, {"filter": "type=x"}):
        with pytest.raises(InvalidArgument):
            engine.events(**flags)


@needs("userns")
def test_events_let_go_of_what_they_hold(engine: Engine) -> None:
    before = os.listdir("/proc/self/fd")
    engine.events()
    with pytest.raises(InvalidArgument):
        engine.events(filter="bad")
    assert len(os.listdir("/proc/self/fd")) == len(before)


@needs("userns")
def test_info_counts_what_is_there(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["sleep", "1000"], detach=True)
    engine.create("toolbox")
    document = engine.info()[0]
    assert (document["Containers"], document["ContainersRunning"]) == (2, 1)
    assert (document["ContainersStopped"], document["Images"]) == (1, 1)
    assert document["ServerVersion"] == __version__
    assert document["MemTotal"] > 0
    assert "Containers: 2" in engine.info().lines
    assert document["Driver"] in ("overlay", "copy")


@needs("userns")
def test_prune_removes_the_stopped_and_says_what_that_freed(engine: Engine) -> None:
    engine.run("toolbox", ["sleep", "1000"], name="running", detach=True)
    engine.run("toolbox", ["sh", "-c", "head -c 3000 /dev/zero > /f"], name="ended")
    engine.create("toolbox", name="made", label=["keep=1"])
    engine.volume_create("data")
    ended = engine.inspect("ended")[0]["Id"]
    assert engine.container_prune(filter=["until=1h"]) == ["Total reclaimed space: 0B"]
    lines = engine.container_prune(filter=["label!=keep"])
    assert lines == ["Deleted Containers:", ended, "", "Total reclaimed space: 3kB"]
    made = engine.inspect("made")[0]["Id"]
    assert engine.container_prune()[1] == made
    assert engine.ps(all=True)["Names"] == ["running"]
    with pytest.raises(InvalidArgument, match="invalid filter 'status'"):
        engine.container_prune(filter="status=exited")


@needs("userns")
def test_a_change_list_longer_than_a_packet_arrives(engine: Engine) -> None:
    script = "mkdir /many; cd /many; seq 3000 | while read n; do : > a-rather-long-name-for-a-file-$n; done"
    engine.run("toolbox", ["sh", "-c", script], name="many")
    assert len(engine.diff("many")) == 3001


def test_versions_are_told_without_a_helper(tmp_path: Path) -> None:
    engine = Engine(Settings(home=f"{tmp_path}/home", run=f"{tmp_path}/run"))
    document = engine.version()[0]
    assert document["Client"]["Version"] == __version__
    assert document["Server"]["KernelVersion"] == os.uname().release
    assert not os.path.exists(engine.host.layout.foreman_socket)


def test_doctor_works_where_no_helper_starts(tmp_path: Path) -> None:
    engine = Engine(Settings(home=f"{tmp_path}/home", run=f"{tmp_path}/run"))
    table = engine.doctor()
    features = {row["Feature"]: row for row in table}
    assert {"user namespace", "overlay", "seccomp", "cgroup memory"} <= set(features)
    for row in table:
        assert row["Verdict"] in ("yes", "limited", "no")
        assert row["Detail"]
        assert row["Verdict"] == "yes" or row["Remedy"], row
    assert not os.path.exists(engine.host.layout.foreman_socket)
    # images can be made and looked at there, too
    assert len(engine.images()) == 0
    assert engine.volume_create("data") == "data"


@needs("userns")
def test_system_df_and_prune_tell_and_free_what_nothing_uses(fresh_engine: Engine) -> None:
    engine = fresh_engine
    engine.run("toolbox", ["sh", "-c", "head -c 1000000 /dev/zero > /made"], name="done")
    engine.commit("done", "made:1")
    engine.run(
        "toolbox", ["sleep", "1000"], name="runs", detach=True, volume="vol:/data", network="none"
    )
    engine.volume_create()
    engine.network_create("idle")
    rows = {row["Type"]: row for row in engine.system_df()}
    assert (rows["Images"]["TotalCount"], rows["Images"]["Active"]) == ("2", "1")
    # its layer lies there twice: unpacked, and as it travels
    assert rows["Images"]["Reclaimable"].startswith("2MB (")
    assert (rows["Containers"]["TotalCount"], rows["Containers"]["Active"]) == ("2", "1")
    assert rows["Containers"]["Reclaimable"] == "1MB (100%)"
    assert (rows["Local Volumes"]["TotalCount"], rows["Local Volumes"]["Active"]) == ("2", "1")
    text = "\n".join(engine.system_df(verbose=True))
    for words in ("Images space usage:", "UNIQUE SIZE", "made", "runs", "vol"):
        assert words in text
    with pytest.raises(
        InvalidArgument, match='^The "until" filter is not supported with "--volumes"'
    ):
        engine.system_prune(volumes=True, filter="until=1h")
    said = list(engine.system_prune(all=True, volumes=True))
    assert [line for line in said if line.startswith("Deleted ")] == [
        *("Deleted Containers:", "Deleted Networks:", "Deleted Volumes:", "Deleted Images:")
    ]
    assert "untagged: made:1" in said
    assert said[-1].startswith("Total reclaimed space: ")
    assert engine.ps(all=True)["Names"] == ["runs"]
    assert engine.volume_ls().ids == ["vol"]
    engine.rm("runs", force=True)
