"""Tars for tests, made by Python's own tarfile (an independent writer) or header by header (hostile ones)."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterable
from typing import Any

TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}
Member = tuple[str, str, dict[str, Any]]


def member(name: str, kind: str = "file", data: bytes = b"", **more: Any) -> Member:
    """One entry; `more` are attributes of tarfile.TarInfo, `pax` its PAX records."""
    return name, kind, {"data": data, **more}


def tar(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return the archive of the members, in order and unchecked."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, kind, more in members:
            info = tarfile.TarInfo(name)
            info.type = TYPES[kind]
            values = dict(more)
            data = values.pop("data") if kind == "file" else values.pop("data")[:0]
            info.pax_headers = values.pop("pax", {})
            info.mode = 0o755 if kind == "dir" else 0o644
            for key, value in values.items():
                setattr(info, key, value)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def block(
    name: bytes, kind: bytes = b"0", size: int = 0, linkname: bytes = b"", **raw: bytes
) -> bytes:
    """Return one ustar header as the bytes say, with a right checksum and nothing else checked."""
    fields = {
        "name": name.ljust(100, b"\0")[:100],
        "mode": b"0000644\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"%011o\0" % size,
        "mtime": b"00000000000\0",
        "check": b" " * 8,
        "kind": kind,
        "linkname": linkname.ljust(100, b"\0")[:100],
        "magic": b"ustar\x0000",
        "names": bytes(64),
        "devices": b"0000000\x000000000\0",
        "rest": bytes(167),
    } | raw
    made = b"".join(fields.values())
    assert len(made) == 512
    check = b"%06o\0 " % sum(made)
    return made[:148] + (raw.get("check") or check) + made[156:]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def reader(data: bytes) -> Callable[[int], bytes]:
    """Return the read function of a stream."""
    return io.BytesIO(data).read


def listing(folder: str) -> dict[str, tuple[Any, ...]]:
    """Return all that can be seen of a tree: kind, mode, owner, times, content, links, attributes."""
    found: dict[str, tuple[Any, ...]] = {}
    for base, directories, files in os.walk(folder):
        for name in (".", *files, *(d for d in directories if os.path.islink(f"{base}/{d}"))):
            path = os.path.normpath(f"{base}/{name}")
            found[os.path.relpath(path, folder)] = _seen(path)
    return found


def _seen(path: str) -> tuple[Any, ...]:
    status = os.lstat(path)
    content: Any = None
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as stream:
            content = hashlib.sha256(stream.read()).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        content = status.st_rdev
    xattrs = tuple(
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in sorted(os.listxattr(path, follow_symlinks=False))
    )
    return (
        stat.filemode(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        content,
        xattrs,
    )


def fingerprint(folder: str) -> dict[str, tuple[Any, ...]]:
    """As `listing`, and what no writer can set back: change times, inodes and link counts."""
    return {path: (*seen, *_identity(f"{folder}/{path}")) for path, seen in listing(folder).items()}


def _identity(path: str) -> tuple[int, int, int]:
    status = os.lstat(path)
    return status.st_ctime_ns, status.st_ino, status.st_nlink
