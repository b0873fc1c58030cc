"""Unpack one layer of an image into the store: from its blob, or from a stream while it arrives.

    <tmp>/<mark>-unpack-n/fs/   unpacked beside, then renamed to layers/<chain id>

A layer that is there is complete: it was compared with its diff_id before it got its name.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

from ..errors import Corrupt, DigestMismatch, Unavailable
from ..linux import process, syscalls
from ..spec.digest import Digest
from .attributes import copy_attributes
from .blobs import Blobs
from .copying import copy_tree, merge
from .files import dump_json, no_space, write_atomic
from .layers import unpack
from .layout import Layout
from .snapshots import UNSYNCED, is_unpacked, layer_files
from .streams import Uncompressed
from .tree import make_apart, open_directory
from .tree import remove_tree as remove_files
from .unpack_options import Unpacked, UnpackOptions

_numbers = itertools.count(1)
# What a stream may hold beyond its files' data: headers and padding.
_HEADERS = 2
# what the sender of a stream says beside it
BELOW_READY = b"B"
VERIFIED = b"V"


def unpack_layer(
    layout: Layout,
    fds: list[int],
    *,
    chain_id: str,
    digest: str,
    diff_id: str,
    below: list[str],
    backend: str = "overlay",
    userxattr: bool = False,
    id_mode: str = "root",
    id_count: int = 65536,
    limits: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Unpack the blob `digest` as the layer `chain_id` on top of `below` (chain ids, lowest first).

    Idempotent; unpacked beside and renamed into place.  `limits` are fields of UnpackOptions.  A power cut
    costs the layer, which is unpacked anew then, until `settle_layer` was called.

    With two descriptors the layer comes as a plain tar through the first one, and who sends it says by
    the second when the layers below are there (they are needed late, if at all) and when it has found
    that all was sent and the digests are right.

    Raises: NotFound (no blob), Corrupt, DigestMismatch, NoSpace, Unsupported (compression), Unavailable
    (the sender gave up).
    """
    Digest.parse(chain_id)
    if is_unpacked(layout, chain_id, backend):
        return {"chain_id": chain_id, "was_there": True}
    staging = f"{process.own_mark()}-unpack-{next(_numbers)}"
    sender = _Sender(*fds) if fds else None
    lowers = _Lowers(layout, below, sender)
    with no_space("unpack a layer"):
        tmp = open_directory(layout.tmp)
        try:
            os.mkdir(staging, 0o700, dir_fd=tmp)
            options = UnpackOptions(
                whiteouts="overlay" if backend == "overlay" else "files",
                userxattr=userxattr,
                id_mode=id_mode,
                id_count=id_count,
                devices=id_mode == "root",
                below=lowers,
                **(limits or {}),
            )
            if sender is None:
                lowers()  # that one is missing is told before the work
            done = _unpack(layout, staging, sender, (digest, diff_id), options)
            if backend != "overlay":
                below_fds = lowers()
                _join(layout, staging, below_fds[0] if below_fds else -1, done.whiteouts > 0)
            _finish(layout, staging, chain_id, backend, diff_id, done)
        finally:
            remove_files(tmp, staging)
            os.close(tmp)
            lowers.close()
    return {"chain_id": chain_id, "was_there": False, **done.counts()}


def settle_layer(layout: Layout, done: dict[str, Any]) -> None:
    """See that what `unpack_layer` made survives a power cut: call it with what that returned.

    It may take seconds: all that anybody wrote to the filesystem of the store goes to the disk.
    """
    if done["was_there"]:
        return
    fd = open_directory(layout.layer(done["chain_id"]))
    try:
        syscalls.syncfs(fd)
        os.unlink(UNSYNCED, dir_fd=fd)
    finally:
        os.close(fd)


def _unpack(
    layout: Layout,
    staging: str,
    sender: _Sender | None,
    digests: tuple[str, str],
    options: UnpackOptions,
) -> Unpacked:
    base = open_directory(f"{layout.tmp}/{staging}")
    try:
        into = make_apart("fs", base)
    finally:
        os.close(base)
    try:
        if sender is None:
            return _unpack_blob(layout, into, *digests, options)
        done = unpack(sender.read, into, options)
        sender.require(VERIFIED)
        return done
    finally:
        os.close(into)


class _Sender:
    """Who sends a layer while it arrives."""

    def __init__(self, data: int, control: int) -> None:
        self._data = data
        self._control = control
        self._said = b""

    def read(self, count: int) -> bytes:
        return os.read(self._data, count)

    def require(self, word: bytes) -> None:
        """Wait until the sender has said so.  Raises: Unavailable if it leaves before."""
        while word not in self._said:
            said = os.read(self._control, 16)
            if not said:
                raise Unavailable("the layer was not sent to its end", "Try again.")
            self._said += said


class _Lowers:
    """Descriptors of the layers below, topmost first; opened once they are asked for."""

    def __init__(self, layout: Layout, below: list[str], sender: _Sender | None) -> None:
        self._layout = layout
        self._below = below
        self._sender = sender
        self._fds: tuple[int, ...] | None = None

    def __call__(self) -> tuple[int, ...]:
        if self._fds is None:
            if self._sender is not None and self._below:
                self._sender.require(BELOW_READY)
            opened: list[int] = []
            self._fds = ()
            try:
                for lower in reversed(self._below):
                    opened.append(open_directory(layer_files(self._layout, lower)))
            except FileNotFoundError as error:
                raise Corrupt(f"a layer below is missing: {error.filename}") from error
            finally:
                self._fds = tuple(opened)
        return self._fds

    def close(self) -> None:
        for fd in self._fds or ():
            os.close(fd)


def _unpack_blob(
    layout: Layout, into: int, digest: str, diff_id: str, options: UnpackOptions
) -> Unpacked:
    with Blobs(layout).open(Digest.parse(digest)) as blob:
        stream = uncompressed(blob.read, options)
        done = unpack(stream.read, into, options)
    if stream.digest != diff_id:
        raise differs(digest, stream.digest, diff_id)
    return done


def uncompressed(read: Callable[[int], bytes], options: UnpackOptions) -> Uncompressed:
    """Return the reader of a layer's blob, bounded as the options say."""
    return Uncompressed(
        read,
        limit_bytes=options.layer_bytes * _HEADERS + (64 << 20),
        ratio=options.ratio,
        ratio_floor_bytes=options.ratio_floor_bytes,
    )


def differs(digest: str, found: str, diff_id: str) -> DigestMismatch:
    """Return the error for a layer that holds something else than its image says."""
    return DigestMismatch(
        f"the layer {digest} holds {found}, but its image says {diff_id}",
        "Remove the image and fetch it again.",
    )


def _join(layout: Layout, staging: str, lower: int, whiteouts: bool) -> None:
    """Make the unpacked layer whole: a copy of the one below, by hard links, and the layer over it."""
    base = open_directory(f"{layout.tmp}/{staging}")
    opened = [base]
    try:
        os.rename("fs", "own", src_dir_fd=base, dst_dir_fd=base)
        own, files = open_directory("own", base), make_apart("fs", base)
        opened += [own, files]
        if lower >= 0:
            copy_tree(lower, files, link=True)
            copy_attributes(lower, files)
        merge(own, files, whiteouts=whiteouts)
        remove_files(base, "own")
    finally:
        for fd in opened:
            os.close(fd)


def _finish(
    layout: Layout,
    staging: str,
    chain_id: str,
    backend: str,
    diff_id: str,
    done: Unpacked,
) -> None:
    made = f"{layout.tmp}/{staging}"
    about = {"backend": backend, "diff_id": diff_id, "size_bytes": done.size_bytes}
    write_atomic(f"{made}/layer.json", dump_json(about))
    os.symlink(process.boot_id(), f"{made}/{UNSYNCED}")
    place = layout.layer(chain_id)
    for attempt in (1, 2):
        try:
            os.rename(made, place)
            return
        except OSError:
            if is_unpacked(layout, chain_id, backend):
                return  # another worker was faster
            if attempt == 2:
                raise
            # A layer in another backend's form: whoever has it mounted keeps the files it has open.
            os.rename(place, f"{made}/replaced")
