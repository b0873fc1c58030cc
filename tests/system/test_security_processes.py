"""Keys, signals, ptrace and numbers of processes across the border of a container."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nbcontainer.linux.syscall_numbers import NUMBERS
from tests.needs import needs
from tests.system.inside import ask, ask_in

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store

TABLE = NUMBERS.get(os.uname().machine, {})
UNCONFINED = ["seccomp=unconfined"]
SLEEP = ["sleep", "600"]


@needs("seccomp")
def test_keys_cannot_be_asked_for(engine: Engine) -> None:
    calls = {name: TABLE[name] for name in ("add_key", "request_key", "keyctl")}
    found = ask(
        engine,
        f"answer([system_call(n, b'user', b'canary', 0, 0) for n in {list(calls.values())}])",
    )
    assert found == ["EPERM"] * 3


def test_a_key_of_one_container_is_unseen_in_another_even_without_the_filter(
    engine: Engine,
) -> None:
    add = f"""
key = libc.syscall(ctypes.c_long({TABLE["add_key"]}), b"user", b"nbc-canary", b"secret", ctypes.c_long(6),
                   ctypes.c_long(-3))  # KEY_SPEC_SESSION_KEYRING
"""
    look = f"""
seen = libc.syscall(ctypes.c_long({TABLE["request_key"]}), b"user", b"nbc-canary", None, ctypes.c_long(-3))
"""
    both = ask(engine, add + look + "answer([key > 0, seen > 0])", security_opt=UNCONFINED)
    if not both[0]:
        pytest.skip("Linux adds no key here")
    assert both == [True, True]
    a = engine.run(
        "python",
        ["python3", "-c", "import time; time.sleep(600)"],
        detach=True,
        security_opt=UNCONFINED,
    )
    ask_in(engine, a.id, add + "answer(key)")
    assert ask(engine, look + "answer(seen > 0)", security_opt=UNCONFINED) is False
    # nor does one exec see the key of another: each has a session keyring of its own
    assert ask_in(engine, a.id, look + "answer(seen > 0)") is False


NOTEBOOK = """
import ctypes, sys
from nbcontainer import Engine
from tests.system.inside import ask
keyctl, add_key, request_key = (int(word) for word in sys.argv[1:])
libc = ctypes.CDLL(None)
libc.syscall(keyctl, 1, b"nbc-session", 0, 0)  # KEYCTL_JOIN_SESSION_KEYRING
key = libc.syscall(add_key, b"user", b"nbc-outside", b"secret", 6, -3)
libc.syscall(keyctl, 5, key, 0x3f3f3f3f)  # KEYCTL_SETPERM: everybody may, if they find it
look = 'answer(libc.syscall(request_key, b"user", b"nbc-outside", None, ctypes.c_long(-3)))'
engine = Engine()
seen = ask(engine, look, given={"request_key": request_key}, security_opt=["seccomp=unconfined"])
engine.close()
print(key, libc.syscall(request_key, b"user", b"nbc-outside", None, -3), seen)
"""


def test_a_key_of_the_notebooks_session_is_unseen_inside(fresh_store: Store) -> None:
    numbers = [str(TABLE[name]) for name in ("keyctl", "add_key", "request_key")]
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, *numbers],
        capture_output=True,
        text=True,
        check=True,
        env=fresh_store.environment,
    )
    key, outside, inside = (int(word) for word in done.stdout.split())
    if key <= 0:
        pytest.skip("Linux adds no key here")
    assert outside == key
    assert inside == -1


def test_killing_everything_inside_harms_nobody_outside(engine: Engine) -> None:
    other = engine.run("toolbox", SLEEP, detach=True)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        done = engine.run("toolbox", ["sh", "-c", "kill -9 -1; echo alive"], rm=True)
        assert done.exit_code in (0, 137)
        assert bystander.poll() is None
        assert engine.exec(other.id, ["true"]).exit_code == 0
    finally:
        bystander.kill()
        bystander.wait()


def test_with_the_hosts_pids_in_sight_a_program_still_may_not_touch_them(engine: Engine) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        found = ask(
            engine,
            """
answer([os.path.exists(f"/proc/{pid}"), system_call(ptrace, 16, pid, 0, 0),
        attempt(os.open, f"/proc/{pid}/mem", os.O_RDWR), attempt(os.readlink, f"/proc/{pid}/root"),
        attempt(os.readlink, f"/proc/{pid}/fd/0"), attempt(os.kill, pid, 9)])
""",
            given={"pid": bystander.pid, "ptrace": TABLE["ptrace"]},
            pid="host",
        )
        assert found[0] is True
        assert set(found[1:5]) <= {"EPERM", "EACCES"}
        if not engine.host.features.is_rootless:
            # rootless, root inside is the user: --pid host gives its processes' signals away
            assert found[5] == "EPERM"
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_only_the_containers_own_processes_are_in_sight(engine: Engine) -> None:
    pids = ask(engine, 'answer([int(n) for n in os.listdir("/proc") if n.isdigit()])')
    assert pids == [1]


@needs("cgroup")
def test_a_fork_bomb_ends_at_the_limit(engine: Engine) -> None:
    made = ask(
        engine,
        """
made = 0
while made < 500:
    try:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
    except BlockingIOError:
        break
    made += 1
answer(made)
""",
        pids_limit=40,
    )
    assert made < 40


def test_no_limit_can_be_raised_above_the_hosts(engine: Engine) -> None:
    import resource

    found = ask(
        engine,
        """
import resource
names = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE")
answer({name: resource.getrlimit(getattr(resource, name))[1] for name in names})
""",
        ulimit=["nofile=100000000:100000000"],
    )
    for name, hard in found.items():
        ceiling = resource.getrlimit(getattr(resource, name))[1]
        assert ceiling == -1 or (hard != -1 and hard <= ceiling), name
    assert found["RLIMIT_CORE"] == 0
