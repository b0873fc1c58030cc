"""Send a layer's plain tar to a worker that unpacks it, while its blob still arrives.

The counterpart of `unpacking`: here it is decompressed and hashed, there it becomes files; so two
processors work on one layer, and a worker needs no library to decompress.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

from .files import write_all
from .unpack_options import UnpackOptions
from .unpacking import BELOW_READY, VERIFIED, differs, uncompressed

_CHUNK = 1 << 20
_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1 << 20


class LayerPipes:
    """The two pipes to a worker; `given` are its ends, ours are kept here."""

    def __init__(self) -> None:
        self._data_out, self._data = os.pipe2(os.O_CLOEXEC)
        self._control_out, self._control = os.pipe2(os.O_CLOEXEC)
        try:
            fcntl.fcntl(self._data, _F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            pass  # a user's pipes may hold less; it is slower, no more

    @property
    def given(self) -> tuple[int, int]:
        return self._data_out, self._control_out

    def close_given(self) -> None:
        """Close the worker's ends here, once the worker has them."""
        for name in ("_data_out", "_control_out"):
            self._close(name)

    def below_is_ready(self) -> None:
        """Say that the layers below are there."""
        self._say(BELOW_READY)

    def send(self, read: Callable[[int], bytes], digest: str, diff_id: str) -> None:
        """Send the layer whose blob `read` gives, then say that it was right.

        A worker that left is no error here: it says why.  Raises: DigestMismatch, Corrupt, Unsupported; what
        `read` raises.
        """
        stream = uncompressed(read, UnpackOptions())
        try:
            while data := stream.read(_CHUNK):
                write_all(self._data, data)
        except BrokenPipeError:
            return
        if stream.digest != diff_id:
            raise differs(digest, stream.digest, diff_id)
        self._close("_data")
        self._say(VERIFIED)

    def close(self) -> None:
        """Close all; a worker that was not told that all was right gives up.  Idempotent."""
        for name in ("_data", "_control", "_data_out", "_control_out"):
            self._close(name)

    def _say(self, word: bytes) -> None:
        if self._control >= 0:
            try:
                os.write(self._control, word)
            except BrokenPipeError:
                pass

    def _close(self, name: str) -> None:
        fd = getattr(self, name)
        if fd >= 0:
            setattr(self, name, -1)
            os.close(fd)
