from __future__ import annotations

from nbcontainer.spec.lifecycle import State
from nbcontainer.spec.runtime import Mount, Namespaces, Resources, RuntimeConfig, Security
from nbcontainer.values import replace
from nbcontainer.views.container import ps_columns, ps_row
from nbcontainer.views.security import relaxations

S = 1_000_000_000
NOW = 1_763_930_539 * S
CONFIG = RuntimeConfig(
    id="b0906681d7335ebb4fb3eed42c1296dccc26931b2c3511e70c8655070a466344",
    name="web",
    image="bb:1",
    image_id="sha256:1",
    created_ns=NOW - 120 * S,
    layers=(),
    args=("sh", "-c", 'echo "hi there"'),
    labels={"q": "r", "b": ""},
    mounts=(
        Mount("volume", "/v", "vol"),
        Mount("volume", "/data", "33cafa42599c8f9749137e"),
        Mount("tmpfs", "/q"),
        Mount("bind", "/t", "/tmp"),
    ),
)


def test_given_up_protection_has_a_column_of_its_own() -> None:
    plain = ps_row(CONFIG, State(), "web", NOW)
    assert [header for _, header in ps_columns([plain], size=False)][-1] == "NAMES"
    open_config = replace(
        CONFIG,
        namespaces=Namespaces(user="host", pid="container:0123456789abcdef", network="host"),
        security=Security(
            no_new_privileges=False, seccomp="unconfined", cap_add=("CAP_NET_ADMIN",)
        ),
        resources=Resources(pids_limit=-1),
    )
    assert relaxations(replace(CONFIG, security=Security(user_hidden=True))) == ("user=root",)
    assert relaxations(CONFIG) == ()
    assert relaxations(open_config) == (
        "userns=host",
        "pid=container:0123456789ab",
        "network=host",
        "seccomp=unconfined",
        "no-new-privileges=false",
        "cap-add=NET_ADMIN",
        "pids-limit=-1",
    )
    row = ps_row(open_config, State(), "web", NOW)
    assert [header for _, header in ps_columns([plain, row], size=True)][-2:] == ["SIZE", "RELAXED"]


def test_privileged_is_said_once() -> None:
    config = replace(
        CONFIG, security=Security(privileged=True, no_new_privileges=False, seccomp="unconfined")
    )
    assert relaxations(config) == ("privileged",)
