"""Small files on disk: atomic replacement, JSON that may be hostile, locks that prove life.

Nothing here knows what a file means.  What describes the running is renamed without fsync, since it
must survive processes and not power; what a user would miss after a power cut is fsynced, and so is
its directory (`sync=True`).
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import json
import os
import time
from types import TracebackType
from typing import Any

from ..errors import Denied, EngineError, NoSpace, StateUnreadable, Unavailable
from ..linux.process import own_mark

JSON_LIMIT_BYTES = 4 * 1024 * 1024
LOCK_TIMEOUT_S = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class _SpaceGuard:
    __slots__ = ("doing",)

    def __init__(self, doing: str) -> None:
        self.doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            raise_no_space(error, self.doing)


def no_space(doing: str) -> _SpaceGuard:
    """Return a context that turns a full or read-only disk into NoSpace; other errors pass.

    `doing` is what the sentence begins with: "store a blob".
    """
    return _SpaceGuard(doing)


def raise_no_space(error: OSError, doing: str) -> None:
    """Raise NoSpace if `error` says that the disk is full or read-only; else return."""
    if error.errno in _FULL:
        quota = error.errno == errno.EDQUOT
        raise NoSpace(
            f"{doing}: {'disk quota exceeded' if quota else 'no space left on device'}",
            "free some space (`image prune` and `container prune` help), then try again",
        ) from error
    if error.errno == errno.EROFS:
        raise NoSpace(
            f"{doing}: read-only file system",
            "set NBCONTAINER_HOME to a folder that can be written",
        ) from error


def refused(error: OSError, doing: str = "") -> EngineError:
    """Return in words what Linux refused in the middle of a deed; a full disk is told from a broken one."""
    try:
        raise_no_space(error, doing or "the store")
    except NoSpace as said:
        return said
    text = (error.strerror or str(error)).lower()
    place = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    message = ": ".join(filter(None, (doing, place, text)))
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Unavailable(message, "close some files, or raise `ulimit -n`; then try again")
    if error.errno in (errno.EAGAIN, errno.ENOMEM):
        return Unavailable(message, "memory or processes are at their limit; try again later")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Denied(message)
    hint = "the disk may be failing: see the system's log" if error.errno == errno.EIO else None
    return EngineError(message, hint)


def write_atomic(path: str, data: bytes, *, sync: bool = False, mode: int = 0o600) -> None:
    """Replace the file at `path` by `data`, so that readers see the old or the new content only.

    If it fails the old file stays and nothing is left beside it.  A writer that is killed leaves
    `<path>.<mark>-<thread>.tmp`, which gc sweeps.

    Raises: NoSpace.
    """
    temporary = f"{path}.{own_mark()}-{_thread.get_ident():x}.tmp"
    with no_space(f"write {path}"):
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
            try:
                write_all(fd, data)
                if sync:
                    os.fsync(fd)
            finally:
                os.close(fd)
            with Directories(*([os.path.dirname(path)] if sync else [])) as directories:
                os.rename(temporary, path)
                directories.sync()
        except BaseException:
            unlink_quietly(temporary)
            raise


def write_in_any_case(path: str, data: bytes) -> None:
    """Replace the file's JSON as `write_atomic` does, and on a full disk in the space that it has.

    What is shorter than before is filled up with spaces, so that one write does it.

    Raises: NoSpace if the file has no room for it.
    """
    try:
        write_atomic(path, data)
    except NoSpace:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = -1
        if fd < 0:
            raise
        try:
            here = os.fstat(fd)
            if len(data) > max(here.st_size, here.st_blocks * 512):
                raise
            with no_space(f"write {path}"):
                os.pwrite(fd, data[:-1].ljust(here.st_size - 1) + b"\n", 0)
        finally:
            os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`, however often Linux takes only a part of it."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


class Directories:
    """Directories whose names shall survive a power cut: opened before a rename, synced after it.

    So that no table can be full when the rename is done already.
    """

    __slots__ = ("_fds", "_paths")

    def __init__(self, *paths: str) -> None:
        self._paths = paths
        self._fds: list[int] = []

    def __enter__(self) -> Directories:
        try:
            for path in self._paths:
                self._fds.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except BaseException:
            self.__exit__()
            raise
        return self

    def sync(self) -> None:
        """Make the names survive."""
        for fd in self._fds:
            os.fsync(fd)

    def __exit__(self, *_: object) -> None:
        for fd in self._fds:
            os.close(fd)
        self._fds = []


def sync_directory(path: str) -> None:
    """Make the names in the directory survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unlink_quietly(path: str) -> None:
    """Remove a file of ours; that it is gone already, or cannot go, is left to gc."""
    try:
        os.unlink(path)
    except OSError:
        pass


def read_bytes(path: str, limit: int = JSON_LIMIT_BYTES) -> bytes:
    """Return the file's content.

    Raises: FileNotFoundError; StateUnreadable if it is longer than `limit` or cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, min(limit, 65536) + 1)
        if len(data) > 65536:
            parts = [data]
            while len(parts[-1]) and sum(map(len, parts)) <= limit:
                parts.append(os.read(fd, 1 << 20))
            data = b"".join(parts)
    except IsADirectoryError as error:
        raise StateUnreadable(f"{path}: is a directory") from error
    finally:
        os.close(fd)
    if len(data) > limit:
        raise StateUnreadable(f"{path}: longer than {limit} bytes")
    return data


def read_json(path: str, limit: int = JSON_LIMIT_BYTES) -> Any:
    """Return the JSON value in the file.

    Raises: FileNotFoundError; StateUnreadable if it is no JSON, nested too deeply, or too long.
    """
    data = read_bytes(path, limit)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise StateUnreadable(f"{path}: {why}") from error


def dump_json(value: Any) -> bytes:
    """Return compact JSON with a final newline."""
    return (json.dumps(value, separators=(",", ":")) + "\n").encode()


class Lock:
    """A flock on a file (made where missing) or an existing directory, held inside `with`.

    It goes with its holder, however that ends.  Not reentrant: two locks on one path exclude each
    other, within one process too.
    """

    __slots__ = ("_fd", "_path", "_shared", "_timeout_s")

    def __init__(
        self, path: str, *, shared: bool = False, timeout_s: float = LOCK_TIMEOUT_S
    ) -> None:
        self._path = path
        self._shared = shared
        self._timeout_s = timeout_s
        self._fd = -1

    @classmethod
    def held_by(cls, path: str, descriptor: int) -> Lock:
        """Return the lock that a descriptor, which came from another process, holds."""
        lock = cls(path)
        lock._fd = descriptor
        return lock

    def acquire(self) -> None:
        """Take the lock.

        Raises: Unavailable if it is held elsewhere for `timeout_s`; NoSpace.
        """
        with no_space(f"lock {self._path}"):
            fd = _open_lock(self._path)
        try:
            _flock(fd, self._shared, self._timeout_s, self._path)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def try_acquire(self) -> bool:
        """Take the lock if it is free; tell whether it was."""
        try:
            timeout_s, self._timeout_s = self._timeout_s, 0.0
            self.acquire()
            return True
        except Unavailable:
            return False
        finally:
            self._timeout_s = timeout_s

    def hold(self) -> _Held:
        """Return a context that gives back, at its end, the lock that is held already."""
        return _Held(self)

    def release(self) -> None:
        """Give the lock back; idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def fileno(self) -> int:
        """Return the descriptor that holds the lock (a child that inherits it holds it too)."""
        return self._fd

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class _Held:
    __slots__ = ("_lock",)

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def is_held(path: str) -> bool:
    """Tell whether some process holds the lock exclusively; a missing file is held by nobody."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def _open_lock(path: str) -> int:
    try:
        # O_RDONLY: a lock file on a read-only disk, or a directory, can be locked as well
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _flock(fd: int, shared: bool, timeout_s: float, path: str) -> None:
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = 0.0
    pause_s = 0.0005
    while True:
        try:
            return fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            now = time.monotonic()
            deadline = deadline or now + timeout_s
            if now >= deadline:
                raise Unavailable(
                    f"{path}: locked by another process for {timeout_s:g} s",
                    "another command works on this store; try again when it has ended",
                ) from None
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.02)
