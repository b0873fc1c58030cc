from nbcontainer.spec.codec import decode, encode
from nbcontainer.spec.runtime import (
    Healthcheck,
    Mount,
    Namespaces,
    Resources,
    RuntimeConfig,
    Security,
    Ulimit,
)

PLAIN = RuntimeConfig("id", "name", "toolbox", "sha256:0", 1, ("sha256:1",), ("true",))


def test_what_was_not_asked_for_is_not_in_the_file():
    assert set(encode(PLAIN)) == {
        "id", "name", "image", "image_id", "created_ns", "layers", "args",
    }  # fmt: skip


def test_a_configuration_survives_its_file():
    config = RuntimeConfig(
        *("id", "name", "toolbox", "sha256:0", 1, ("sha256:1",), ("true",)),
        mounts=(Mount("bind", "/d", "/s", read_only=True, options=("noexec",)),),
        ulimits=(Ulimit("nofile", 1, -1),),
        resources=Resources(memory_bytes=64),
        namespaces=Namespaces(network="host"),
        security=Security(capabilities=("CHOWN",), read_only=True),
        healthcheck=Healthcheck(("CMD", "true"), interval_s=0.5),
        labels={"a": "b"},
    )
    assert decode(RuntimeConfig, encode(config)) == config


def test_isolation_is_what_one_gets_without_asking():
    assert PLAIN.namespaces == Namespaces()
    assert PLAIN.namespaces.network == "none"
    assert PLAIN.security.no_new_privileges
    assert not PLAIN.security.privileged
    assert PLAIN.security.seccomp == ""
