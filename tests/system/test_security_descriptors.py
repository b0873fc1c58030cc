"""What must not leak into a container: descriptors, working directories, the notebook's secrets."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nbcontainer.errors import EngineError
from tests.hostwatch import processes
from tests.needs import needs
from tests.system.crafted import derive
from tests.system.inside import ask, ask_in

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store

WHERE = """
here = os.getcwd()
answer([here, os.readlink("/proc/self/cwd"), attempt(os.stat, "../" * 30 + %r)])
"""


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file of the host that no container may see."""
    path = tmp_path / f"canary-{secrets.token_hex(8)}"
    path.write_text("host")
    return path


def outcome(engine: Engine, workdir: str, canary: Path) -> list[str]:
    try:
        found: list[str] = ask(engine, WHERE % str(canary).lstrip("/"), workdir=workdir)
    except EngineError:
        return ["refused"]
    return found


@pytest.mark.parametrize("numbers", [range(3, 19), range(19, 35), range(35, 51)], ids=str)
def test_cve_2024_21626_no_working_directory_leads_outside(
    engine: Engine, canary: Path, numbers: range
) -> None:
    for number in numbers:
        for workdir in (f"/proc/self/fd/{number}", f"/proc/1/fd/{number}/.."):
            found = outcome(engine, workdir, canary)
            if found != ["refused"]:
                assert found[0].startswith("/"), (workdir, found)
                assert found[2] == "ENOENT", (workdir, found)


def test_cve_2024_21626_a_working_directory_of_an_image_leads_nowhere_either(
    engine: Engine, canary: Path, tmp_path: Path
) -> None:
    image = derive(engine, tmp_path, "workdir-fd", base="python", WorkingDir="/proc/self/fd/8")
    try:
        found = ask(engine, WHERE % str(canary).lstrip("/"), image=image)
    except EngineError:
        return
    assert found[2] == "ENOENT"


def test_a_missing_working_directory_is_made_inside_and_nowhere_else(
    engine: Engine, store: Store
) -> None:
    name = f"nbc-made-{secrets.token_hex(8)}"
    for number in range(3, 30):
        for way in (f"/proc/self/fd/{number}/{name}", f"/proc/1/cwd/../../../{name}"):
            try:
                engine.run("toolbox", ["true"], rm=True, workdir=way)
            except EngineError:
                continue
    for folder in ("/", os.getcwd(), store.folder, "/tmp"):
        for root, folders, _ in os.walk(folder):
            # a container's own upper directory, also while it is being removed, is inside
            assert name not in folders or root.endswith("/upper"), root
            if folder == "/":
                folders.clear()
            folders[:] = [f for f in folders if root.count("/") < 12 and f != "proc"]


def test_a_program_gets_three_descriptors_from_a_kernel_with_a_hundred_sockets(
    engine: Engine,
) -> None:
    pairs = [socket.socketpair() for _ in range(100)]
    try:
        for left, right in pairs:
            left.set_inheritable(True)
            right.set_inheritable(True)
        program = (
            'answer({n: os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")})'
        )
        list_open = (
            "found = {}\nfor n in range(1024):\n try: found[n] = os.readlink(f'/proc/self/fd/{n}')\n"
            " except OSError: pass\nanswer(sorted(found))"
        )
        assert ask(engine, list_open) == [0, 1, 2], program
        running = engine.run(
            "python", ["python3", "-c", "import time; time.sleep(600)"], detach=True
        )
        assert ask_in(engine, running.id, list_open) == [0, 1, 2]
        assert ask_in(engine, running.id, list_open.replace("/self/", "/1/")) == [0, 1, 2]
    finally:
        for left, right in pairs:
            left.close()
            right.close()


def test_the_notebooks_environment_never_reaches_a_container(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBC_CANARY", "canary-in-environment")
    text = ask(engine, 'answer([read("/proc/1/environ"), dict(os.environ)])')
    assert "canary" not in str(text)


@needs("root")
def test_the_notebooks_secrets_are_in_no_process_of_ours(
    fresh_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # made from halves, so that the text itself stands in no file that a helper may have read
    canary = "-".join(["canary", secrets.token_hex(16)])
    monkeypatch.setenv("NBC_CANARY", canary)
    heap = [canary * 3 for _ in range(1000)]
    with (tmp_path / "secret").open("w+") as opened:
        opened.write(canary)
        opened.flush()
        os.set_inheritable(opened.fileno(), True)
        engine = fresh_store.engine()
        running = engine.run("toolbox", ["sleep", "600"], detach=True)
        helpers = [int(line.split()[0]) for line in processes(fresh_store.folder)]
        pid = int(engine.inspect(running.id)[0]["State"]["Pid"])
        seen = 0
        for process in {*helpers, pid}:
            try:
                held = holds(process, canary.encode())
                environment = Path(f"/proc/{process}/environ").read_bytes()
                targets = [os.readlink(e.path) for e in os.scandir(f"/proc/{process}/fd")]
            except (FileNotFoundError, ProcessLookupError):
                continue  # a worker that has brought its layer to the disk and ended
            seen += 1
            assert not held, process
            assert canary.encode() not in environment
            assert str(tmp_path / "secret") not in targets
        assert seen >= 3, "the zygote, the shim and the container's own process"
    assert len(heap) == 1000
    assert holds(os.getpid(), canary.encode()), "the search must be able to find it"


def holds(pid: int, needle: bytes) -> bool:
    """Tell whether the memory of a process contains `needle`."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(text, 16) for text in area.split("-"))
            try:
                memory.seek(start)
                if needle in memory.read(end - start):
                    return True
            except (OSError, OverflowError, ValueError):
                continue
    return False


def test_whoever_starts_the_engine_hands_on_no_umask_and_no_ignored_signal(
    fresh_store: Store,
) -> None:
    # the zygote lives on, so what one shell had set would be every later container's
    command = [sys.executable, "-m", "nbcontainer", "run", "--rm", "toolbox", "sh", "-c"]
    inside = "umask; grep SigIgn /proc/self/status; stat -c %a /etc/hosts /etc/resolv.conf"
    done = subprocess.run(
        ["sh", "-c", "umask 077; trap '' INT QUIT USR1 HUP; exec \"$@\"", "-", *command, inside],
        capture_output=True,
        text=True,
        env=fresh_store.environment,
        timeout=60,
    )
    assert done.stdout.split() == ["0022", "SigIgn:", "0000000000000000", "644", "644"], done.stderr
