"""Processes of ours are killed at bad moments; containers, exit codes and logs come through.

After each, and after many containers at once, `rm` leaves nothing on the host.
"""

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from nbcontainer.linux import process
from nbcontainer.store.containers import Containers
from tests.hostwatch import Watch, tied_pids
from tests.needs import needs

pytestmark = needs("userns")


def state(store, container):
    return Containers(store.layout).state(container)


def zygote_pid(store):
    """Return the process that holds the zygote's lock."""
    inode = os.stat(store.layout.foreman_lock).st_ino
    for pid in tied_pids(store.folder):
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.stat(f"/proc/{pid}/fd/{entry}").st_ino != inode:
                    continue
            except OSError:
                continue
            if process.parent(pid) not in tied_pids(store.folder):
                return pid
    raise AssertionError("no zygote")


def await_end(pid, seconds=10.0):
    """Wait until the process is gone or a zombie, without looking again and again."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        assert ready, f"{pid} still runs"
    finally:
        os.close(descriptor)


def test_a_container_ends_unwatched_and_its_exit_code_is_right(fresh_store):
    engine = fresh_store.engine()
    name = engine.run("toolbox", ["sh", "-c", "read x < /dev/null; exit 42"], detach=True).id
    fresh_store.quit()
    assert fresh_store.engine().wait(name) == [42]


def test_a_killed_init_is_an_ordinary_end(fresh_store):
    engine = fresh_store.engine()
    name = engine.run("toolbox", ["sleep", "1000"], detach=True).id
    found = state(fresh_store, name)
    os.kill(found.pid, signal.SIGKILL)
    assert engine.wait(name) == [137]


def test_a_pid_that_is_used_again_is_not_killed(fresh_store):
    engine = fresh_store.engine()
    name = engine.run("toolbox", ["sleep", "1000"], detach=True).id
    found = state(fresh_store, name)
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    with bystander:
        # as if the pid had been given to somebody else since
        assert not process.send_signal(
            bystander.pid, found.pid_start, found.boot_id, signal.SIGKILL
        )
        assert bystander.poll() is None
        bystander.stdin.close()
    engine.rm(name, force=True)


@pytest.mark.parametrize("victims", [("zygote",), ("shim",), ("init",), ("zygote", "shim", "init")])
def test_remove_leaves_nothing_whoever_was_killed(fresh_store, victims):
    watch = Watch(fresh_store.folder)
    engine = fresh_store.engine()
    name = engine.run("toolbox", ["sleep", "1000"], detach=True).id
    found = state(fresh_store, name)
    pids = {"zygote": zygote_pid(fresh_store), "shim": found.shim_pid, "init": found.pid}
    for victim in victims:
        try:
            os.kill(pids[victim], signal.SIGKILL)
        except ProcessLookupError:
            continue
    for victim in victims:
        await_end(pids[victim])
    engine = fresh_store.engine()
    engine.rm(name, force=True)
    fresh_store.quit()
    assert os.listdir(f"{fresh_store.home}/containers") == []
    assert os.listdir(f"{fresh_store.home}/names") == []
    assert watch.left() == []


def test_many_containers_from_many_threads_leave_nothing(fresh_store):
    engine = fresh_store.engine()
    engine.run("toolbox", ["true"], rm=True, network="none")
    before = len(os.listdir("/proc/self/fd"))
    problems = []

    def work():
        try:
            for number in range(15):
                done = engine.run(
                    "toolbox", ["sh", "-c", f"exit {number}"], rm=True, network="none"
                )
                assert done.exit_code == number
        except BaseException as error:
            problems.append(error)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert problems == []
    assert engine.ps(all=True).ids == []
    assert os.listdir(f"{fresh_store.home}/containers") == []
    assert abs(len(os.listdir("/proc/self/fd")) - before) <= 1
