"""The command line as a process: what it prints, where, and with which exit code."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios

import pytest

from tests.needs import needs
from tests.running import running
from tests.system.aftermath import foreman_of

pytestmark = needs("userns")


def out(done):
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_streams_and_code_are_the_programs_own(store):
    done = store.cli("run", "--rm", "toolbox", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_input_goes_to_the_program_with_i_and_not_without(store):
    assert store.cli("run", "--rm", "-i", "toolbox", "cat", stdin=b"given").stdout == b"given"
    assert store.cli("run", "--rm", "toolbox", "cat", stdin=b"given").stdout == b""


def test_a_day_in_the_life(store):
    name = out(store.cli("run", "-d", "--name", "web", "toolbox", "sleep", "1000")).strip()
    assert len(name) == 64
    shown = out(store.cli("ps", "--format", "table {{.Names}}\t{{.Image}}\t{{.State}}"))
    assert [line.split() for line in shown.splitlines()] == [
        ["NAMES", "IMAGE", "STATE"],
        ["web", "toolbox", "running"],
    ]
    assert out(store.cli("exec", "web", "sh", "-c", "echo x > /new; hostname")).strip() == name[:12]
    assert out(store.cli("diff", "web")) == "A /new\n"
    assert out(store.cli("commit", "-m", "new", "web", "me/web:v2")).startswith("sha256:")
    assert out(store.cli("run", "--rm", "me/web:v2", "cat", "/new")) == "x\n"
    assert out(store.cli("stop", "-t", "1", "web")) == "web\n"
    assert out(store.cli("rm", "web")) == "web\n"
    assert out(store.cli("ps", "-aq")) == ""


def test_json_is_json(store):
    out(store.cli("create", "--name", "web", "toolbox", "true"))
    (document,) = json.loads(out(store.cli("inspect", "web")))
    assert document["Name"] == "/web"
    row = json.loads(out(store.cli("ps", "-a", "--format", "json")))
    assert row["Names"] == "web"


# words of the command line: exit code, what stderr says
REFUSED = {
    ("run", "--rm", "no/such-image", "true"): (125, "No such image: no/such-image:latest"),
    ("run", "--rm", "Toolbox", "true"): (125, "must be lowercase"),
    ("run", "--rm", "toolbox", "no-such-command"): (127, "no-such-command"),
    ("run", "--rm", "toolbox", "/etc/passwd"): (126, "ermission denied"),
    ("run", "--rm", "toolbox", "/etc"): (126, "/etc"),
    ("run", "--bad-flag", "toolbox"): (125, "unknown flag: --bad-flag"),
    ("run", "--memory", "much", "toolbox"): (125, "invalid"),
    ("run", "--link", "db", "toolbox"): (125, "--link"),
    ("run",): (1, "at least 1 argument"),
    ("run", "--rm", "toolbox", ""): (127, 'exec: "": executable file not found in $PATH'),
    ("run", "--rm", "-v", "/tmp:/proc", "toolbox"): (125, '"/proc" cannot be mounted'),
    ("exec", "nobody", "true"): (1, "No such container: nobody"),
    ("rm", "nobody"): (1, "No such container: nobody"),
    ("rm", "-f", "nobody"): (0, "No such container: nobody"),
    ("ps", "--format", "{{Image}}"): (1, "{{.Image}}"),
    ("ps", "--filter", "color=red"): (1, "color"),
    ("load", "-i", "/etc/passwd"): (1, ""),
    ("fly",): (1, "fly"),
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_refused_says_why_has_its_code_and_changes_nothing(store, words):
    code, text = REFUSED[words]
    done = store.cli(*words)
    assert text in done.stderr.decode()
    assert done.stdout == b""
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert out(store.cli("ps", "-aq")) == ""


def test_a_running_container_is_not_removed_without_force(store):
    out(store.cli("run", "-d", "--name", "web", "toolbox", "sleep", "1000"))
    done = store.cli("rm", "web")
    assert done.returncode == 1
    assert b"container is running" in done.stderr
    assert out(store.cli("ps", "--format", "{{.State}}")) == "running\n"
    out(store.cli("rm", "-f", "web"))


def test_an_id_prefix_that_fits_two_is_refused(store, engine):
    ids = [engine.create("toolbox", ["true"]).id for _ in range(17)]
    # of seventeen hexadecimal ids two begin alike
    first = sorted(i[0] for i in ids)
    twice = next(letter for letter in first if first.count(letter) > 1)
    done = store.cli("inspect", twice)
    assert done.returncode == 1
    assert twice.encode() in done.stderr


def test_a_store_of_a_newer_version_is_refused_and_left_alone(fresh_store):
    os.makedirs(fresh_store.home)
    version = f"{fresh_store.home}/version"
    with open(version, "w") as file:
        file.write("999\n")
    done = fresh_store.cli("ps")
    assert done.returncode != 0
    assert b"999" in done.stderr
    os.unlink(version)


@pytest.mark.parametrize(
    "inherited",
    [
        "pass",
        "signal.signal(2, signal.SIG_IGN)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, {2, 15})",
    ],
    ids=["as usual", "ignored", "blocked"],
)
def test_an_interrupt_reaches_the_program(store, inherited):
    begin = f"import os, signal, sys; {inherited}; os.execv(sys.executable, sys.argv)"
    script = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    with running(
        [sys.executable, "-c", begin, "-m", "nbcontainer", "run", "--rm", "toolbox", "sh", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=store.environment, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert said == b"caught\n"
    assert process.returncode == 5


def terminal(store, *words, typed=b"", prompt=b"$ ", rows=30, columns=90):
    """Run the command line on a terminal; return exit code and what appeared on it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "nbcontainer", *words],
        stdin=theirs, stdout=theirs, stderr=theirs, env=store.environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 30)
        assert ready, shown
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if typed and prompt in shown.replace(b"# ", b"$ "):
            os.write(ours, typed)
            typed = b""
    os.close(ours)
    return process.wait(30), shown


def test_a_terminal_is_a_terminal_of_the_right_size(store):
    code, shown = terminal(
        store, "run", "--rm", "-it", "toolbox", "sh", "-c", "tty; stty size; exit 4"
    )
    assert code == 4
    assert b"/dev/" in shown
    assert b"30 90" in shown or b"stty" in shown


def test_what_is_typed_reaches_a_shell(store):
    code, shown = terminal(
        store, "run", "--rm", "-it", "toolbox", "sh", typed=b"echo $((6*7)); exit 9\n"
    )
    assert code == 9
    assert b"42" in shown


def test_a_password_that_is_not_given_is_said_to_be_missing(store):
    code, shown = terminal(
        store, "login", "-u", "me", "127.0.0.1:9", typed=b"\x04", prompt=b"Password: "
    )
    assert code == 1
    assert b"Error: password is empty" in shown


def test_an_archive_that_the_disk_has_no_room_for_is_said(store):
    store.engine().run("toolbox", ["true"], rm=True)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nbcontainer", "save", "toolbox"],
            stdout=full, stderr=subprocess.PIPE, env=store.environment, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: save: no space left on device\n")


def test_help_names_every_verb_and_version_is_told(store):
    shown = out(store.cli("--help"))
    for verb in ("run", "exec", "ps", "commit", "doctor", "plan", "lab"):
        assert f" {verb} " in shown
    assert out(store.cli("--version")).startswith("nbcontainer version ")
    assert "--memory" in out(store.cli("run", "--help"))


def test_a_prune_hears_a_piped_answer(store):
    out(store.cli("create", "--name", "kept", "toolbox", "true"))
    for stdin in (b"n\n", b""):
        asked = out(store.cli("container", "prune", stdin=stdin))
        assert "Are you sure you want to continue? [y/N]" in asked
        assert out(store.cli("ps", "-aq")) != ""
    assert "Deleted Containers:" in out(store.cli("container", "prune", stdin=b"y\n"))
    assert out(store.cli("ps", "-aq")) == ""


def test_a_stream_that_does_not_exist_is_refused(store):
    done = store.cli("run", "--rm", "-a", "bogus", "toolbox", "echo", "hi")
    assert done.returncode == 125
    assert b'invalid argument "bogus" for "-a, --attach" flag: valid streams are' in done.stderr


def test_a_terminal_is_asked_for_when_the_container_starts(store):
    out(store.cli("create", "-it", "--name", "later", "toolbox", "sh"))
    assert store.cli("create", "--env-file", "/nowhere", "toolbox").returncode == 125


def test_events_and_logs_have_dockers_json_and_width(store):
    out(store.cli("run", "--name", "web", "toolbox", "echo", "hi"))
    lines = out(store.cli("events", "--since", "1h", "--until", "0s", "--format", "{{json .}}"))
    event = json.loads(lines.splitlines()[0])
    assert {"time", "timeNano", "status", "id", "from", "scope", "Type", "Action", "Actor"} == set(
        event
    )
    assert len(out(store.cli("logs", "-t", "web")).split()[0]) == len(
        "2026-01-02T03:04:05.123456789Z"
    )
    health = "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"
    assert out(store.cli("inspect", "-f", health, "web")) == "none\n"


def test_a_store_that_was_made_anew_has_helpers_of_its_own(fresh_store):
    assert out(fresh_store.cli("run", "--rm", "toolbox", "echo", "one")) == "one\n"
    first = foreman_of(fresh_store)
    # what tells one store from another of the same name
    os.utime(f"{fresh_store.layout.home}/version", ns=(1, 1))
    assert out(fresh_store.cli("run", "--rm", "toolbox", "echo", "two")) == "two\n"
    assert foreman_of(fresh_store) != first
