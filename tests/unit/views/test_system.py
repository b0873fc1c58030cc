from __future__ import annotations

import json

from nbcontainer.spec.host import CgroupFeatures, HostFeatures
from nbcontainer.spec.lifecycle import Status
from nbcontainer.views.system import (
    info,
    network_verdicts,
    pruned,
    pruned_together,
    usage_row,
    version,
)

HOST = HostFeatures(
    linux="6.18",
    machine="x86_64",
    boot_id="b",
    uid=1000,
    gid=1000,
    id_mode="subuid",
    id_base=0,
    id_count=65536,
    cgroup=CgroupFeatures("none", (), "nothing is delegated to this user"),
)


def test_info_counts_and_says_what_blocks_limits() -> None:
    document, lines = info(
        HOST,
        statuses=[Status.RUNNING, Status.PAUSED, Status.EXITED, Status.CREATED],
        images=2,
        version="0.1.0",
        home="/store",
        run="/run/x",
        name="vm",
        system="Debian",
        cpus=2,
        memory_bytes=25_000_000_000,
    )
    assert json.loads(json.dumps(document)) == document
    assert (document["ContainersRunning"], document["ContainersStopped"]) == (1, 2)
    assert document["MemoryLimit"] is False
    assert " Running: 1" in lines
    assert " Blocker: nothing is delegated to this user" in lines
    assert "Total Memory: 23.28GiB" in lines
    assert not any(line.startswith("Cgroup Version") for line in lines)


def test_version_has_a_client_and_a_server() -> None:
    document, lines = version(version="0.1.0", python="3.11.7", linux="6.18", machine="aarch64")
    assert document["Client"]["Version"] == document["Server"]["Version"] == "0.1.0"
    assert document["Server"]["Arch"] == "arm64"
    assert lines[0] == "Client:"


def test_a_prune_that_found_nothing_still_says_how_much() -> None:
    assert list(pruned("Containers", [], 0)) == ["Total reclaimed space: 0B"]


def test_prunes_are_told_one_by_one_and_together() -> None:
    images = pruned("Images", ["untagged: a"], 2000)
    assert list(images) == ["Deleted Images:", "untagged: a", "", "Total reclaimed space: 2kB"]
    both = pruned_together([pruned("Containers", ["abc"], 1000), images])
    assert list(both) == [
        *("Deleted Containers:", "abc", ""),
        *("Deleted Images:", "untagged: a", ""),
        "Total reclaimed space: 3kB",
    ]
    assert (both.deleted, both.freed_bytes) == (("abc", "untagged: a"), 3000)


def test_usage_tells_what_could_be_freed() -> None:
    row = usage_row("Images", 3, 1, 2000, 500)
    assert (row["Size"], row["Reclaimable"]) == ("2kB", "500B (25%)")
    assert usage_row("Build Cache", 0, 0, 0, 0)["Reclaimable"] == "0B"


def test_the_doctor_says_where_bridges_are_and_what_leads_out():
    def verdicts(**found):
        return {
            feature: (verdict, detail) for feature, verdict, detail, _ in network_verdicts(found)
        }

    assert verdicts() == {}
    assert verdicts(network="host")["way out"][0] == "ok"
    assert verdicts(network="host", nat_blocker="no nf_tables")["way out"][0] == "limited"
    closed = verdicts(network="host", closed="table ip filter, chain FORWARD")["way out"]
    assert closed[0] == "limited"
    rows = network_verdicts({"network": "host", "closed": "table ip filter, chain FORWARD"})
    assert "insert rule ip filter FORWARD iifname" in rows[-1][3]
    assert verdicts(network="own", way_out="pasta")["way out"] == ("ok", "pasta")
    assert verdicts(network="own", way_out="proxy")["way out"][0] == "limited"
    assert verdicts(network="own")["way out"][0] == "missing"
    missing = verdicts(network="none", network_blocker="bridges are refused")
    assert missing["bridge networks"][0] == "missing"
