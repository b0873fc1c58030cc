"""A blob on its way in from elsewhere: what has arrived outlives who fetched it.

One process fetches a blob at a time; the others wait, and then find it.  A fetcher that was killed leaves
its part, and the next one goes on there.  Nothing here counts as a blob before it was checked.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading

from ..errors import DigestMismatch, SizeMismatch
from ..spec.digest import Digest
from .files import Directories, no_space, unlink_quietly, write_all
from .layout import Layout

_CHUNK = 1 << 20
_HINT = "fetch it again; if it stays, its source is damaged"


class Claim:
    """A lock on a file's name: while it is held nobody else has claimed that name.

    The file may be renamed or removed by its holder: who waited for it then claims a new one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1

    def acquire(self) -> None:
        """Wait for the name, and make the file where it is missing.  Raises: NoSpace."""
        while True:
            with no_space("store a blob"):
                os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_there(fd, self.path):
                self.fd = fd
                return
            os.close(fd)

    def release(self, *, remove: bool = False) -> None:
        """Let go; idempotent."""
        if self.fd >= 0:
            if remove:
                unlink_quietly(self.path)
            fd, self.fd = self.fd, -1
            os.close(fd)


def _is_there(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def remove_abandoned(layout: Layout) -> int:
    """Remove the parts of blobs that nobody fetches at this moment; return their bytes."""
    freed = 0
    folder = f"{layout.home}/incoming"
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return 0
    for name in names:
        path = f"{folder}/{name}"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(fd, path):
                freed += os.fstat(fd).st_size
                unlink_quietly(path)
        except BlockingIOError:
            continue  # somebody fetches it
        finally:
            os.close(fd)
    return freed


class Incoming:
    """One blob on its way in.  Use `claim` first, `release` in any case.

    A `Growing` reads what arrives while it arrives.
    """

    def __init__(self, layout: Layout, digest: Digest, size: int) -> None:
        self.digest = digest
        self.expected = size
        self._layout = layout
        self._claim = Claim(layout.incoming(digest))
        self._hash = hashlib.new(digest.algorithm)
        self._changed = threading.Condition()
        self._size = 0
        self._state = "arriving"
        self.generation = 0

    def claim(self) -> bool:
        """Wait until nobody else fetches the blob; False if it is here by then.

        Raises: NoSpace.
        """
        target = self._layout.blob(self.digest)
        if os.path.exists(target):
            return False
        self._claim.acquire()
        if os.path.exists(target):
            self.release()
            return False
        # what an earlier fetcher left is hashed anew: its hash went with it
        with open(os.dup(self._claim.fd), "rb", buffering=0) as file:
            file.seek(0)
            while data := file.read(_CHUNK):
                self._hash.update(data)
                self._size += len(data)
        return True

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return self._size

    def write(self, data: bytes) -> None:
        """Append.  Raises: NoSpace."""
        with no_space("store a blob"):
            write_all(self._claim.fd, data)
        self._hash.update(data)
        with self._changed:
            self._size += len(data)
            self._changed.notify_all()

    def restart(self) -> None:
        """Drop what is there; who reads along hears of it."""
        os.ftruncate(self._claim.fd, 0)
        self._hash = hashlib.new(self.digest.algorithm)
        with self._changed:
            self._size = 0
            self.generation += 1
            self._changed.notify_all()

    def commit(self) -> None:
        """Make it a blob, if its size and digest are right; afterwards it survives a power cut.

        Raises: SizeMismatch, DigestMismatch (what was wrong is dropped); NoSpace.
        """
        found = f"{self.digest.algorithm}:{self._hash.hexdigest()}"
        if self._size != self.expected or found != self.digest:
            size = self._size
            self.restart()
            if size != self.expected:
                raise SizeMismatch(
                    f"{self.digest}: expected {self.expected} bytes, received {size}", _HINT
                )
            raise DigestMismatch(f"expected {self.digest}, received {found}", _HINT)
        target = self._layout.blob(self.digest)
        with no_space("store a blob"):
            self._settle("whole")
            os.fsync(self._claim.fd)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with Directories(os.path.dirname(target)) as directories:
                os.rename(self._claim.path, target)
                directories.sync()

    def release(self) -> None:
        """Let others have it; who reads along and has not seen its end hears that there is none."""
        if self._state != "whole":
            self._settle("given up")
        # an empty file is no part worth keeping
        self._claim.release(remove=self._state != "whole" and not self._size)

    def _settle(self, state: str) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def wait_beyond(self, offset: int, generation: int) -> str:
        """Return once there are bytes beyond `offset`: "more"; or "whole", "given up", "restarted"."""
        with self._changed:
            while True:
                if self.generation != generation:
                    return "restarted"
                if self._size > offset:
                    return "more"
                if self._state != "arriving":
                    return self._state
                self._changed.wait()


class Growing:
    """Reads a blob while it arrives; b"" only once all of it is there and its digest was right."""

    def __init__(self, layout: Layout, incoming: Incoming) -> None:
        self._incoming = incoming
        self._generation = incoming.generation
        self._offset = 0
        self._fd = os.open(layout.incoming(incoming.digest), os.O_RDONLY | os.O_CLOEXEC)

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes.  Raises: GivenUp if the blob will not be whole this time."""
        while True:
            data = os.read(self._fd, count)
            if data:
                self._offset += len(data)
                return data
            state = self._incoming.wait_beyond(self._offset, self._generation)
            if state == "whole":
                return b""
            if state != "more":
                raise GivenUp(state)

    def close(self) -> None:
        """Let go of the file; idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class GivenUp(Exception):
    """The blob that was read along is not coming, or begins anew."""
