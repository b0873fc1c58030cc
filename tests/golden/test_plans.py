"""Plans of named configurations on named hosts, kept as text: the diff of that text is the review.

`NBCONTAINER_UPDATE_GOLDEN=1 pytest tests/golden` writes the texts anew; read what changed.
"""

import json
import os

import pytest

from nbcontainer.runtime.plan import Places, Plan
from nbcontainer.runtime.planner import plan_for
from nbcontainer.spec.network import Attachment, Network, PortBinding, Subnet
from nbcontainer.spec.runtime import (
    Device,
    Mount,
    Namespaces,
    Resources,
    RuntimeConfig,
    Security,
    Ulimit,
)
from nbcontainer.values import replace
from tests.golden.hosts import HOSTS
from tests.source import ROOT

FOLDER = ROOT / "tests" / "golden" / "plans"
UPDATE = bool(os.environ.get("NBCONTAINER_UPDATE_GOLDEN"))

CAPABILITIES = ("CHOWN", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
PLAIN = RuntimeConfig(
    id="c0ffee", name="web", image="toolbox", image_id="sha256:1", created_ns=1,
    layers=("sha256:a", "sha256:b"), args=("sh", "-c", "true"), env=("PATH=/bin",),
    hostname="c0ffee", security=Security(capabilities=CAPABILITIES),
)  # fmt: skip

NETWORKS = tuple(
    Network(letter * 64, name, 0, f"nbc0a1b2{mark}{letter * 6}", subnets, internal=mark == "_")
    for letter, name, mark, subnets in (
        ("b", "bridge", "-", (Subnet("172.17.0.0/16", "172.17.0.1"),)),
        ("f", "front", "-", (Subnet("10.0.0.0/24", "10.0.0.1"), Subnet("fd00::/64", "fd00::1"))),
        ("1", "inner", "_", (Subnet("10.1.0.0/24", "10.1.0.1", "10.1.0.128/25"),)),
    )
)

CONFIGS = {
    "plain": PLAIN,
    "limits": replace(
        PLAIN,
        resources=Resources(64 << 20, 64 << 20, 50_000, 100_000, 512, "0", 100),
        ulimits=(Ulimit("nofile", 64, 128),),
    ),
    "mounts": replace(
        PLAIN,
        mounts=(
            Mount("bind", "/data/deep", "/srv/data", read_only=True),
            Mount("volume", "/data", "vol"),
            Mount("tmpfs", "/scratch", size_bytes=1 << 20),
        ),
        devices=(Device("/dev/fuse", "/dev/fuse"),),
        security=replace(PLAIN.security, read_only=True),
    ),
    "host-namespaces": replace(
        PLAIN, namespaces=Namespaces(pid="host", ipc="host", uts="host", network="host")
    ),
    "no-user-namespace": replace(PLAIN, namespaces=Namespaces(user="host")),
    "bridge": replace(
        PLAIN,
        namespaces=Namespaces(network="bridge"),
        networks=(Attachment("bridge"),),
        publish=(PortBinding(80, "tcp", "", 8080),),
    ),
    "networks": replace(
        PLAIN,
        namespaces=Namespaces(network="front"),
        networks=(Attachment("front", ("www",), "10.0.0.7"), Attachment("inner")),
    ),
    "joined": replace(PLAIN, namespaces=Namespaces(network="container:beef", pid="container:beef")),
    "privileged": replace(
        PLAIN, security=Security(capabilities=("ALL",), privileged=True, no_new_privileges=False)
    ),
    "terminal": replace(PLAIN, tty=True, open_stdin=True, init=True, user="web", cwd="/srv"),
}


def places(host):
    return Places(
        home="/store",
        container="/store/containers/c0ffee",
        lowers=("/store/layers/a/fs", "/store/layers/b/fs"),
        volumes={"vol": "/store/volumes/vol/_data"},
        seccomp="/store/seccomp/default",
        fake_owners="/store/seccomp/owners" if host.id_count < 2 else "",
        shared=(("beef", 77, 7700),),
        resolvers="nameserver 192.0.2.1\n",
        run="/run/store",
        networks=NETWORKS,
        network_key="0a1b2",
    )


def plan(config, host):
    return plan_for(CONFIGS[config], HOSTS[host], places(HOSTS[host]))


def text_of(made):
    lines = []
    for step in made.steps:
        lines.append(f"{step.phase:<9} {step.do}")
        lines += [f"{'':<12}{key} = {json.dumps(value)}" for key, value in step.args.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_the_plan_is_the_one_that_was_read_and_agreed(config, host):
    path = FOLDER / f"{config}@{host}.txt"
    text = text_of(plan(config, host))
    if UPDATE:
        path.write_text(text)
    assert text == path.read_text()


def test_no_text_is_left_of_a_configuration_that_is_gone():
    known = {f"{config}@{host}.txt" for config in CONFIGS for host in HOSTS}
    assert {path.name for path in FOLDER.glob("*.txt")} == known


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_a_plan_survives_its_record_on_disk(config, host):
    made = plan(config, host)
    assert Plan.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_every_step_has_its_reason(config, host):
    assert all(step.why for step in plan(config, host).steps)
