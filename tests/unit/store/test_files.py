from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nbcontainer.errors import NoSpace, StateUnreadable, Unavailable
from nbcontainer.store.files import (
    Lock,
    dump_json,
    is_held,
    no_space,
    read_bytes,
    read_json,
    write_atomic,
)
from tests.running import running


def test_write_atomic_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(str(path), b"old", sync=True)
    write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_write_atomic_keeps_the_old_file_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()  # a rename onto a folder is refused
    with pytest.raises(OSError):
        write_atomic(str(tmp_path / "file"), b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    contents = [bytes([letter]) * 100_000 for letter in b"ab"]
    write_atomic(path, contents[0])
    done = threading.Event()

    def write() -> None:
        for number in range(200):
            write_atomic(path, contents[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert read_bytes(path) in contents
    writer.join()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff\xfe\xfa", "can't decode"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' * 100_000, "nested too deeply"),
        (b"9" * 5000, "Exceeds the limit"),
    ],
)
def test_read_json_refuses_what_is_none_in_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(StateUnreadable, match=words) as caught:
        read_json(str(path))
    assert str(path) in caught.value.message


def test_read_json_refuses_a_longer_file_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StateUnreadable, match="longer than 4194304 bytes"):
        read_json(str(path))


def test_read_json_lets_a_missing_file_be_the_callers_decision(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(str(tmp_path / "none"))
    with pytest.raises(StateUnreadable, match="is a directory"):
        read_json(str(tmp_path))


def test_json_of_half_a_surrogate_pair_can_be_written(tmp_path: Path) -> None:
    write_atomic(str(tmp_path / "x"), dump_json({"name": "\ud800"}))
    assert read_json(str(tmp_path / "x")) == {"name": "\ud800"}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "store a blob: no space left on device"),
        (errno.EDQUOT, "store a blob: disk quota exceeded"),
        (errno.EROFS, "store a blob: read-only file system"),
    ],
)
def test_a_full_disk_is_said_in_words(number: int, words: str) -> None:
    with pytest.raises(NoSpace) as caught, no_space("store a blob"):
        raise OSError(number, os.strerror(number))
    assert caught.value.message == words
    assert caught.value.hint


def test_other_errors_pass_the_guard_unchanged() -> None:
    with pytest.raises(PermissionError), no_space("store a blob"):
        raise PermissionError(errno.EPERM, "no")


def test_a_lock_excludes_and_is_seen_to_be_held(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert not is_held(path)
    with Lock(path):
        assert is_held(path)
        assert not Lock(path).try_acquire()
        with pytest.raises(Unavailable, match="locked by another process"), Lock(path, timeout_s=0):
            pass
    assert not is_held(path)
    assert Lock(path).try_acquire()


def test_shared_locks_stand_together_and_hold_off_an_exclusive_one(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with Lock(path, shared=True), Lock(path, shared=True):
        assert not Lock(path).try_acquire()
        assert not is_held(path)


def test_a_lock_goes_with_a_killed_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    code = (
        f"import sys, time; sys.path[:0] = {sys.path!r}\n"
        "from nbcontainer.store.files import Lock\n"
        f"lock = Lock({path!r}); lock.acquire(); print('held', flush=True); time.sleep(60)"
    )
    with running([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert is_held(path)
        holder.kill()
    with Lock(path, timeout_s=5):
        pass


def test_a_lock_waits_for_its_holder_to_end(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    first = Lock(path)
    first.acquire()
    order = []

    def wait() -> None:
        with Lock(path, timeout_s=10):
            order.append("second")

    waiter = threading.Thread(target=wait)
    waiter.start()
    order.append("first")
    first.release()
    waiter.join()
    assert order == ["first", "second"]
