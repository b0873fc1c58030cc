"""A store of its own for each test, and children that can be killed in the middle of what they do."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.store.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    made.make()
    return made


def _changes(event: str, args: tuple[object, ...]) -> bool:
    if event == "open":
        return isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in (
        "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.chmod", "fcntl.flock",
    )  # fmt: skip


@pytest.fixture
def killed_at() -> Callable[[int, Callable[[], object]], bool]:
    """Run something in a child and SIGKILL it before its Nth change of the disk; tell whether it died."""

    def run(step: int, work: Callable[[], object]) -> bool:
        pid = os.fork()
        if pid == 0:
            left = step

            def count(event: str, args: tuple[object, ...]) -> None:
                nonlocal left
                if _changes(event, args):
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            code = 1
            try:
                sys.addaudithook(count)
                work()
                code = 0
            finally:
                os._exit(code)
        status = os.waitpid(pid, 0)[1]
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the child failed instead of being killed"
            return False
        return True

    return run


@pytest.fixture
def all_at_once() -> Callable[[list[Callable[[], object]]], None]:
    """Run each in a process of its own, all started by one shot; every one must succeed."""

    def run(works: list[Callable[[], object]]) -> None:
        gate_read, gate_write = os.pipe()
        pids = []
        for work in works:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.close(gate_write)
                    os.read(gate_read, 1)
                    work()
                    code = 0
                except BaseException as error:
                    os.write(2, f"{type(error).__name__}: {error}\n".encode())
                finally:
                    os._exit(code)
            pids.append(pid)
        os.close(gate_read)
        os.close(gate_write)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * len(pids)

    return run
