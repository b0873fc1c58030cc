"""Namespaces that are shared: the host's and another container's, each kind, for each way to be somebody."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

from tests.needs import needs
from tests.stores import Store
from tests.system.aftermath import wait_until
from tests.ways import NO_ADMIN, ONE_ID, PLAIN, Cli, going

pytestmark = needs("userns")

WAYS = {"plain": PLAIN, "one-id": ONE_ID, "no-admin": NO_ADMIN}
KINDS = ("pid", "ipc", "uts", "network", "userns")
FILES = {"pid": "pid", "ipc": "ipc", "uts": "uts", "network": "net", "userns": "user"}
SPACES = "for kind in pid ipc uts net user; do readlink /proc/self/ns/$kind; done"


@pytest.fixture(scope="module", params=WAYS)
def way_store(request: pytest.FixtureRequest, stores_folder: str) -> Iterator[Cli]:
    with (
        tempfile.TemporaryDirectory(dir=stores_folder, ignore_cleanup_errors=True) as folder,
        going(WAYS[request.param]) as way,
    ):
        store = Store.make(f"{folder}/s")
        yield Cli(store, way)
        store.end()


@pytest.fixture
def cli(way_store: Cli) -> Iterator[Cli]:
    yield way_store
    if names := way_store("ps", "-aq").split():
        way_store("rm", "-fv", *names)


def spaces(text: str) -> dict[str, str]:
    """Return kind -> namespace from what SPACES printed."""
    return dict(line.split(":", 1) for line in text.split() if ":[" in line)


def start(cli: Cli, name: str, *flags: str) -> dict[str, str]:
    """Start a container that marks its shared memory; return its namespaces."""
    script = f"touch /dev/shm/of-{name}; {SPACES}; echo ready; exec sleep 600"
    cli("run", "-d", "--name", name, *flags, "toolbox", "sh", "-c", script)
    wait_until(lambda: "ready" in cli("logs", name), f"{name} runs")
    return spaces(cli("logs", name))


@pytest.mark.parametrize("kind", KINDS)
def test_a_namespace_of_another_container_is_joined_and_no_other(cli: Cli, kind: str) -> None:
    theirs = start(cli, "first")
    ours = spaces(cli("run", "--rm", f"--{kind}", "container:first", "toolbox", "sh", "-c", SPACES))
    # rights over a namespace come from the user namespace that owns it, so that one is joined too
    shared = {FILES[kind], "user"}
    assert {k for k in ours if ours[k] == theirs[k]} == shared


@pytest.mark.parametrize("kind", KINDS)
def test_exec_is_in_the_namespaces_that_its_container_joined(cli: Cli, kind: str) -> None:
    theirs = start(cli, "first")
    ours = start(cli, "second", f"--{kind}", "container:first")
    assert ours[FILES[kind]] == theirs[FILES[kind]]
    assert spaces(cli("exec", "second", "sh", "-c", SPACES)) == ours


def test_joined_ipc_brings_the_shared_memory_of_that_container_and_of_no_other(cli: Cli) -> None:
    start(cli, "first")
    marks = ("toolbox", "sh", "-c", "ls /dev/shm; test -d /dev/mqueue && echo queues")
    shown = cli("run", "--rm", "--ipc", "container:first", *marks)
    assert shown.split() == ["of-first", "queues"]
    assert cli("run", "--rm", "--uts", "container:first", *marks).split() == ["queues"]


def test_all_namespaces_of_a_container_are_joined_at_once(cli: Cli) -> None:
    theirs = start(cli, "first")
    flags = [word for kind in KINDS for word in (f"--{kind}", "container:first")]
    assert spaces(cli("run", "--rm", *flags, "toolbox", "sh", "-c", SPACES)) == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_with_the_hosts_ids_can_be_joined(cli: Cli, kind: str) -> None:
    theirs = start(cli, "first", "--userns", "host")
    script = f"{SPACES}; touch /f && ls -ln /f"
    ours = cli("run", "--rm", f"--{kind}", "container:first", "toolbox", "sh", "-c", script)
    found = spaces(ours)
    assert found[FILES[kind]] == theirs[FILES[kind]]
    assert found["user"] == theirs["user"]
    assert ours.splitlines()[-1].split()[2:4] == ["0", "0"]


def test_who_keeps_the_hosts_ids_joins_a_container_that_does_not(cli: Cli) -> None:
    theirs = start(cli, "first")
    flags = ("--userns", "host", "--pid", "container:first", "--network", "container:first")
    found = spaces(cli("run", "--rm", *flags, "toolbox", "sh", "-c", SPACES))
    assert found["user"] != theirs["user"]
    assert (found["pid"], found["net"]) == (theirs["pid"], theirs["net"])


def test_containers_of_two_user_namespaces_cannot_both_be_joined(cli: Cli) -> None:
    start(cli, "first")
    start(cli, "second")
    flags = ("--pid", "container:first", "--ipc", "container:second")
    said = cli("run", "--rm", *flags, "toolbox", "true", code=125)
    assert "different user namespaces" in said
    start(cli, "third", "--userns", "container:first")
    cli("run", "--rm", "--pid", "container:first", "--ipc", "container:third", "toolbox", "true")


def test_a_container_that_does_not_run_cannot_be_joined(cli: Cli) -> None:
    cli("create", "--name", "first", "toolbox")
    said = cli("run", "--rm", "--network", "container:first", "toolbox", "true", code=125)
    assert "cannot join network of a non running container" in said
    cli("run", "--rm", "--network", "container:nobody", "toolbox", "true", code=125)
    assert cli("ps", "-aq", "--no-trunc").split() == [
        cli("inspect", "-f", "{{.Id}}", "first").strip()
    ]


def test_what_a_container_left_in_a_joined_pid_namespace_ends_with_it(cli: Cli) -> None:
    start(cli, "first")
    script = "sleep 611 & sleep 612 & wait"
    cli("run", "-d", "--name", "second", "--pid", "container:first", "toolbox", "sh", "-c", script)
    wait_until(lambda: "sleep 612" in cli("top", "second"), "both run")
    assert "sleep 611" in cli("exec", "first", "ps")
    cli("rm", "-f", "second")
    wait_until(lambda: "sleep 61" not in cli("exec", "first", "ps"), "both have ended")


@pytest.mark.parametrize("kind", KINDS)
def test_a_namespace_of_the_host_is_shared_and_no_other(cli: Cli, kind: str) -> None:
    ours = spaces(cli("run", "--rm", f"--{kind}", "host", "toolbox", "sh", "-c", SPACES))
    hosts = {name: os.readlink(f"/proc/self/ns/{name}") for name in FILES.values()}
    shared = {name for name in hosts if ours[name] == hosts[name].partition(":")[2]}
    # of a rootless engine "the host's" ids are those of the engine's own user namespace
    assert shared - {"user"} == {FILES[kind]} - {"user"}
    assert ("user" in shared) == (kind == "userns" and cli.way == PLAIN and os.geteuid() == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_works_beside_a_namespace_of_the_host(cli: Cli, kind: str) -> None:
    cli("run", "-d", "--name", "web", f"--{kind}", "host", "toolbox", "sleep", "600")
    assert cli("exec", "web", "sh", "-c", "id -u; touch /made").strip() == "0"
    assert cli("diff", "web") == "A /made\n"
    assert cli("top", "web").count("sleep 600") == 1
    cli("restart", "-t", "0", "web")
    cli("rm", "-f", "web")


def test_the_hosts_processes_are_seen_and_not_looked_into(cli: Cli) -> None:
    script = (
        "kill -0 1 2>/dev/null; ls -l /proc/1/exe 2>/dev/null; ls /proc | grep -cx '[0-9]*'; mount"
    )
    shown = cli("run", "--rm", "--pid", "host", "toolbox", "sh", "-c", script)
    assert "->" not in shown.splitlines()[0]
    proc = next(line for line in shown.splitlines() if " /proc " in line)
    for option in ("nosuid", "nodev", "noexec"):
        assert option in proc


def test_nothing_stays_behind_in_the_hosts_pid_namespace(cli: Cli) -> None:
    script = "sleep 621 & sleep 622 & sleep 0.3"
    cli("run", "--name", "left", "--pid", "host", "toolbox", "sh", "-c", script)
    wait_until(lambda: not running("sleep 62"), "what it started has ended")


def running(words: str) -> bool:
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    if file.read().replace(b"\0", b" ").decode(errors="replace").startswith(words):
                        return True
            except OSError:
                continue
    return False


def test_the_hosts_network_has_the_hosts_devices_and_a_read_only_sys(cli: Cli) -> None:
    script = "cat /proc/net/dev; touch /sys/x 2>/dev/null || echo read-only"
    shown = cli("run", "--rm", "--network", "host", "toolbox", "sh", "-c", script)
    names = {line.partition(":")[0].strip() for line in shown.splitlines() if ":" in line}
    assert set(os.listdir("/sys/class/net")) <= names
    assert "read-only" in shown


def test_without_a_network_there_is_only_a_loopback_that_works(cli: Cli) -> None:
    program = (
        "import os, socket; print(socket.if_nameindex()); s = socket.create_server(('127.0.0.1', 80));"
        "socket.create_connection(('127.0.0.1', 80)); print('reached')"
    )
    shown = cli("run", "--rm", "--network", "none", "python", "python3", "-c", program)
    assert shown == "[(1, 'lo')]\nreached\n"


def test_the_hosts_name_is_kept_with_its_uts_namespace(cli: Cli) -> None:
    assert cli("run", "--rm", "--uts", "host", "toolbox", "hostname").strip() == os.uname().nodename
