"""Every verb as who may less: with many ids and no rights, with one id, and as whoever runs the tests."""

from __future__ import annotations

import io
import json
import os
import re
import select
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import needs
from tests.stores import Store
from tests.system.aftermath import foreman_of, wait_until
from tests.ways import NO_ADMIN, ONE_ID, PLAIN, Cli, going

pytestmark = needs("userns")

WAYS = {"plain": PLAIN, "one-id": ONE_ID, "no-admin": NO_ADMIN}


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


@pytest.fixture
def id_mode(cli: Cli) -> str:
    """root, subuid or single: what the helper found that it is."""
    cli("run", "--rm", "toolbox", "true")
    with open(cli.store.layout.features) as file:
        return str(json.load(file)["id_mode"])


def test_run_exec_logs_top_and_rm(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "toolbox", "sh", "-c", "echo began; exec sleep 600")
    assert cli("exec", "web", "id", "-u").strip() == "0"
    assert cli("exec", "-i", "web", "cat", stdin=b"in and out") == "in and out"
    assert cli("logs", "web") == "began\n"
    assert "sleep 600" in cli("top", "web")
    assert "Up" in cli("ps")
    assert cli("stop", "-t", "0", "web") == "web\n"
    assert cli("start", "web") == "web\n"
    assert cli("rm", "-f", "web") == "web\n"


def test_exec_gives_the_programs_own_exit_code_and_dockers_for_none(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "toolbox", "sleep", "600")
    cli("exec", "web", "sh", "-c", "exit 3", code=3)
    cli("exec", "web", "nosuch", code=127)
    cli("exec", "web", "/etc", code=126)


def test_a_python_server_is_reached_by_exec(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "python", "python3", "-m", "http.server", "80")
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:80/').status)"
    text = ""

    def answers() -> bool:
        nonlocal text
        done = cli.store.cli("exec", "web", "python3", "-c", fetch, way=cli.way)
        text = done.stdout.decode()
        return done.returncode == 0

    wait_until(answers, "the server answers")
    assert text == "200\n"


def test_a_terminal_belongs_to_its_user(cli: Cli, id_mode: str) -> None:
    cli("run", "-d", "--name", "web", "-t", "--user", "33", "toolbox", "sh", "-c",
        "ls -ln $(tty); echo hi > /dev/tty; sleep 600")  # fmt: skip
    wait_until(lambda: "hi" in cli("logs", "web"), "the terminal was written to")
    owner = "0" if id_mode == "single" else "33"
    assert cli("logs", "web").split()[2] == owner


def test_who_a_program_becomes(cli: Cli, id_mode: str) -> None:
    shown = cli("run", "--rm", "--user", "33:34", "toolbox", "sh", "-c", "id -u; id -g").split()
    # with one id there is nobody else to become
    assert shown == (["0", "0"] if id_mode == "single" else ["33", "34"])


def test_owners_are_changed_or_the_change_is_answered(cli: Cli, id_mode: str) -> None:
    script = "touch /f; chown 33:44 /f && chown -h 1:1 /bin/sh && ls -ln /f"
    shown = cli("run", "--rm", "toolbox", "sh", "-c", script).split()
    assert shown[2:4] == (["0", "0"] if id_mode == "single" else ["33", "44"])


def test_setting_ids_succeeds_as_package_managers_expect(cli: Cli) -> None:
    program = (
        "import os\n"
        "for call in ('setgroups', [5]), ('setresgid', 3, 3, 3), ('setresuid', 3, 3, 3):\n"
        "    getattr(os, call[0])(*call[1:])\n"
        "try: os.chown('/nonexistent', 1, 1)\n"
        "except OSError: pass\n"
        "print('done')"
    )
    assert cli("run", "--rm", "python", "python3", "-c", program) == "done\n"


def archive(*members: tuple[str, int, int, int]) -> bytes:
    """Return a tar of empty files: (name, uid, gid, mode)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, uid, gid, mode in members:
            entry = tarfile.TarInfo(name)
            entry.uid, entry.gid, entry.mode = uid, gid, mode
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(entry)
    return data.getvalue()


FOREIGN = (("d/", 33, 33, 0o2775), ("d/f", 33, 34, 0o600), ("s", 0, 42, 0o4755))


def test_tar_unpacks_foreign_owners_as_root(cli: Cli, id_mode: str) -> None:
    script = "mkdir /x && tar -xpf - -C /x && ls -ln /x/d/f /x/s"
    shown = cli("run", "--rm", "-i", "toolbox", "sh", "-c", script, stdin=archive(*FOREIGN))
    rows = [line.split() for line in shown.splitlines()]
    assert [row[0] for row in rows] == ["-rw-------", "-rwsr-xr-x"]
    if id_mode != "single":
        assert [row[2:4] for row in rows] == [["33", "34"], ["0", "42"]]


def test_true_owners_of_an_image_are_in_what_is_committed_and_exported(
    cli: Cli, tmp_path: Path
) -> None:
    cli("create", "--name", "base", "toolbox")
    whole = f"{tmp_path}/whole.tar"
    cli("export", "-o", whole, "base")
    with (
        tarfile.open(whole, "a") as tar,
        tarfile.open(fileobj=io.BytesIO(archive(*FOREIGN))) as extra,
    ):
        for entry in extra:
            tar.addfile(entry)
    cli("import", whole, "owned:1")
    script = "echo more >> /d/f; chmod 755 /s; chmod 700 /d; touch /d/new"
    cli("run", "--name", "changed", "owned:1", "sh", "-c", script)
    expected = {"d": (33, 33), "d/f": (33, 34), "s": (0, 42), "d/new": (0, 0)}
    cli("commit", "changed", "owned:2")
    saved = f"{tmp_path}/saved.tar"
    cli("save", "-o", saved, "owned:2")
    with tarfile.open(saved) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))  # type: ignore[arg-type]
        layer = outer.extractfile(manifest[0]["Layers"][-1])
        assert owners(layer, expected) == expected
    exported = f"{tmp_path}/exported.tar"
    cli("export", "-o", exported, "changed")
    with open(exported, "rb") as file:
        assert owners(file, expected) == expected
    cli("rmi", "-f", "owned:1", "owned:2")


def owners(file: object, wanted: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    with tarfile.open(fileobj=file) as tar:  # type: ignore[call-overload]
        found = {entry.name.rstrip("/"): (entry.uid, entry.gid) for entry in tar}
    return {name: ids for name, ids in found.items() if name in wanted}


def test_trees_of_others_are_removed(cli: Cli) -> None:
    script = "mkdir -p /o/p /v/q; touch /o/p/q /v/q/r; chown -R 33:33 /o /v; chmod -R 700 /o; chmod 0 /o/p"
    cli("run", "--name", "own", "-v", "vol:/v", "toolbox", "sh", "-c", script)
    cli("rm", "own")
    cli("volume", "rm", "vol")
    assert os.listdir(cli.store.layout.tmp) == []


def test_a_volume_keeps_what_its_users_wrote(cli: Cli, id_mode: str) -> None:
    write = "echo kept > /v/f && chown 5:6 /v/f"
    cli("run", "--rm", "-v", "vol:/v", "toolbox", "sh", "-c", write)
    shown = cli("run", "--rm", "-v", "vol:/v", "toolbox", "sh", "-c", "cat /v/f; ls -ln /v/f")
    ids = ["0", "0"] if id_mode == "single" else ["5", "6"]
    assert shown.split()[0] == "kept"
    assert shown.split()[3:5] == ids
    cli("volume", "rm", "vol")


def test_a_bind_shows_the_callers_files_as_roots_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("mine")
    script = "cat /b/f; stat -c ' %u' /b/f; echo more > /b/g"
    shown = cli("run", "--rm", "-v", f"{tmp_path}:/b", "toolbox", "sh", "-c", script)
    assert shown.split() == ["mine", "0"]
    assert (tmp_path / "g").stat().st_uid == os.geteuid()
    cli("run", "--rm", "-v", f"{tmp_path}:/b:ro", "toolbox", "touch", "/b/h", code=1)


def test_health_and_restarts_go_on_by_themselves(cli: Cli) -> None:
    cli("run", "-d", "--name", "sick", "--health-cmd", "test -e /ok", "--health-interval", "100ms",
        "--health-retries", "1", "toolbox", "sleep", "600")  # fmt: skip
    wait_until(lambda: "(unhealthy)" in cli("ps"), "it is unhealthy")
    cli("exec", "sick", "touch", "/ok")
    wait_until(lambda: "(healthy)" in cli("ps"), "it is healthy")
    cli("run", "-d", "--name", "again", "--restart", "on-failure:2", "toolbox", "false")
    form = "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}"
    ended = "2 exited 1\n"
    wait_until(lambda: cli("inspect", "-f", form, "again") == ended, "it was tried three times")


def test_archives_come_and_go(cli: Cli, tmp_path: Path) -> None:
    cli("run", "--name", "made", "toolbox", "sh", "-c", "echo text > /made; rm /bin/vi")
    assert "A /made" in cli("diff", "made")
    assert "D /usr/bin/vi" in cli("diff", "made")
    cli("commit", "-m", "for a test", "made", "mine:1")
    cli("save", "-o", f"{tmp_path}/s.tar", "mine:1")
    cli("rmi", "mine:1")
    assert cli("load", "-i", f"{tmp_path}/s.tar") == "Loaded image: mine:1\n"
    assert cli("run", "--rm", "mine:1", "cat", "/made") == "text\n"
    cli("export", "-o", f"{tmp_path}/e.tar", "made")
    cli("import", f"{tmp_path}/e.tar", "mine:2")
    assert cli("run", "--rm", "mine:2", "cat", "/made") == "text\n"
    cli("rmi", "-f", "mine:1", "mine:2")


def test_hello_world_runs(cli: Cli) -> None:
    assert "Hello" in cli("run", "--rm", "hello-world")


@needs("nginx", "busybox")
def test_a_static_nginx_serves(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "nginx")
    fetch = ("exec", "web", "wget", "-q", "-O", "-", "http://127.0.0.1/")
    wait_until(lambda: b"<html" in cli.store.cli(*fetch, way=cli.way).stdout, "nginx answers")


LIMITS = {
    "memory": ("--memory", "64m"),
    "cpu": ("--cpus", "1"),
    "pids": ("--pids-limit", "10"),
    "cpuset": ("--cpuset-cpus", "0"),
}


@pytest.mark.parametrize("controller", LIMITS)
def test_a_limit_that_cannot_be_kept_is_refused_with_the_reason(cli: Cli, controller: str) -> None:
    verdict = doctor(cli)[f"cgroup {controller}"]
    if verdict[0] == "yes":
        cli("run", "--rm", *LIMITS[controller], "toolbox", "true")
        return
    said = cli("run", "--rm", *LIMITS[controller], "toolbox", "true", code=125)
    assert said.startswith("Error: this host cannot")
    assert verdict[1] in said


def test_no_limit_is_no_limit_lacking(cli: Cli) -> None:
    cli(
        "run",
        "--rm",
        "--pids-limit",
        "-1",
        "--memory-swap",
        "-1",
        "--memory",
        "0",
        "toolbox",
        "true",
    )


def test_pause_works_or_is_refused_with_the_reason(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "toolbox", "sleep", "600")
    verdict = doctor(cli)["cgroup freezer"]
    if verdict[0] == "yes":
        cli("pause", "web")
        cli("unpause", "web")
        return
    assert verdict[1] in cli("pause", "web", code=1)
    # a commit goes on, since it would only be a little safer
    cli("commit", "web", "mine:1")
    cli("rmi", "mine:1")


def doctor(cli: Cli) -> dict[str, list[str]]:
    """Return feature -> (verdict, detail, remedy) of the doctor's table."""
    rows = [re.split(r"\s{2,}", line.rstrip()) for line in cli("doctor").splitlines()[1:]]
    return {row[0]: row[1:] for row in rows}


def test_the_doctor_has_one_remedy_for_each_thing_that_is_missing(cli: Cli) -> None:
    for feature, (verdict, *rest) in doctor(cli).items():
        assert verdict == "yes" or len(rest) == 2, feature


def test_top_shows_who_is_not_the_caller(cli: Cli) -> None:
    cli(
        "run", "-d", "--name", "web", "--user", "33", "toolbox", "sh", "-c", "sleep 601 & sleep 602"
    )
    wait_until(
        lambda: all(word in cli("top", "web") for word in ("sleep 601", "sleep 602")), "both run"
    )


def test_a_later_helper_reaches_the_containers_of_the_one_before(cli: Cli) -> None:
    cli("run", "-d", "--name", "web", "--hostname", "before", "toolbox", "sleep", "600")
    cli.store.quit()
    assert cli("run", "--rm", "--uts", "container:web", "toolbox", "hostname") == "before\n"
    assert cli("exec", "web", "id", "-u").strip() == "0"
    cli("rm", "-f", "web")


def test_a_helper_that_has_nothing_to_do_rests(cli: Cli) -> None:
    cli("run", "--rm", "toolbox", "true")
    pid = foreman_of(cli.store)

    def rests() -> bool:
        before = wakings(pid)
        select.select([], [], [], 0.7)
        return wakings(pid) == before

    wait_until(rests, "the helper has tidied up, and does not begin again")


def wakings(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        text = file.read()
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_a_user_that_cannot_be_is_told_and_has_no_capabilities(cli: Cli, id_mode: str) -> None:
    script = "grep -E '^(Uid|CapEff|CapPrm):' /proc/self/status"
    found = cli("run", "--name", "other", "-u", "1000", "toolbox", "sh", "-c", script).split()
    shown = json.loads(cli("inspect", "-f", "{{json .Relaxations}}", "other"))
    uid = "0" if id_mode == "single" else "1000"
    assert found[:2] == ["Uid:", uid]
    assert [word for word in found if len(word) == 16] == ["0" * 16] * 2
    assert ("user=root" in shown) == (id_mode == "single")
    root = cli("run", "--rm", "toolbox", "sh", "-c", script).split()
    assert root[-1] != "0" * 16


def test_processes_are_limited_whatever_counts_them(cli: Cli) -> None:
    cli("run", "-d", "--name", "limited", "toolbox", "sleep", "600")
    assert cli("inspect", "-f", "{{.HostConfig.PidsLimit}}", "limited").strip() == "4096"
    with open(cli.store.layout.features) as file:
        counted = dict(json.load(file).get("cgroup", {}).get("parents", ())).get("pids")
    said = cli("exec", "limited", "grep", "processes", "/proc/self/limits").split()
    assert counted or said[2:4] == ["4096", "4096"]
