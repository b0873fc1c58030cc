from __future__ import annotations

import json

from nbcontainer.spec.lifecycle import Health, State, Status
from nbcontainer.spec.runtime import Healthcheck, Mount, Resources, RuntimeConfig, Security
from nbcontainer.values import replace
from nbcontainer.views.container_inspect import asked_env, inspect

CONFIG = RuntimeConfig(
    id="a" * 64,
    name="made",
    image="bb:1",
    image_id="sha256:1",
    created_ns=1_500_000_000,
    layers=(),
    args=("sh", "-c", "true"),
    entrypoint=("sh",),
    cmd=("-c", "true"),
    env=("PATH=/bin", "HOSTNAME=h", "TERM=xterm", "A=1"),
    hostname="h",
    tty=True,
    mounts=(
        Mount("volume", "/v", "vol", asked_by="-v"),
        Mount("bind", "/t", "/tmp", read_only=True, asked_by="-v"),
        Mount("tmpfs", "/z", mode=0o700, options=("nosuid",), asked_by="--tmpfs"),
        Mount("tmpfs", "/q", size_bytes=5, asked_by="--mount"),
        Mount("volume", "/data", "f" * 64, anonymous=True, asked_by="VOLUME"),
    ),
    exposed_ports=("80/tcp",),
    healthcheck=Healthcheck(("CMD-SHELL", "true"), interval_s=0.5),
    resources=Resources(cpu_quota_us=150_000, cpu_period_us=100_000, nano_cpus=1_500_000_000),
    security=Security(privileged=True, cap_add=("CAP_NET_ADMIN",)),
)


def test_the_document_has_dockers_shape_and_is_json() -> None:
    state = State(
        Status.RUNNING,
        pid=7,
        started_ns=2_000_000_000,
        health=Health("unhealthy", 3, ({"Start": "1000000000", "ExitCode": "1", "Output": "5"},)),
    )
    document = inspect(CONFIG, state, "web", mountpoint=lambda name: f"/store/{name}")
    assert json.loads(json.dumps(document)) == document
    assert document["Name"] == "/web"
    assert document["Created"] == "1970-01-01T00:00:01.5Z"
    assert (document["Path"], document["Args"]) == ("sh", ["-c", "true"])
    assert document["State"]["StartedAt"] == "1970-01-01T00:00:02Z"
    assert document["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert document["State"]["Running"] is True
    assert document["State"]["Health"]["Log"] == [
        {"Start": "1970-01-01T00:00:01Z", "ExitCode": 1, "Output": "5"}
    ]
    assert document["Config"]["Env"] == ["PATH=/bin", "A=1"]
    assert document["Config"]["Volumes"] == {"/data": {}}
    assert document["Config"]["Healthcheck"]["Interval"] == 500_000_000
    host = document["HostConfig"]
    assert host["Binds"] == ["vol:/v", "/tmp:/t:ro"]
    assert host["Tmpfs"] == {"/z": "mode=700,nosuid"}
    assert host["Mounts"][0]["TmpfsOptions"]["SizeBytes"] == 5
    assert (host["NanoCpus"], host["CpuQuota"]) == (1_500_000_000, 0)
    assert host["CapAdd"] == ["CAP_NET_ADMIN"]
    assert host["MaskedPaths"] == []
    assert [m["Source"] for m in document["Mounts"]] == [
        "/store/vol",
        "/tmp",
        "",
        "/store/" + "f" * 64,
    ]
    assert document["Relaxations"][0] == "privileged"


def test_a_container_that_ended_has_no_pid_and_a_default_one_its_masks() -> None:
    config = replace(CONFIG, security=Security(), healthcheck=None)
    document = inspect(config, State(Status.EXITED, pid=7, exit_code=3), "web", size=(1, 2))
    assert (document["State"]["Pid"], document["State"]["ExitCode"]) == (0, 3)
    assert "Health" not in document["State"]
    assert "/proc/kcore" in document["HostConfig"]["MaskedPaths"]
    assert (document["SizeRw"], document["SizeRootFs"]) == (1, 2)


def test_an_environment_of_the_users_own_stays() -> None:
    assert asked_env(replace(CONFIG, tty=False, env=("HOSTNAME=other", "TERM=xterm"))) == [
        "HOSTNAME=other",
        "TERM=xterm",
    ]


def test_a_template_finds_that_no_port_is_exposed():
    document = inspect(replace(CONFIG, exposed_ports=()), State(), "web")
    assert document["Config"]["ExposedPorts"] == {}
