"""Every verb and flag on containers: what it does inside, what it says, how it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.engine import Engine
from nbcontainer.errors import (
    CommandNotFound,
    ContainerFailed,
    ContainerNotFound,
    InvalidArgument,
    NameInUse,
    NotExecutable,
    WrongStatus,
)
from nbcontainer.runtime import wire
from tests.needs import needs
from tests.stores import Store

pytestmark = needs("userns")

# a program that ends on its stop signal at once, and is there for others to join
IDLE = ["sh", "-c", 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done']


@pytest.fixture(scope="module")
def box(session_store: Store) -> Iterator[Engine]:
    """One engine for all tests here; `web` runs all the while."""
    engine = session_store.engine()
    engine.run("toolbox", IDLE, name="web", detach=True, hostname="web1", label=["tier=web"])
    yield engine
    session_store.clear(engine)
    session_store.close()


@pytest.fixture(autouse=True)
def tidy(box: Engine) -> Iterator[None]:
    """What a test left, also one that failed, is not the next one's."""
    yield
    left = [name for name in box.ps(all=True)["Names"] if name != "web"]
    if left:
        box.rm(*left, force=True)


@pytest.fixture
def cli(box: Engine, session_store: Store) -> Any:
    return session_store.cli


def sh(engine: Engine, script: str, **flags: Any) -> str:
    """Run a line of shell in a new container and return what it wrote."""
    done: Any = engine.run("toolbox", ["sh", "-c", script], rm=True, **flags)
    assert done.exit_code == 0, (done.stdout, done.stderr)
    return str(done.stdout.decode().strip())


def seen_as(engine: Engine, number: int) -> str:
    """Return the id that a program asked to be `number` has; where there is one id, it is root's."""
    return "0" if engine.host.features.id_mode == "single" else str(number)


def text(done: Any) -> str:
    return str(done.stdout.decode().strip())


def await_(check: Any, seconds: float = 20.0) -> Any:
    """Return the first true answer."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return answer


# -- run: how it ends


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["true"], 0, ""),
        (["sh", "-c", "exit 3"], 3, ""),
        (["sh", "-c", "exec 2>/dev/null; sh -c 'kill -9 $$'; exit $?"], 137, ""),
        (["no-such-program"], 127, 'exec: "no-such-program": executable file not found in $PATH'),
        (["/no/such/program"], 127, "/no/such/program"),
        (["/etc/passwd"], 126, 'exec: "/etc/passwd": permission denied'),
        (["/etc"], 126, 'exec: "/etc": is a directory'),
    ],
)
def test_run_ends_as_its_program_ended(
    cli: Any, words: list[str], code: int, sentence: str
) -> None:
    done = cli("run", "--rm", "toolbox", *words)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr.decode()
    assert bool(done.stderr) is bool(sentence)


def test_an_engines_own_errors_are_125(cli: Any) -> None:
    for flags in (["--no-such-flag"], ["--memory", "lots"], ["--link", "db"]):
        done = cli("run", "--rm", *flags, "toolbox")
        assert done.returncode == 125
        assert done.stderr.decode().startswith("Error: ")
        assert flags[0].strip("-") in done.stderr.decode()


def test_from_python_the_same_ends_are_values_and_exceptions(box: Engine) -> None:
    done: Any = box.run("toolbox", ["sh", "-c", "echo out; echo err >&2; exit 3"], rm=True)
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")
    with pytest.raises(CommandNotFound):
        box.run("toolbox", ["no-such-program"], rm=True)
    with pytest.raises(NotExecutable):
        box.run("toolbox", ["/etc/passwd"], rm=True)
    with pytest.raises(ContainerFailed, match="exit code 4"):
        box.run("toolbox", ["sh", "-c", "exit 4"], rm=True, check=True)
    assert box.ps(all=True)["Names"] == ["web"]


def test_detached_prints_the_id_and_rm_leaves_nothing(cli: Any, box: Engine) -> None:
    container = text(cli("run", "-d", "--rm", "--name", "bg", "toolbox", *IDLE))
    assert re.fullmatch("[0-9a-f]{64}", container)
    assert box.ps(filter=["id=" + container[:12]])["Names"] == ["bg"]
    assert text(cli("stop", "bg")) == "bg"
    await_(lambda: "bg" not in box.ps(all=True)["Names"])


def test_input_is_read_to_its_end_with_i_and_is_empty_without(cli: Any, box: Engine) -> None:
    assert cli("run", "-i", "--rm", "toolbox", "cat", stdin=b"a\0b\n").stdout == b"a\0b\n"
    assert cli("run", "--rm", "toolbox", "cat", stdin=b"lost").stdout == b""
    big = os.urandom(1 << 20)
    done: Any = box.run("toolbox", ["cat"], rm=True, stdin=big)
    assert done.stdout == big


def test_t_is_a_terminal_of_the_users_size(session_store: Store, box: Engine) -> None:
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", "31", "cols", "77"], stdin=slave, check=True)
    # as with Docker the size comes a moment after the start
    script = 'until stty size | grep "31 77"; do sleep 0.02; done; read x; echo got $x'
    words = ["run", "-it", "--rm", "toolbox", "sh", "-c", script]
    process = subprocess.Popen(
        [sys.executable, "-m", "nbcontainer", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=session_store.environment,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    typed = False
    while select.select([master], [], [], 30)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
        if b"31 77" in seen and not typed:
            os.write(master, b"hello\r")
            typed = True
    os.close(master)
    try:
        assert process.wait(20) == 0, seen
    finally:
        process.kill()
        process.wait()
    assert b"got hello" in seen


def test_it_without_a_terminal_is_refused_before_anything_is_made(cli: Any, box: Engine) -> None:
    before = box.ps(all=True).ids
    done = cli("run", "-it", "toolbox", "sh")
    assert done.returncode == 1
    assert b"the input device is not a TTY" in done.stderr
    assert box.ps(all=True).ids == before


def test_a_name_is_given_once(cli: Any, box: Engine) -> None:
    (web,) = box.ps(no_trunc=True, filter=["name=web"]).ids
    done = cli("run", "--name", "web", "toolbox", "true")
    assert done.returncode == 125
    assert done.stderr.decode().startswith(
        f'Error: Conflict. The container name "/web" is already in use by container "{web}".'
    )
    with pytest.raises(NameInUse):
        box.create("toolbox", name="web")


# -- run: what the program finds


def test_what_a_program_is_told(box: Engine, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nB=file\nC=file\n")
    got = sh(
        box,
        "echo $A $B $C; pwd; hostname; id -u; id -g; cat /etc/hostname; ulimit -n; cat /etc/hosts;"
        " cat /etc/resolv.conf",
        env=["A=1", "B=flag"],
        env_file=[str(tmp_path / "env")],
        workdir="/made/here",
        user="12:34",
        hostname="box1",
        ulimit=["nofile=99:100"],
        add_host=["db:10.0.0.5"],
        dns=["192.0.2.9"],
    ).splitlines()
    assert got[:7] == [
        "1 flag file",
        "/made/here",
        "box1",
        seen_as(box, 12),
        seen_as(box, 34),
        "box1",
        "99",
    ]
    assert "10.0.0.5\tdb" in got
    assert "nameserver 192.0.2.9" in got


def test_an_entrypoint_takes_the_place_of_the_images(box: Engine) -> None:
    done: Any = box.run("toolbox", ["two", "words"], entrypoint="echo", rm=True)
    assert done.stdout == b"two words\n"


def test_a_read_only_root_has_writable_places_where_they_are_asked_for(box: Engine) -> None:
    script = "touch /x 2>/dev/null || echo refused; touch /t/x && grep ' /t ' /proc/mounts"
    got = sh(box, script, read_only=True, tmpfs=["/t:size=64k,mode=1777"])
    assert got.startswith("refused\n")
    assert "tmpfs" in got
    assert "size=64k" in got


def test_binds_and_volumes_are_the_hosts_files(box: Engine, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "f").write_text("host")
    script = "cat /a/f; echo new > /a/g; touch /b/x 2>/dev/null || echo fixed; echo kept > /v/f"
    mounts = [f"type=bind,src={tmp_path},dst=/b,readonly", "type=tmpfs,dst=/m,tmpfs-size=65536"]
    got = sh(box, script, volume=[f"{tmp_path}:/a", "data:/v"], mount=mounts)
    assert got == "hostfixed"
    assert (tmp_path / "g").read_text() == "new\n"
    assert sh(box, "cat /v/f", mount=["type=volume,src=data,dst=/v"]) == "kept"


def test_a_device_is_there_by_its_new_name(box: Engine) -> None:
    assert sh(box, "head -c 3 /dev/other | od -An -c", device=["/dev/zero:/dev/other"]).split() == [
        "\\0", "\\0", "\\0",
    ]  # fmt: skip


def test_capabilities_are_given_and_taken(box: Engine) -> None:
    show = "grep CapEff /proc/self/status"

    def bits(**flags: Any) -> int:
        return int(sh(box, show, **flags).split()[1], 16)

    default = bits()
    assert bits(cap_drop=["ALL"]) == 0
    assert bits(cap_drop=["ALL"], cap_add=["NET_BIND_SERVICE"]) == 1 << 10
    assert bits(cap_drop=["CHOWN"]) == default & ~1
    everything = bits(privileged=True)
    assert everything & default == default
    assert everything != default


def test_an_init_reaps_what_its_program_leaves(box: Engine) -> None:
    script = "(true & exec true) ; (sh -c 'sleep 0.05 &') ; sleep 0.3; cat /proc/[0-9]*/stat"
    got = sh(box, script, init=True)
    assert " Z " not in got
    assert got.splitlines()[0].startswith("1 ")
    assert "(sh)" not in got.splitlines()[0]


def test_an_inits_program_that_was_killed_counts_as_killed(box: Engine) -> None:
    for number in (9, 15):
        done: Any = box.run("toolbox", ["sh", "-c", f"kill -{number} $$"], init=True, rm=True)
        assert done.exit_code == 128 + number


def test_init_tells_nothing_of_the_host(box: Engine) -> None:
    script = "tr '\\0' ' ' < /proc/1/cmdline; cat /proc/1/comm; cat /proc/1/environ"
    done: Any = box.run("toolbox", ["sh", "-c", script], init=True, rm=True)
    assert done.stdout.split()[:4] == [b"init", b"--", b"sh", b"-c"]
    assert done.stdout.endswith(b"init\n")
    assert b"nbcontainer" not in done.stdout


def test_init_passes_signals_on(box: Engine) -> None:
    box.run("toolbox", ["sh", "-c", 'trap "exit 5" USR1; echo up; while :; do sleep 0.05; done'],
            init=True, name="inited", detach=True, stop_signal="USR1")  # fmt: skip
    await_(lambda: list(box.logs("inited")))
    box.stop("inited", time=20)
    assert box.wait("inited") == [5]
    box.rm("inited")


def test_the_id_is_written_to_a_file_that_must_not_exist(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "cid"
    done = cli("create", "--cidfile", str(path), "--name", "withfile", "toolbox")
    assert path.read_text() == text(done)
    again = cli("create", "--cidfile", str(path), "toolbox")
    assert again.returncode == 1
    assert b"container ID file found" in again.stderr
    cli("rm", "withfile")


# -- limits


@needs("cgroup")
def test_limits_stand_in_its_cgroup(box: Engine) -> None:
    box.run("toolbox", IDLE, name="small", detach=True, memory="64m", cpus="0.5", pids_limit=50)
    limits = box.inspect("small")[0]["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (
        64 << 20,
        500_000_000,
        50,
    )
    show = (
        "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max 2>/dev/null"
        " || cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
    )
    words = text(box.exec("small", ["sh", "-c", show])).split()
    assert words[:2] == [str(64 << 20), "50"]
    assert int(words[2]) / int(words[3]) == 0.5
    box.rm("small", force=True)


@needs("cgroup")
def test_a_program_over_its_memory_is_killed_and_that_is_said(box: Engine) -> None:
    program = "x = []\nwhile True: x.append(bytearray(1 << 20))"
    done: Any = box.run("python", ["python3", "-c", program], memory="32m", name="greedy")
    assert done.exit_code == 137
    assert box.inspect("greedy")[0]["State"]["OOMKilled"] is True
    box.rm("greedy")


@needs("cgroup")
def test_a_fork_bomb_ends_at_its_limit(box: Engine) -> None:
    script = "i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i+1)); done; echo all"
    done: Any = box.run("toolbox", ["sh", "-c", script], pids_limit=20, rm=True)
    assert b"all" not in done.stdout
    assert done.stderr


# -- how containers are ended and started again


def test_the_stop_signal_is_the_one_that_was_chosen(box: Engine) -> None:
    script = 'trap "exit 7" INT; echo up; while :; do sleep 0.05; done'
    box.run("toolbox", ["sh", "-c", script], name="s1", detach=True, stop_signal="SIGINT")
    await_(lambda: list(box.logs("s1")))
    box.stop("s1", time=20)
    assert box.wait("s1") == [7]
    box.rm("s1")


def test_one_that_does_not_end_is_killed_after_its_timeout(box: Engine) -> None:
    script = 'trap "" TERM; echo up; while :; do sleep 0.05; done'
    box.run("toolbox", ["sh", "-c", script], name="deaf", detach=True, stop_timeout=0)
    await_(lambda: list(box.logs("deaf")))
    box.stop("deaf")
    assert box.wait("deaf") == [137]
    assert box.ps(all=True, filter=["name=deaf"])[0]["Status"].startswith("Exited (137)")
    box.rm("deaf")


def test_start_restart_kill_and_wait(box: Engine, cli: Any) -> None:
    script = "echo run; trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"
    made = box.create("toolbox", ["sh", "-c", script], name="life")
    assert box.inspect("life")[0]["State"]["Status"] == "created"
    assert text(cli("start", "life")) == "life"
    box.start("life")
    waiting: list[list[int]] = []
    thread = threading.Thread(target=lambda: waiting.append(box.wait("life")))
    first = box.inspect("life")[0]["State"]["Pid"]
    box.restart("life", time=20)
    second = box.inspect("life")[0]["State"]["Pid"]
    assert first != second
    await_(lambda: len(list(box.logs("life"))) == 2)
    thread.start()
    box.kill("life", signal="KILL")
    thread.join(20)
    assert waiting == [[137]]
    assert text(cli("wait", made.id[:12])) == "137"
    done = cli("kill", "life")
    assert (done.returncode, b"is not running" in done.stderr) == (1, True)
    assert b"".join(chunk.data for chunk in box.logs("life")) == b"run\nrun\n"
    box.rm("life")


def test_start_attached_gives_output_and_code(cli: Any, box: Engine) -> None:
    box.create("toolbox", ["sh", "-c", "cat; exit 6"], name="again", interactive=True)
    for _ in range(2):
        done = cli("start", "-ai", "again", stdin=b"in\n")
        assert (done.returncode, done.stdout) == (6, b"in\n")
    box.rm("again")


def test_a_policy_starts_it_anew_as_often_as_it_says(box: Engine) -> None:
    box.run("toolbox", ["sh", "-c", "echo x; exit 2"], name="phoenix", detach=True,
            restart="on-failure:2")  # fmt: skip
    state = await_(lambda: (s := box.inspect("phoenix")[0])["State"]["Status"] == "exited" and s)
    assert state["RestartCount"] == 2
    assert state["State"]["ExitCode"] == 2
    assert b"".join(chunk.data for chunk in box.logs("phoenix")) == b"x\nx\nx\n"
    box.rm("phoenix")


@needs("cgroup")
def test_a_paused_container_waits(box: Engine, cli: Any) -> None:
    box.run("toolbox", ["sh", "-c", "while :; do echo x; sleep 0.02; done"], name="p1", detach=True)
    await_(lambda: list(box.logs("p1")))
    assert text(cli("pause", "p1")) == "p1"
    assert box.ps(filter=["status=paused"])["Names"] == ["p1"]
    assert "(Paused)" in box.ps(filter=["name=p1"])[0]["Status"]
    seen = len(list(box.logs("p1")))
    done = cli("pause", "p1")
    assert (done.returncode, b"already paused" in done.stderr) == (1, True)
    with pytest.raises(WrongStatus, match="paused"):
        box.exec("p1", ["true"])
    assert len(list(box.logs("p1"))) == seen
    box.unpause("p1")
    await_(lambda: len(list(box.logs("p1"))) > seen)
    with pytest.raises(WrongStatus, match="is not paused"):
        box.unpause("p1")
    box.rm("p1", force=True)


@needs("cgroup")
def test_a_paused_container_is_not_probed_and_goes_on_being_answered(box: Engine) -> None:
    flags: dict[str, Any] = {"health_cmd": "echo probed", "health_interval": "50ms"}
    box.run("toolbox", ["sleep", "600"], name="p2", detach=True, **flags)
    log = lambda: box.inspect("p2")[0]["State"]["Health"]["Log"]  # noqa: E731
    await_(lambda: len(log()) >= 2)
    box.pause("p2")
    last = log()[-1]
    time.sleep(0.3)
    assert log()[-1] == last
    box.unpause("p2")
    await_(lambda: log()[-1] != last)
    assert {entry["ExitCode"] for entry in log()} == {0}
    box.pause("p2")
    box.rm("p2", force=True)


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_who_kills_a_container_by_hand_ends_its_restarts(box: Engine, number: str) -> None:
    trap = "trap 'exit 3' TERM; while :; do sleep 0.05; done"
    box.run("toolbox", ["sh", "-c", trap], name="k1", detach=True, restart="always")
    await_(lambda: box.ps(filter=["name=k1"]))
    time.sleep(0.2)
    box.kill("k1", signal=number)
    found = await_(lambda: (s := box.inspect("k1")[0])["State"]["Status"] == "exited" and s)
    assert (found["RestartCount"], found["State"]["ExitCode"] in (3, 137)) == (0, True)
    box.rm("k1")


# -- exec, attach, top


def test_exec_runs_one_more_program_with_all_that_is_asked_for(box: Engine, cli: Any) -> None:
    script = "echo $A; pwd; id -u; cat"
    done: Any = box.exec(
        "web", ["sh", "-c", script], env=["A=1"], workdir="/tmp", user="7", stdin=b"input"
    )
    assert done.stdout.decode() == f"1\n/tmp\n{seen_as(box, 7)}\ninput"
    assert text(cli("exec", "web", "hostname")) == "web1"
    assert cli("exec", "-i", "web", "cat", stdin=b"x").stdout == b"x"
    session = box.exec_session("web", ["sh", "-c", "test -t 0 && test -t 1 && echo tty"], tty=True)
    seen = b""
    while (chunk := session.read(20)) is not None:
        seen += chunk.data
    assert (session.wait(), seen) == (0, b"tty\r\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [(["sh", "-c", "exit 9"], 9), (["nope"], 127), (["/etc/passwd"], 126), (["/etc"], 126)],
)
def test_exec_ends_as_its_program_ended(cli: Any, words: list[str], code: int) -> None:
    assert cli("exec", "web", *words).returncode == code


def test_exec_in_the_background_goes_on_alone(box: Engine, cli: Any) -> None:
    assert cli("exec", "-d", "web", "sh", "-c", "echo done > /tmp/late").stdout == b""
    await_(
        lambda: text(box.exec("web", ["sh", "-c", "cat /tmp/late 2>/dev/null || true"])) == "done"
    )


def test_a_privileged_exec_has_all_capabilities(box: Engine) -> None:
    show = ["grep", "CapEff", "/proc/self/status"]
    few, all_ = (text(box.exec("web", show, privileged=on)) for on in (False, True))
    assert int(few.split()[1], 16) < int(all_.split()[1], 16)


def test_attach_joins_what_runs_and_lets_it_go_on(box: Engine) -> None:
    box.run("toolbox", ["sh", "-c", "while read x; do echo got $x; done; exit 4"],
            name="talk", detach=True, interactive=True)  # fmt: skip
    one = box.attach("talk")
    one.write(b"a\n")
    chunk = one.read(20)
    assert chunk is not None
    assert chunk.data == b"got a\n"
    one.detach()
    assert box.inspect("talk")[0]["State"]["Running"] is True
    two = box.attach("talk", no_stdin=True)
    box.kill("talk", signal="KILL")
    assert two.wait() == 137
    with pytest.raises(WrongStatus, match="You cannot attach to a stopped container"):
        box.attach("talk")
    box.rm("talk")


def test_top_shows_processes_in_the_columns_that_are_asked_for(box: Engine, cli: Any) -> None:
    table = box.top("web")
    assert [column.header for column in table.columns][:3] == ["UID", "PID", "PPID"]
    assert str(box.inspect("web")[0]["State"]["Pid"]) in table["PID"]
    lines = text(cli("top", "web", "-o", "pid,comm")).splitlines()
    assert lines[0].split() == ["PID", "COMMAND"]
    assert {line.split()[1] for line in lines[1:]} <= {"sh", "sleep", "busybox"}


# -- namespaces of others


def test_namespaces_of_another_container_are_joined(box: Engine) -> None:
    show = "readlink /proc/self/ns/net; readlink /proc/self/ns/uts"
    other = text(box.exec("web", ["sh", "-c", show]))
    got = sh(box, f"{show}; hostname", network="container:web", uts="container:web")
    assert got.splitlines() == [*other.splitlines(), "web1"]
    assert "while" in sh(box, "tr '\\0' ' ' < /proc/1/cmdline", pid="container:web")


def test_only_a_running_container_is_joined(box: Engine) -> None:
    made = box.create("toolbox", name="still")
    with pytest.raises(
        WrongStatus, match=f"cannot join network of a non running container: {made.id}"
    ):
        box.run("toolbox", ["true"], network="container:still", rm=True)
    with pytest.raises(ContainerNotFound, match="No such container: nope"):
        box.run("toolbox", ["true"], pid="container:nope")
    assert sorted(box.ps(all=True)["Names"]) == ["still", "web"]


# -- logs


def test_logs_are_cut_by_number_and_time_and_stamped(box: Engine, cli: Any) -> None:
    box.run("toolbox", ["sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three"],
            name="wrote")  # fmt: skip
    lines = list(box.logs("wrote"))
    assert [(c.stream, c.data) for c in lines] == [
        ("stdout", b"one\n"), ("stderr", b"two\n"), ("stdout", b"three\n"),
    ]  # fmt: skip
    assert [c.data for c in box.logs("wrote", tail=1)] == [b"three\n"]
    assert list(box.logs("wrote", tail=0)) == []
    moment = f"{lines[1].time_ns // 10**9}.{lines[1].time_ns % 10**9:09d}"
    assert [c.data for c in box.logs("wrote", since=moment)] == [b"two\n", b"three\n"]
    assert [c.data for c in box.logs("wrote", until=moment)] == [b"one\n", b"two\n"]
    done = cli("logs", "-t", "--tail", "2", "wrote")
    assert re.fullmatch(rb"20\d\d-\d\d-\d\dT[\d:.]+Z three\n", done.stdout)
    assert done.stderr.endswith(b"Z two\n")
    box.rm("wrote")


def test_logs_are_followed_to_the_end(box: Engine) -> None:
    box.run("toolbox", ["sh", "-c", "echo 1; read x; echo $x"], name="f1", detach=True,
            interactive=True)  # fmt: skip
    lines = box.logs("f1", follow=True)
    assert next(lines).data == b"1\n"
    session = box.attach("f1")
    session.write(b"2\n")
    session.close()
    assert [chunk.data for chunk in lines] == [b"2\n"]
    box.rm("f1", force=True)


def test_logs_are_rotated(box: Engine) -> None:
    script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done"
    box.run("toolbox", ["sh", "-c", script], name="rot", log_opt=["max-size=4k", "max-file=2"])
    lines = [chunk.data for chunk in box.logs("rot")]
    assert lines[-1] == b"line 399\n"
    assert 10 < len(lines) < 400
    path = box.inspect("rot")[0]["LogPath"]
    kept = sorted(name for name in os.listdir(os.path.dirname(path)) if name.startswith("log."))
    assert kept == ["log.jsonl", "log.jsonl.1"]
    box.rm("rot")


# -- health


def test_a_health_check_tells_how_it_is(box: Engine) -> None:
    box.run("toolbox", IDLE, name="h1", detach=True, health_cmd="test -e /ok",
            health_interval="100ms", health_retries=2, health_timeout="5s")  # fmt: skip

    def status() -> str:
        return str(box.inspect("h1")[0]["State"]["Health"]["Status"])

    assert status() in ("starting", "unhealthy")
    await_(lambda: status() == "unhealthy")
    assert "(unhealthy)" in box.ps(filter=["health=unhealthy"])[0]["Status"]
    box.exec("h1", ["touch", "/ok"])
    await_(lambda: status() == "healthy")
    box.rm("h1", force=True)


# -- what is known of them


def test_ps_shows_and_chooses(box: Engine, cli: Any) -> None:
    box.create("toolbox", ["true"], name="ps1", label=["tier=db"], volume=["psdata:/d"])
    box.run("toolbox", ["sh", "-c", "exit 3"], name="ps2")
    assert box.ps()["Names"] == ["web"]
    assert box.ps(all=True)["Names"] == ["ps2", "ps1", "web"]
    for wanted, filters in {
        "ps1": ["status=created", "label=tier=db", "volume=psdata", "name=^/?ps1$", "before=ps2"],
        "ps2": ["exited=3", "status=exited", "since=ps1"],
        "web": ["status=running", "label=tier=web", "since=web"],
    }.items():
        for each in filters[:-1] if wanted == "web" else filters:
            found = box.ps(all=True, filter=[each])["Names"]
            assert wanted in found, each
            if not each.startswith("before"):
                assert found == [wanted], each
    assert box.ps(latest=True)["Names"] == ["ps2"]
    assert box.ps(last=2)["Names"] == ["ps2", "ps1"]
    assert len(box.ps(all=True, filter=["ancestor=toolbox"])) == 3
    with pytest.raises(InvalidArgument, match="invalid filter 'nope'"):
        box.ps(filter=["nope=1"])
    lines = text(cli("ps", "-a")).splitlines()
    assert re.split(" {2,}", lines[0])[:5] == [
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
    ]
    assert "Exited (3)" in lines[1]
    shown = text(cli("ps", "-a", "--format", "table {{.Names}}\t{{.Image}}")).splitlines()
    assert [line.split() for line in shown] == [
        ["NAMES", "IMAGE"], ["ps2", "toolbox"], ["ps1", "toolbox"], ["web", "toolbox"],
    ]  # fmt: skip
    assert len(text(cli("ps", "-q"))) == 12
    box.rm("ps1", "ps2")


def test_rename_changes_the_name_alone(box: Engine, cli: Any) -> None:
    made = box.create("toolbox", name="old-name")
    assert cli("rename", "old-name", "new-name").stdout == b""
    assert box.inspect("new-name")[0]["Id"] == made.id
    with pytest.raises(ContainerNotFound):
        box.rename("old-name", "x1")
    with pytest.raises(NameInUse):
        box.rename("new-name", "web")
    box.rm("new-name")


def test_diff_tells_added_changed_and_deleted(box: Engine, cli: Any) -> None:
    box.run("toolbox", ["sh", "-c", "echo x > /new; rm /etc/passwd"], name="changed")
    lines = text(cli("diff", "changed")).splitlines()
    assert {"A /new", "C /etc", "D /etc/passwd"} <= set(lines)
    box.rm("changed")


def test_inspect_shows_what_was_asked_for(box: Engine, cli: Any) -> None:
    document = box.inspect("web")[0]
    assert (document["Name"], document["Config"]["Hostname"]) == ("/web", "web1")
    assert document["Config"]["Labels"]["tier"] == "web"
    assert document["State"]["Running"] is True
    shown = cli("inspect", "-f", "{{.State.Status}} {{.Config.Hostname}}", "web", "nope")
    assert shown.stdout == b"running web1\n"
    assert b"No such object: nope" in shown.stderr
    assert shown.returncode == 1


def test_rm_of_many_removes_what_it_can_and_says_what_not(box: Engine, cli: Any) -> None:
    box.create("toolbox", name="gone1")
    done = cli("rm", "gone1", "nope", "web")
    assert done.returncode == 1
    assert done.stdout == b"gone1\n"
    assert b"No such container: nope" in done.stderr
    assert b'cannot remove container "/web": container is running' in done.stderr
    assert box.ps()["Names"] == ["web"]


def test_who_waits_for_an_end_hears_of_a_restart(engine: Engine) -> None:
    engine.run("toolbox", ["sleep", "600"], detach=True, name="again", stop_signal="KILL")
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.extend(engine.wait("again")))
    thread.start()
    # repeated: a restart may be faster than the one who begins to wait
    while thread.is_alive():
        engine.restart("again")
    assert codes == [137]
    engine.rm("again", force=True)


def test_who_asks_for_the_end_of_a_run_after_a_restart_is_told_of_that_run(engine: Any) -> None:
    made = engine.run("toolbox", ["sleep", "600"], detach=True, stop_signal="KILL")
    state = engine.host.state(made.id)
    engine.restart(made.id)
    told = engine.host.runtime.ask(state.sandbox, wire.Wait(state.started_ns))
    assert told == wire.Exited(137)
    assert engine.host.state(made.id).status.is_alive
