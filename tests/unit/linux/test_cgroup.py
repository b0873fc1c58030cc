"""v1 for real where this host lets us; v2 on directories that stand for one."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcontainer.linux import cgroup, cgroup_above, cgroup_discovery, mounts, process
from tests.needs import lacks

Group = tuple[str, tuple[tuple[str, str], ...], str]


@pytest.fixture
def group() -> Iterator[Group]:
    found = cgroup_discovery.host()
    if found.mode == "none":
        lacks("cgroup", found.blocker)
    found = cgroup_discovery.prepare(found)
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield found.mode, found.parents, name
    cgroup.kill_all(found.mode, found.parents, name)
    assert cgroup.remove(found.mode, found.parents, name)
    cgroup_above.forget(found.parents)


def sleeper(group: Group, code: str = "import time; time.sleep(100)") -> subprocess.Popen[str]:
    """Start a process that is in the group before its code runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"input(); {code}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    cgroup.enter(*group, child.pid)
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return child


def finish(child: subprocess.Popen[str]) -> int:
    code = child.wait(10)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.close()
    child.stdout.close()
    return code


def test_a_group_is_made_twice_and_removed_twice(group: Group) -> None:
    cgroup.make(*group)
    cgroup.make(*group)
    assert all(os.path.isdir(f"{parent}/{group[2]}") for _, parent in group[1])
    assert cgroup.remove(*group)
    assert not any(os.path.exists(f"{parent}/{group[2]}") for _, parent in group[1])
    assert cgroup.remove(*group)


def test_a_parent_that_went_is_made_again(group: Group) -> None:
    cgroup_above.forget(group[1])
    cgroup.make(*group)
    assert all(os.path.isdir(f"{parent}/{group[2]}") for _, parent in group[1])


def test_a_process_is_in_the_group_and_is_killed_with_it(group: Group) -> None:
    cgroup.make(*group)
    child = sleeper(group)
    assert cgroup.procs(*group) == [child.pid]
    usage = cgroup.stats(*group)
    assert usage.pids == 1
    assert usage.memory_bytes is not None
    cgroup.kill_all(*group)
    assert finish(child) == -signal.SIGKILL
    assert cgroup.procs(*group) == []
    assert not cgroup.oom_killed(*group)


def test_a_process_moves_itself_through_what_was_opened_before(group: Group) -> None:
    moves_itself_into(group)


def moves_itself_into(group: Group) -> None:
    mode = group[0]
    cgroup.make(*group)
    opened = cgroup.entrances(*group)
    assert not any(os.get_inheritable(fd) for fd in opened)
    code = (
        "import sys; from nbcontainer.linux import cgroup;"
        "cgroup.enter_self(sys.argv[1], [int(n) for n in sys.argv[2:]]); print('in', flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, mode, *map(str, opened)],
        pass_fds=opened,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for fd in opened:
        os.close(fd)
    assert child.stdout is not None
    assert child.stdout.readline() == "in\n"
    for pair in group[1]:
        assert cgroup.procs(mode, [pair], group[2]) == [child.pid]
    child.communicate("\n", timeout=10)


def test_a_fork_bomb_is_killed(group: Group) -> None:
    cgroup.make(*group)
    cgroup.set_pids(*group, 64)
    bomb = (
        "import os\nprint('on', flush=True)\n"
        "while True:\n  try: os.fork()\n  except OSError: pass\n"
    )
    child = sleeper(group, f"exec({bomb!r})")
    assert child.stdout is not None
    child.stdout.readline()
    cgroup.kill_all(*group)
    assert finish(child) == -signal.SIGKILL
    assert cgroup.remove(*group)


def test_frozen_processes_stand_still_go_on_and_can_be_killed(group: Group) -> None:
    cgroup.make(*group)
    child = sleeper(group, "exec('while True: pass')")
    cgroup.freeze(*group)
    assert cgroup.is_frozen(*group)
    # Each read flushes what Linux counted meanwhile.
    assert len({cgroup.stats(*group).cpu_ns for _ in range(200)}) == 1
    cgroup.thaw(*group)
    assert not cgroup.is_frozen(*group)
    cgroup.freeze(*group)
    cgroup.kill_all(*group)
    assert finish(child) == -signal.SIGKILL


def test_limits_stand_in_the_files_of_linux(group: Group) -> None:
    cgroup.make(*group)
    asked: dict[str, int | str] = {
        "memory_bytes": 64 << 20,
        "cpu_quota_us": 50_000,
        "cpu_period_us": 100_000,
        "cpu_shares": 512,
        "pids_limit": 7,
    }
    cgroup.limit(*group, asked)
    usage = cgroup.stats(*group)
    assert usage.memory_limit_bytes == 64 << 20
    assert usage.pids_limit == 7


def test_a_cpuset_can_be_entered(group: Group) -> None:
    if not any(name == "cpuset" for name, _ in group[1]):
        pytest.skip("no cpuset here")
    cgroup.make(*group)
    cgroup.limit(*group, {"cpuset_cpus": "0"})
    child = sleeper(group)
    assert os.sched_getaffinity(child.pid) == {0}
    child.kill()
    finish(child)


def test_a_limit_of_a_controller_that_is_missing_is_never_dropped() -> None:
    with pytest.raises(OSError) as caught:
        cgroup.limit("v1", (("pids", "/x"),), "box", {"memory_bytes": 1 << 20})
    assert caught.value.errno == errno.EOPNOTSUPP
    cgroup.limit("none", (), "box", {})


def test_memory_beyond_the_limit_is_an_oom_kill(group: Group) -> None:
    cgroup.make(*group)
    cgroup.limit(*group, {"memory_bytes": 24 << 20, "memory_swap_bytes": 24 << 20})
    child = sleeper(group, "x = bytearray(200 << 20)")
    assert finish(child) == -signal.SIGKILL
    assert cgroup.oom_killed(*group)


def test_groups_made_inside_go_with_it(group: Group) -> None:
    cgroup.make(*group)
    for parent in dict.fromkeys(parent for _, parent in group[1]):
        os.makedirs(f"{parent}/{group[2]}/a/b")
    assert cgroup.remove(*group)


def test_removing_waits_for_what_ends_just_now(group: Group) -> None:
    cgroup.make(*group)
    child = sleeper(group)
    started = process.start_time(child.pid)
    child.terminate()
    assert cgroup.remove(*group)
    assert not process.is_same_process(child.pid, started)
    finish(child)


def test_without_control_groups_nothing_is_done() -> None:
    cgroup.make("none", (), "box")
    cgroup.set_pids("none", (), "box", 5)
    cgroup.enter("none", (), "box", os.getpid())
    cgroup.kill_all("none", (), "box")
    assert cgroup.entrances("none", (), "box") == []
    assert cgroup.procs("none", (), "box") == []
    assert cgroup.remove("none", (), "box")
    assert not cgroup.oom_killed("none", (), "box")
    assert cgroup.stats("none", (), "box") == (None,) * 5


def test_a_group_that_cannot_be_made_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_text("a file, so that nothing can be made below it")
    controllers = (("memory", f"{tmp_path}/a"), ("pids", f"{tmp_path}/b"))
    with pytest.raises(NotADirectoryError):
        cgroup.make("v1", controllers, "box")
    assert list((tmp_path / "a").iterdir()) == []


def v2_group(tmp_path: Path, **files: str) -> Group:
    box = tmp_path / "nbcontainer" / "box"
    box.mkdir(parents=True)
    for name, text in files.items():
        (box / name.replace("__", ".")).write_text(text)
    parent = str(box.parent)
    return "v2", tuple((name, parent) for name in ("memory", "pids", "cpu", "freezer")), "box"


def test_v2_is_read(tmp_path: Path) -> None:
    group = v2_group(
        tmp_path,
        memory__current="5000\n",
        memory__stat="anon 1\ninactive_file 1000\n",
        memory__max="max\n",
        memory__events="low 0\noom 1\noom_kill 1\n",
        cpu__stat="usage_usec 42\nuser_usec 2\n",
        pids__current="3\n",
        pids__max="4096\n",
        cgroup__events="populated 1\nfrozen 1\n",
        cgroup__procs="7\n5\n0\n",
    )
    assert cgroup.stats(*group) == (4000, 0, 42000, 3, 4096)
    assert cgroup.oom_killed(*group)
    assert cgroup.is_frozen(*group)
    assert cgroup.procs(*group) == [5, 7]


def test_v2_is_written(tmp_path: Path) -> None:
    names = ("memory__max", "memory__swap__max", "cpu__max", "pids__max", "cgroup__freeze")
    group = v2_group(
        tmp_path, cgroup__kill="", cgroup__events="frozen 1\n", **dict.fromkeys(names, "")
    )
    cgroup.limit(*group, {"memory_bytes": 1 << 20, "cpu_quota_us": 50_000, "pids_limit": -1})
    box = tmp_path / "nbcontainer" / "box"
    assert (box / "memory.max").read_text() == "1048576"
    assert (box / "memory.swap.max").read_text() == "1048576"
    assert (box / "cpu.max").read_text() == "50000 100000"
    assert (box / "pids.max").read_text() == "max"
    cgroup.freeze(*group)
    assert (box / "cgroup.freeze").read_text() == "1"
    cgroup.kill_all(*group)
    assert (box / "cgroup.kill").read_text() == "1"


def test_v2_without_swap_accounting_still_limits_memory(tmp_path: Path) -> None:
    group = v2_group(tmp_path, memory__max="")
    cgroup.limit(*group, {"memory_bytes": 1 << 20})
    with pytest.raises(FileNotFoundError):
        cgroup.limit(*group, {"memory_bytes": 1 << 20, "memory_swap_bytes": 2 << 20})


def test_a_process_that_will_not_freeze_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = v2_group(tmp_path, cgroup__events="frozen 0\n", cgroup__freeze="")
    monkeypatch.setattr(cgroup, "_FREEZE_TIMEOUT_S", 0.01)
    with pytest.raises(TimeoutError):
        cgroup.freeze(*group)
    assert (tmp_path / "nbcontainer/box/cgroup.freeze").read_text() == "0"


UNIFIED = [entry.target for entry in mounts.table() if entry.fstype == "cgroup2"]


@pytest.fixture
def unified() -> Iterator[Group]:
    """Give a real v2 group without controllers, which also a hybrid host has."""
    if not UNIFIED or not os.access(UNIFIED[-1], os.W_OK):
        pytest.skip("no v2 hierarchy that may be written")
    parent = f"{UNIFIED[-1]}/nbcontainer-{uuid.uuid4().hex[:8]}"
    group: Group = ("v2", (("freezer", parent),), "box")
    cgroup.make(*group)
    yield group
    cgroup.kill_all(*group)
    assert cgroup.remove(*group)
    os.rmdir(parent)


def test_a_real_v2_group_is_frozen_and_killed(unified: Group) -> None:
    child = sleeper(unified)
    cgroup.freeze(*unified)
    assert cgroup.procs(*unified) == [child.pid]
    cgroup.kill_all(*unified)
    assert finish(child) == -signal.SIGKILL


def test_a_process_moves_itself_into_a_real_v2_group(unified: Group) -> None:
    moves_itself_into(unified)


def test_a_process_is_cloned_straight_into_a_real_v2_group(unified: Group) -> None:
    directory, file = cgroup.entrances(*unified)
    code = (
        "import os, sys; from nbcontainer.linux import syscalls as s\n"
        "pid = s.clone_process(s.CLONE_NEWUTS | s.CLONE_NEWUSER, int(sys.argv[1]))\n"
        "if pid == 0: os.write(1, b'True\\n'); input(); os._exit(3)\n"
        "os.write(1, b'%d\\n' % pid); os.waitpid(pid, 0)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(directory)],
        pass_fds=[directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(directory)
    os.close(file)
    assert child.stdout is not None
    lines = {child.stdout.readline().strip(), child.stdout.readline().strip()}
    assert lines == {"True", str(cgroup.procs(*unified)[0])}
    child.communicate("\n", timeout=10)
