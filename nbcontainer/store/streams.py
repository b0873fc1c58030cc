"""Read a compressed stream as what it holds, hashed and bounded on the way.

The format is told by the first bytes, as Docker does, not by a media type.  gzip is read by ISA-L, which
takes a third of zlib's time; a worker that does not find it takes zlib.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import Corrupt, Unsupported

Read = Callable[[int], bytes]
_CHUNK = 1 << 20


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Uncompressed:
    """`read(n)` gives what `source(n)` holds after decompression, b"" at the end of both.

    `digest` and `size_bytes` are of what was given out so far.  A stream that grows more than
    `ratio` times beyond `ratio_floor_bytes`, or beyond `limit_bytes`, is Corrupt, as is a cut one.
    """

    def __init__(
        self,
        source: Read,
        *,
        limit_bytes: int = 0,
        ratio: int = 0,
        ratio_floor_bytes: int = 64 << 20,
    ) -> None:
        self._source = source
        self._limit = limit_bytes
        self._ratio = ratio
        self._floor = ratio_floor_bytes
        self._hash = hashlib.sha256()
        self._taken = 0
        self._pending = b""
        self.size_bytes = 0
        first = source(_CHUNK)
        while first and len(first) < 6:
            more = source(_CHUNK)
            if not more:
                break
            first += more
        self._pending = first
        self._taken = len(first)
        self._new = decoder_for(first)
        self._decoder: _Decoder | None = self._new() if self._new else None

    @property
    def digest(self) -> str:
        """The digest of all that `read` returned."""
        return "sha256:" + self._hash.hexdigest()

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, b"" only at the end.

        Raises: Corrupt.
        """
        data = self._plain(count) if self._new is None else self._decoded(count)
        self._hash.update(data)
        self.size_bytes += len(data)
        if self._limit and self.size_bytes > self._limit:
            raise Corrupt(f"the archive unpacks to more than {self._limit} bytes")
        if (
            self._ratio
            and self.size_bytes > self._floor
            and self.size_bytes > self._ratio * self._taken
        ):
            raise Corrupt(f"the archive unpacks to more than {self._ratio} times its size")
        return data

    def _plain(self, count: int) -> bytes:
        data = self._pending or self._more()
        data, self._pending = data[:count], data[count:]
        return data

    def _more(self) -> bytes:
        data = self._source(_CHUNK)
        self._taken += len(data)
        return data

    def _decoded(self, count: int) -> bytes:
        while self._decoder is not None or self._next_member():
            assert self._decoder is not None
            try:
                data = self._decoder.decompress(self._pending, count)
            except _errors() as error:
                raise Corrupt(f"the compressed data is damaged: {error}") from error
            self._pending = getattr(self._decoder, "unconsumed_tail", b"")
            if self._decoder.eof:
                self._pending = self._decoder.unused_data
                self._decoder = None
            elif not data and not self._pending:
                self._pending = self._more()
                if not self._pending:
                    raise Corrupt("the compressed data ends too early")
            if data:
                return data
        return b""

    def _next_member(self) -> bool:
        """Begin what follows a finished member: another one, or padding with zeros, or the end."""
        while not self._pending.strip(b"\0"):
            self._pending = self._more()
            if not self._pending:
                return False
        assert self._new is not None
        self._decoder = self._new()
        return True


def _errors() -> tuple[type[Exception], ...]:
    import lzma
    import zlib

    found = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
    zstd, isal = _module(*_ZSTD), _module("isal.isal_zlib")
    more = (zstd.ZstdError,) if zstd is not None else ()
    return (*found, *more, *((isal.error,) if isal is not None else ()))


# Python's own from 3.14 on, else its backport
_ZSTD = ("compression.zstd", "backports.zstd")
# a frame may ask for a window of gigabytes; more than this only `zstd --ultra --long` writes
_ZSTD_WINDOW_LOG = 27


def _module(*names: str) -> Any:
    """Return the first module that is installed, None without one."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def decoder_for(first: bytes) -> Callable[[], Any] | None:
    """Return what makes a decoder for a stream that begins so, None where it is not compressed.

    Raises: Unsupported for a format that this Python cannot read.
    """
    if first.startswith(b"\x1f\x8b"):
        gzip = _module("isal.isal_zlib", "zlib")
        return lambda: gzip.decompressobj(31)
    if first.startswith(b"BZh"):
        import bz2

        return bz2.BZ2Decompressor
    if first.startswith(b"\xfd7zXZ\0"):
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, 256 << 20)
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        zstd = _module(*_ZSTD)
        if zstd is not None:
            limit = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
            return lambda: zstd.ZstdDecompressor(options=limit)
        raise Unsupported(
            "the data is compressed with zstd, which this Python cannot read",
            "Install backports.zstd, or convert it to gzip: "
            "skopeo copy --dest-compress-format gzip",
        )
    return None
