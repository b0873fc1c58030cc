"""What a person gets wrong: the sentence, the exit code, and a store that is as it was before."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import cli
from nbcontainer.engine import Engine
from nbcontainer.store.layout import STORE_VERSION
from tests.needs import lacks, needs
from tests.stores import Store

pytestmark = needs("userns")


@pytest.fixture(scope="module")
def engine(session_store: Store) -> Iterator[Engine]:
    """An engine whose store has a running container, a stopped one, a volume and a committed image."""
    engine = session_store.engine()
    engine.run("toolbox", ["sleep", "1000"], name="runs", detach=True)
    engine.run("toolbox", ["sh", "-c", "echo x > /f"], name="ended")
    engine.volume_create("data")
    engine.commit("ended", "me/web:v1")
    yield engine
    session_store.clear(engine)
    session_store.close()


def snapshot(home: str) -> dict[str, str]:
    """Return every file of the store with its content, but for what only tells of the past or is empty."""
    found = {}
    for base, _, names in os.walk(home):
        for name in names:
            path = f"{base}/{name}"
            if name.endswith("lock") or "/cache/" in path or path.startswith(f"{home}/events"):
                continue
            try:
                if os.path.islink(path):
                    found[path] = os.readlink(path)
                else:
                    with open(path, "rb") as file:
                        found[path] = hashlib.sha256(file.read()).hexdigest()
            except OSError:
                found[path] = "unreadable"
    return found


@contextlib.contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """Have descriptor 0 read from another one for a while."""
    before = os.dup(0)
    os.dup2(descriptor, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@pytest.fixture
def refused(
    engine: Engine,
    session_store: Store,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    """Run a command line, in this process, that must fail and leave the store as it was."""
    monkeypatch.setattr(cli, "_engine", lambda chosen: engine)
    monkeypatch.chdir(session_store.folder)

    def run(*words: str, code: int = 0, stdin: bytes | None = None) -> str:
        before = snapshot(session_store.home)
        (tmp_path / "stdin").write_bytes(stdin or b"")
        with open(tmp_path / "stdin", "rb") as file, standard_input(file.fileno()):
            capfdbinary.readouterr()
            returned = cli.main(list(words))
            out, err = capfdbinary.readouterr()
        said = err.decode()
        is_flag = "unknown flag" in said or "flag:" in said.partition("\n")[0]
        is_run = words[0] == "run" and "requires at least" not in said
        assert returned == (code or (125 if is_run or is_flag else 1)), said
        assert out == b""
        assert said.startswith("Error: ")
        assert "Traceback" not in said
        assert snapshot(session_store.home) == before
        assert sorted(engine.ps(all=True)["Names"]) == ["ended", "runs"]
        assert engine.ps()["Names"] == ["runs"]
        return said.removeprefix("Error: ")

    return run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "no-such-image"], "No such image: no-such-image:latest"),
        (["create", "me/web:v9"], "No such image: me/web:v9"),
        (
            ["run", "me/Lower"],
            "invalid reference format: repository name (me/Lower) must be lowercase",
        ),
        (["run", "a:b:c"], "invalid reference format"),
        (["history", "no-such-image"], "No such image: no-such-image"),
        (["tag", "no-such-image", "x:y"], "No such image: no-such-image"),
        (["save", "-o", "never.tar", "no-such-image"], "No such image: no-such-image"),
    ],
)
def test_an_unknown_image(
    refused: Any, session_store: Store, words: list[str], sentence: str
) -> None:
    assert refused(*words).startswith(sentence)
    assert not os.path.exists(f"{session_store.folder}/never.tar")


def test_an_unknown_container(refused: Any) -> None:
    for verb in ("exec", "logs", "attach", "diff", "top"):
        words = [verb, "nobody", *(["true"] if verb == "exec" else [])]
        assert refused(*words).startswith("No such container: nobody\n")
    for verb in ("start", "stop", "restart", "kill", "pause", "unpause", "wait", "rm"):
        assert refused(verb, "nobody", code=1).startswith("No such container: nobody\n")


def test_a_name_in_use(refused: Any, engine: Engine) -> None:
    (runs,) = engine.ps(no_trunc=True).ids
    said = refused("run", "--name", "runs", "toolbox", "true")
    assert said.startswith(
        f'Conflict. The container name "/runs" is already in use by container "{runs}".'
    )
    assert "is already in use" in refused("rename", "ended", "runs")
    for name in ("-x", "a", "a/b", "a b"):
        assert "Invalid container name" in refused("create", f"--name={name}", "toolbox")


def test_exec_in_a_stopped_container(refused: Any, engine: Engine) -> None:
    (ended,) = engine.ps(all=True, no_trunc=True, filter=["name=ended"]).ids
    assert refused("exec", "ended", "true").startswith(f"container {ended} is not running\n")


def test_rm_of_a_running_container(refused: Any) -> None:
    said = refused("rm", "runs", code=1)
    assert said.startswith(
        'cannot remove container "/runs": container is running: stop the container'
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--no-such-flag", "toolbox"], "unknown flag: --no-such-flag"),
        (["run", "-Z", "toolbox"], "unknown shorthand flag: 'Z' in -Z"),
        (["run", "--name"], "flag needs an argument: --name"),
        (["run", "--memory", "lots", "toolbox"], 'invalid argument "lots" for "-m, --memory" flag'),
        (["run", "--pids-limit", "x", "toolbox"], 'invalid argument "x" for "--pids-limit" flag'),
        (["run", "--restart", "perhaps", "toolbox"], ""),
        (
            ["run", "--rm", "--restart", "always", "toolbox"],
            "conflicting options: cannot specify both --restart and --rm",
        ),
        (["run", "--ulimit", "nope=1", "toolbox"], ""),
        (["run", "--cap-add", "NOPE", "toolbox"], ""),
        (["run", "--stop-signal", "SIGNOPE", "toolbox"], ""),
        (["run", "--tmpfs", "relative", "toolbox"], ""),
        (["run", "-v", "a:b:c:d", "toolbox"], ""),
        (["run", "--mount", "type=nope,dst=/x", "toolbox"], ""),
        (
            ["run", "--env-file", "/no/such/file", "toolbox"],
            "open /no/such/file: no such file or directory",
        ),
        (
            ["run", "--security-opt", "seccomp=/no/such", "toolbox"],
            "opening seccomp profile (/no/such) failed",
        ),
        (["run", "--add-host", "nonsense", "toolbox"], ""),
        (["run", "--rm", "--device", "/dev/no-such", "toolbox"], ""),
        (["run", "--network", "mine", "toolbox"], ""),
        (["run", "--publish", "80:x", "toolbox"], "invalid containerPort: x"),
        (["run", "--gpus", "all", "toolbox"], ""),
        (["run"], ""),
        (["nonsense"], ""),
        (["rm"], ""),
        (["logs", "--since", "whenever", "ended"], ""),
        (["ps", "--filter", "nope=1"], "invalid filter 'nope'"),
        (["ps", "--filter", "status=nope"], ""),
        (["top", "runs", "-Z"], "top: unsupported ps option '-Z'"),
        (["kill", "-s", "NOPE", "runs"], ""),
    ],
)
def test_a_bad_flag_is_named(refused: Any, words: list[str], sentence: str) -> None:
    said = refused(*words)
    assert said.startswith(sentence)
    flag = next((w.partition("=")[0].strip("-") for w in words[1:] if w.startswith("--")), words[0])
    assert sentence or flag in said or words[-2:][0] in said, said


@pytest.mark.parametrize(
    ("template", "sentence", "hint"),
    [
        ("{{Image}}", 'template parsing error: template: :1: function "Image" not defined',
         "did you mean {{.Image}}?"),
        ("{{.Image", "template parsing error: template: :1: unclosed action", ""),
        ("{{.Image}", "template parsing error: template: :1:", ""),
        ("{{if .Image}}x", "template parsing error: template: :1: unexpected EOF", ""),
        ("{{.NoSuchField}}", "", ".NoSuchField"),
    ],
)  # fmt: skip
def test_a_bad_template(refused: Any, template: str, sentence: str, hint: str) -> None:
    said = refused("ps", "--format", template)
    assert said.startswith(sentence)
    assert hint in said


@pytest.mark.parametrize("verb", [["run", "--rm", "toolbox"], ["exec", "runs"]])
@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("no-such-program", 127, 'exec: "no-such-program": executable file not found in $PATH'),
        ("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/etc/passwd", 126, 'exec: "/etc/passwd": permission denied'),
        ("/etc", 126, 'exec: "/etc": is a directory'),
    ],
)
def test_a_command_that_cannot_be_run(
    refused: Any, verb: list[str], command: str, code: int, sentence: str
) -> None:
    assert sentence in refused(*verb, command, code=code)


def test_a_file_that_is_no_program(refused: Any, engine: Engine, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x00\x01 no program")
    program.chmod(0o755)
    said = refused("run", "--rm", "-v", f"{tmp_path}:/p", "toolbox", "/p/program", code=126)
    assert "exec format error" in said


def test_a_bind_source_that_is_missing(refused: Any) -> None:
    said = refused("run", "--mount", "type=bind,src=/no/such/dir,dst=/x", "toolbox")
    assert said.startswith(
        'invalid mount config for type "bind": bind source path does not exist: /no/such/dir'
    )


def test_an_id_file_that_cannot_be_made_or_whose_container_is_refused(
    refused: Any, tmp_path: Path
) -> None:
    said = refused("create", "--cidfile", "/no/such/file", "toolbox")
    assert said.startswith(
        "failed to create the container ID file: open /no/such/file: no such file"
    )
    path = tmp_path / "cid"
    refused("create", "--cidfile", str(path), "no-such-image")
    assert not path.exists()
    path.write_text("other")
    assert refused("run", "--cidfile", str(path), "toolbox").startswith("container ID file found")
    assert path.read_text() == "other"


# -- archives


def saved(engine: Engine) -> bytes:
    out = io.BytesIO()
    engine.save("me/web:v1", output=out)
    return out.getvalue()


def changed(archive: bytes, pick: Any, change: Any) -> bytes:
    """Return the archive with the first member that `pick` likes changed."""
    out = io.BytesIO()
    done = False
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        tarfile.open(fileobj=out, mode="w") as new,
    ):
        for info in old.getmembers():
            data = old.extractfile(info).read() if info.isreg() else b""  # type: ignore[union-attr]
            if not done and info.isreg() and pick(info, data):
                data, done = change(data), True
                info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    assert done
    return out.getvalue()


@pytest.mark.parametrize("verb", [["load"], ["import", "-", "me/new"]])
@pytest.mark.parametrize(
    "data", [b"", b"no tar" * 500, b"\x1f\x8b\x08" + b"\xff" * 600, b"\0" * 512 + b"x" * 2048]
)
def test_a_tar_that_is_none(refused: Any, verb: list[str], data: bytes) -> None:
    assert refused(*verb, stdin=data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_archive(refused: Any, engine: Engine, share: float) -> None:
    archive = saved(engine)
    assert refused("load", stdin=archive[: int(len(archive) * share)])
    layer = tarfile_of(b"x" * 5000)
    assert refused("import", "-", "me/new", stdin=layer[: int(len(layer) * share * 0.5)])


def tarfile_of(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_a_digest_that_does_not_match(refused: Any, engine: Engine) -> None:
    archive = saved(engine)

    def is_layer(info: tarfile.TarInfo, data: bytes) -> bool:
        return "blobs/" in info.name and data[257:262] == b"ustar"

    def is_config(info: tarfile.TarInfo, data: bytes) -> bool:
        return "blobs/" in info.name and b'"rootfs"' in data

    for pick in (is_layer, is_config):
        spoilt = changed(archive, pick, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        said = refused("load", stdin=spoilt)
        assert re.search("sha256:[0-9a-f]{64}|digest", said), said


def test_a_missing_file_is_said_before_anything_is_read(refused: Any) -> None:
    assert "open /no/such.tar: no such file or directory" in refused("load", "-i", "/no/such.tar")
    assert "/no/such.tar" in refused("import", "/no/such.tar")


# -- names that fit more than one


def test_an_id_prefix_that_fits_two_containers(fresh_store: Store) -> None:
    engine = fresh_store.engine()
    ids: dict[str, str] = {}
    while True:
        made = engine.create("toolbox", ["true"])
        if made.id[0] in ids:
            break
        ids[made.id[0]] = made.id
    before = snapshot(fresh_store.home)
    prefix = made.id[0]
    for words in (["rm", prefix], ["start", prefix], ["logs", prefix]):
        done = fresh_store.cli(*words)
        assert done.returncode == 1
        assert re.match(f"Error: .*{prefix}", done.stderr.decode()), done.stderr
        assert "Multiple IDs found with provided prefix" in done.stderr.decode()
    assert snapshot(fresh_store.home) == before


# -- stores


def test_a_store_of_a_newer_version(tmp_path: Path, session_store: Store) -> None:
    home = tmp_path / "home"
    Store.make(str(tmp_path))
    Engine(Store(str(tmp_path)).settings).volume_create("data")
    version = next(p for p in home.rglob("version"))
    version.write_text(f"{STORE_VERSION + 1}\n")
    before = snapshot(str(home))
    for words in (["ps"], ["images"], ["run", "toolbox"], ["volume", "rm", "data"]):
        done = Store(str(tmp_path)).cli(*words)
        assert done.returncode == (125 if "run" in words else 1)
        said = done.stderr.decode()
        assert said.startswith(f"Error: the store {home} has format {STORE_VERSION + 1}, and this")
        assert "update nbcontainer" in said
    assert snapshot(str(home)) == before


SMALL_DISK = """
import os, sys
from nbcontainer.linux import syscalls
uid, gid = os.getuid(), os.getgid()
try:
    if uid == 0:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    else:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", sys.argv[1], "tmpfs", 0, "size=1m")
except OSError as error:
    sys.exit(77)
from nbcontainer.cli import main
assert main(["volume", "create", "data"]) == 0
if sys.argv[2] == "full":
    ballast = os.open(sys.argv[1] + "/ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(ballast, bytes(4096))
    except OSError:
        os.close(ballast)
else:
    syscalls.mount(None, sys.argv[1], None, syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)
def found():
    return {f"{b}/{n}" for b, _, names in os.walk(sys.argv[1]) for n in names if "lock" not in n}
before = found()
for words in (["ps", "-a"], ["volume", "ls", "-q"]):
    assert main(words) == 0, words
for words in (["create", "toolbox"], ["volume", "create", "more"], ["run", "--rm", "hello-world"]):
    code = main(words)
    assert code == (125 if "run" in words else 1), (words, code)
assert found() == before, found() ^ before
"""


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_store_on_a_disk_that_takes_nothing(tmp_path: Path, how: str) -> None:
    store = Store.make(str(tmp_path))
    os.mkdir(store.home)
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, store.home, how],
        env=store.environment,
        capture_output=True,
        timeout=60,
    )
    if done.returncode == 77:
        lacks("userns", "this host lets us mount nothing")
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert said.count("Error: ") == 3, said
    reason = "No space left on device" if how == "full" else "Read-only file system"
    assert said.lower().count(reason.lower()) >= 2, said


def test_a_spoilt_state_is_said_and_the_others_are_shown(fresh_store: Store) -> None:
    engine = fresh_store.engine()
    good = engine.create("toolbox", name="good")
    bad = engine.create("toolbox", name="bad")
    with open(fresh_store.layout.container(bad.id, "config.json"), "w") as file:
        file.write(json.dumps({"id": 5})[:-1])
    engine.close()
    done = fresh_store.cli("ps", "-a", "--format", "{{.Names}}")
    assert b"good" in done.stdout
    done = fresh_store.cli("start", "bad")
    assert done.returncode != 0
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr
    assert fresh_store.cli("rm", "-f", good.id).returncode == 0
