"""Blobs: contents by their digest, written once and never changed.

Commit order: write to tmp/, check size and digest, fsync, rename into place, fsync of the directory.
So a file under blobs/ is always whole, whenever the writer is killed.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
from types import TracebackType
from typing import BinaryIO, cast

from ..errors import Corrupt, DigestMismatch, NotFound, SizeMismatch
from ..linux.process import own_mark
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from .files import Lock, no_space, sync_directory, unlink_quietly, write_all
from .layout import Layout

_numbers = itertools.count(1)


class BlobWriter:
    """One blob on its way in.  Leaving the `with` block without `commit` leaves nothing behind."""

    __slots__ = ("_algorithm", "_fd", "_hash", "_layout", "_path", "size")

    def __init__(self, layout: Layout, algorithm: str) -> None:
        self._layout = layout
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self._path = f"{layout.tmp}/{own_mark()}-blob-{next(_numbers)}"
        self._fd = -1
        self.size = 0

    def __enter__(self) -> BlobWriter:
        with no_space("store a blob"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o600)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        if self._path:
            unlink_quietly(self._path)

    def write(self, data: bytes | memoryview) -> int:
        """Append `data`.

        Raises: NoSpace.
        """
        with no_space("store a blob"):
            write_all(self._fd, data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        return Digest(f"{self._algorithm}:{self._hash.hexdigest()}")

    def commit(self, expected: Digest | None = None, size: int | None = None) -> tuple[Digest, int]:
        """Put the blob in its place; afterwards it survives a power cut.  Idempotent for equal content.

        Raises: SizeMismatch, DigestMismatch (nothing is stored); NoSpace.
        """
        digest = self.digest
        if size is not None and size != self.size:
            raise SizeMismatch(
                f"{expected or digest}: expected {size} bytes, received {self.size}",
                "fetch it again; if it stays, its source is damaged",
            )
        if expected is not None and expected != digest:
            raise DigestMismatch(
                f"expected {expected}, received {digest}",
                "fetch it again; if it stays, its source is damaged",
            )
        target = self._layout.blob(digest)
        with no_space("store a blob"):
            os.fsync(self._fd)
            self._close()
            try:
                os.rename(self._path, target)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(target), exist_ok=True)  # sha512, seldom seen
                os.rename(self._path, target)
            self._path = ""
            sync_directory(os.path.dirname(target))
        return digest, self.size

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class _VerifyingReader(io.RawIOBase):
    """Reads a file and, at its end, judges what was read."""

    def __init__(self, fd: int, digest: Digest) -> None:
        self._fd = fd
        self._digest = digest
        self._hash = hashlib.new(digest.algorithm)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = os.readv(self._fd, [buffer])
        if count:
            self._hash.update(memoryview(buffer)[:count])
        elif self._hash.hexdigest() != self._digest.hex:
            raise DigestMismatch(
                f"blob {self._digest}: the stored bytes have changed",
                "remove the image and make or fetch it again",
            )
        return count

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
            super().close()


class Blobs:
    """The blobs of one store."""

    __slots__ = ("_layout",)

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def writer(self, algorithm: str = "sha256") -> BlobWriter:
        """Return a context that takes a blob in."""
        return BlobWriter(self._layout, algorithm)

    def adding(self) -> Lock:
        """Return the lock to hold (`with`) from the first look for a blob or layer to the reference to it.

        Until then nothing refers to them, and gc, which takes the same lock alone, would sweep them.
        Many may hold it at once.
        """
        return Lock(self._layout.content_lock, shared=True)

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
        """Store `data`; return its descriptor.  Idempotent.

        Raises: NoSpace.
        """
        with self.writer() as writer:
            writer.write(data)
            digest, size = writer.commit()
        return Descriptor(media_type, digest, size)

    def open(self, digest: Digest) -> BinaryIO:
        """Return a stream of the blob that raises DigestMismatch at its end if the bytes are others.

        Raises: NotFound.
        """
        return cast(
            BinaryIO, io.BufferedReader(_VerifyingReader(self._fd(digest), digest), 1 << 18)
        )

    def read(self, digest: Digest, limit: int = 4 * 1024 * 1024) -> bytes:
        """Return the whole blob.

        Raises: NotFound; Corrupt if it is longer than `limit`; DigestMismatch.
        """
        if self.size(digest) > limit:
            raise Corrupt(f"blob {digest}: longer than {limit} bytes")
        with self.open(digest) as stream:
            return stream.read()

    def has(self, digest: Digest) -> bool:
        """Tell whether the blob is stored."""
        return os.path.exists(self._layout.blob(digest))

    def size(self, digest: Digest) -> int:
        """Return the blob's length in bytes.

        Raises: NotFound.
        """
        try:
            return os.stat(self._layout.blob(digest)).st_size
        except FileNotFoundError:
            raise NotFound(f"blob {digest}: not in the store") from None

    def delete(self, digest: Digest) -> int:
        """Remove the blob; return the bytes freed, 0 if there was none."""
        path = self._layout.blob(digest)
        try:
            size = os.stat(path).st_size
            os.unlink(path)
        except FileNotFoundError:
            return 0
        return size

    def all(self) -> list[Digest]:
        """Return the digests of all blobs."""
        found = []
        for algorithm in ("sha256", "sha512"):
            folder = os.path.dirname(self._layout.blob(f"{algorithm}:x"))
            try:
                names = os.listdir(folder)
            except FileNotFoundError:
                continue
            for name in names:
                try:
                    found.append(Digest.parse(f"{algorithm}:{name}"))
                except Corrupt:
                    continue  # not ours; gc leaves it alone
        return found

    def _fd(self, digest: Digest) -> int:
        try:
            return os.open(self._layout.blob(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(
                f"blob {digest}: not in the store", "fetch or make the image again"
            ) from None
