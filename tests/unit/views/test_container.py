from __future__ import annotations

import pytest

from nbcontainer.spec.lifecycle import Health, State, Status
from nbcontainer.spec.runtime import Mount, RuntimeConfig
from nbcontainer.values import replace
from nbcontainer.views.container import ps_row, status_text

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


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State(Status.RUNNING, started_ns=NOW - 3 * S), "Up 3 seconds"),
        (State(Status.RUNNING, started_ns=NOW + S), "Up Less than a second"),
        (State(Status.PAUSED, started_ns=NOW - 3 * S), "Up 3 seconds (Paused)"),
        (
            State(Status.RUNNING, started_ns=NOW - 3 * S, health=Health("healthy")),
            "Up 3 seconds (healthy)",
        ),
        (
            State(Status.RUNNING, started_ns=NOW - 3 * S, health=Health()),
            "Up 3 seconds (health: starting)",
        ),
        (
            State(Status.EXITED, finished_ns=NOW - 120 * S, exit_code=137),
            "Exited (137) 2 minutes ago",
        ),
        (
            State(Status.RESTARTING, finished_ns=NOW - 60 * S, exit_code=1),
            "Restarting (1) About a minute ago",
        ),
        (State(Status.REMOVING), "Removal In Progress"),
        (State(Status.DEAD), "Dead"),
    ],
)
def test_status_is_said_as_docker_says_it(state: State, text: str) -> None:
    assert status_text(state, NOW) == text


def test_a_row_has_the_fields_of_dockers_templates() -> None:
    row = ps_row(CONFIG, State(Status.RUNNING, started_ns=NOW), "web", NOW)
    assert row["ID"] == "b0906681d733"
    # as Docker 28 prints it for the same command
    assert row["Command"] == '"sh -c \'echo \\"hi the…"'
    assert row["CreatedAt"] == "2025-11-23 20:40:19 +0000 UTC"
    assert row["RunningFor"] == "2 minutes ago"
    assert row["Mounts"] == "vol,33cafa42599c8f…,/tmp"
    assert row["LocalVolumes"] == "2"
    assert row["Networks"] == "none"
    assert row["Labels"] == "b=,q=r"
    assert row["Label"]("q") == "r"
    assert row["Label"]("none") == ""
    assert row["State"] == "running"


def test_nothing_is_cut_without_truncation() -> None:
    row = ps_row(CONFIG, State(), "web", NOW, no_trunc=True, size=(12, 1_980_000))
    assert row["ID"] == CONFIG.id
    assert row["Command"] == '"sh -c \'echo \\"hi there\\"\'"'
    assert row["Size"] == "12B (virtual 1.98MB)"


def test_a_command_cannot_move_the_cursor() -> None:
    row = ps_row(replace(CONFIG, args=("a\x1b]52;\r\n", "\u202e")), State(), "w", NOW)
    assert row["Command"] == '"a\\x1b]52;\\r\\n \\u202e"'
