"""Entry: one member of a tar, and the header that stands before it when we write one.

PAX is used where ustar is too narrow; equal entries give equal bytes.
"""

from __future__ import annotations

BLOCK = 512

REGULAR, HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = (
    b"0", b"1", b"2", b"3", b"4", b"5", b"6",
)  # fmt: skip


class Entry:
    """One member: names are bytes as they stand in the archive, times ns since the epoch.

    `size` is the file's length, `stored` the bytes that follow in the stream; they differ for a
    sparse file, whose `sparse` lists (offset, length) of its data in order.
    """

    __slots__ = (
        "gid", "linkname", "major", "minor", "mode", "mtime_ns", "name", "size",
        "sparse", "stored", "type", "uid", "xattrs",
    )  # fmt: skip

    def __init__(self, name: bytes, kind: bytes) -> None:
        self.name = name
        self.type = kind
        self.mode = self.uid = self.gid = self.size = self.stored = self.mtime_ns = 0
        self.major = self.minor = 0
        self.linkname = b""
        self.xattrs: dict[str, bytes] = {}
        self.sparse: list[tuple[int, int]] | None = None


def header(entry: Entry) -> bytes:
    """Return the block or blocks that stand before an entry's data."""
    records: list[tuple[bytes, bytes]] = []
    name, linkname = entry.name, entry.linkname
    if len(name) > 100 or not name.isascii():
        records.append((b"path", name))
    if len(linkname) > 100 or not linkname.isascii():
        records.append((b"linkpath", linkname))
    seconds, fraction = divmod(entry.mtime_ns, 1_000_000_000)
    if fraction or not 0 <= seconds < 1 << 33:
        sign, ns = (b"-", -entry.mtime_ns) if entry.mtime_ns < 0 else (b"", entry.mtime_ns)
        text = b"%s%d.%09d" % (sign, ns // 1_000_000_000, ns % 1_000_000_000)
        records.append((b"mtime", text.rstrip(b"0").rstrip(b".")))
        seconds = min(max(seconds, 0), (1 << 33) - 1)
    uid, gid, size = entry.uid, entry.gid, entry.size
    if uid >= 1 << 21:
        records.append((b"uid", b"%d" % uid))
        uid = 0
    if gid >= 1 << 21:
        records.append((b"gid", b"%d" % gid))
        gid = 0
    if size >= 1 << 33:
        records.append((b"size", b"%d" % size))
        size = 0
    for key in sorted(entry.xattrs):
        records.append(
            (b"SCHILY.xattr." + key.encode("utf-8", "surrogateescape"), entry.xattrs[key])
        )
    block = _block(
        name[:100], entry.mode, uid, gid, size, seconds, entry.type, linkname[:100],
        entry.major, entry.minor,
    )  # fmt: skip
    if not records:
        return block
    data = b"".join(_record(key, value) for key, value in records)
    short = b"PaxHeaders.0/" + name.rpartition(b"/")[2][:80]
    before = _block(short, 0o644, 0, 0, len(data), 0, b"x", b"", 0, 0)
    return before + data + bytes(-len(data) % BLOCK) + block


def _record(key: bytes, value: bytes) -> bytes:
    body = len(key) + len(value) + 3
    length = body + len(str(body))
    if len(str(length)) > len(str(body)):
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


# After the checksum: kind, link name, magic, no names of users, devices, zeros up to 512.
_MAGIC = b"ustar\00000" + bytes(64)
_NO_DEVICE = b"0000000\0" * 2
_PLAIN_TAIL = (bytes(100) + _MAGIC + _NO_DEVICE).ljust(BLOCK - 157, b"\0")
_PLAIN_SUM = sum(_PLAIN_TAIL)
_ZEROS = bytes(100)


def _block(
    name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int, kind: bytes, linkname: bytes,
    major: int, minor: int,
) -> bytes:  # fmt: skip
    fields = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode & 0o7777, uid, gid, size, mtime)
    if linkname or major or minor:
        devices = b"%07o\0%07o\0" % (major, minor)
        tail = linkname.ljust(100, b"\0") + _MAGIC + devices
        tail, tail_sum = tail.ljust(len(_PLAIN_TAIL), b"\0"), sum(tail)
    else:
        tail, tail_sum = _PLAIN_TAIL, _PLAIN_SUM
    # eight spaces stand for the checksum while it is taken; most of a block is zeros, which add nothing
    total = sum(name) + sum(fields) + kind[0] + tail_sum + 256
    return b"%s%s%s%06o\0 %s%s" % (name, _ZEROS[len(name) :], fields, total, kind, tail)


def end(written: int, record: int = BLOCK) -> bytes:
    """Return what ends an archive of `written` bytes: two zero blocks."""
    return bytes(2 * BLOCK + -(written + 2 * BLOCK) % record)
