from __future__ import annotations

import json
from typing import Any

import pytest

from nbcontainer.errors import Corrupt
from nbcontainer.spec.digest import sha256
from nbcontainer.spec.image import History, ImageConfig, chain_ids
from nbcontainer.spec.runtime import Healthcheck

DIFF = "sha256:" + "d" * 64
DOCUMENT: dict[str, Any] = {
    "created": "2024-01-02T03:04:05.6Z",
    "author": "somebody",
    "architecture": "arm64",
    "os": "linux",
    "variant": "v8",
    "config": {
        "User": "33",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["PATH=/bin", "A=\u00e9"],
        "Entrypoint": ["/entry"],
        "Cmd": ["-x"],
        "Volumes": {"/data": {}},
        "WorkingDir": "/srv",
        "Labels": {"k": "v"},
        "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000, "Retries": 2},
        "Shell": ["/bin/sh", "-c"],
        "OnBuild": ["RUN true"],
        "ArgsEscaped": True,
        "x-ours-not": [1],
    },
    "rootfs": {"type": "layers", "diff_ids": [DIFF]},
    "history": [
        {"created": "2024-01-02T03:04:05Z", "created_by": "ADD", "comment": "c"},
        {"created_by": "CMD", "empty_layer": True},
    ],
    "docker_version": "20",
    "os.version": "10",
    "moby.buildkit.cache.v0": {"deep": [None]},
}


def config(**inner: Any) -> bytes:
    return json.dumps({"os": "linux", "config": inner}).encode()


def test_a_config_that_passes_through_loses_nothing() -> None:
    parsed = ImageConfig.parse(json.dumps(DOCUMENT).encode())
    assert json.loads(parsed.to_json()) == DOCUMENT
    assert ImageConfig.parse(parsed.to_json()) == parsed


def test_a_config_is_read_into_its_parts() -> None:
    parsed = ImageConfig.parse(json.dumps(DOCUMENT).encode())
    assert parsed.env == ("PATH=/bin", "A=\u00e9")
    assert (parsed.exposed_ports, parsed.volumes) == (("80/tcp",), ("/data",))
    assert parsed.healthcheck == Healthcheck(("CMD", "true"), interval_s=5.0, retries=2)
    assert parsed.diff_ids == (DIFF,)
    assert parsed.history[1] == History(created_by="CMD", empty_layer=True)
    assert str(parsed.platform) == "linux/arm64"
    assert parsed.extra_config == {"ArgsEscaped": True, "x-ours-not": [1]}


def test_the_same_config_gives_the_same_bytes() -> None:
    made = ImageConfig(labels={"b": "2", "a": "1"}, env=("X=1",))
    assert made.to_json() == ImageConfig.parse(made.to_json()).to_json()
    assert json.loads(ImageConfig().to_json()) == {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [],
    }


@pytest.mark.parametrize("empty", [b"{}", b'{"config": null, "rootfs": null, "history": null}'])
def test_what_is_missing_is_empty(empty: bytes) -> None:
    parsed = ImageConfig.parse(empty)
    assert (parsed.env, parsed.cmd, parsed.diff_ids, parsed.history) == ((), (), (), ())
    nulls = config(Env=None, Cmd=None, Labels=None, Volumes=None, Healthcheck=None)
    assert ImageConfig.parse(nulls).labels == {}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"config": []}',
        b'{"config": "x"}',
        b'{"architecture": 5}',
        b'{"rootfs": {"diff_ids": ["../../etc"]}}',
        b'{"rootfs": {"diff_ids": "x"}}',
        b'{"history": [1]}',
        b'{"history": {}}',
        b'{"history": [{"created_by": []}]}',
        b'{"Config": {"Cmd": ["sh"]}}',
        json.dumps({"history": [{}] * 8193}).encode(),
        config(Env="A=1"),
        config(Env=[1]),
        config(Cmd=["a\0b"]),
        config(Entrypoint=["a\0b"]),
        config(Env=["A=\0"]),
        config(Labels={"a": 1}),
        config(Labels=["a"]),
        config(ExposedPorts=["80"]),
        config(Volumes="x"),
        config(User=0),
        config(WorkingDir=["/"]),
        config(Healthcheck={"Test": "true"}),
        config(Healthcheck={"Interval": "5s"}),
        config(Healthcheck={"Retries": -1}),
        config(Healthcheck={"Timeout": 1.5}),
        config(Healthcheck={"Interval": 2**70}),
        b'{"config":' * 100_000,
    ],
)
def test_a_config_of_another_shape_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt):
        ImageConfig.parse(data)


def test_a_stack_of_layers_is_named_by_all_below_it() -> None:
    a, b, c = (sha256(text) for text in (b"a", b"b", b"c"))
    ab = sha256(f"{a} {b}".encode())
    assert chain_ids([a, b, c]) == (a, ab, sha256(f"{ab} {c}".encode()))
    assert chain_ids([]) == ()
