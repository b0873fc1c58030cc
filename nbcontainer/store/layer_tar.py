"""Read tar entries from a stream: the format only, no files.

Reads ustar, GNU (long names, base-256 numbers, old sparse files) and PAX (paths, times, sizes,
extended attributes, sparse 0.0, 0.1 and 1.0) in one pass; whatever does not fit is Corrupt.
`tarfile` is not used: on PAX headers it is quadratic before Python 3.11.9, and it keeps every member.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from ..errors import Corrupt
from .tar_entry import (
    BLOCK,
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    HARDLINK,
    REGULAR,
    SYMLINK,
    Entry,
)
from .tree import shown

_CHUNK = 1 << 20
_ZERO = bytes(BLOCK)
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
# What a sparse map may list; GNU tar's own maps stay far below.
_SPARSE_PARTS = 100_000

_KNOWN = frozenset((REGULAR, HARDLINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO))


def _number(field: bytes) -> int:
    first = field[0]
    if first & 0x80:
        value = int.from_bytes(field, "big", signed=False)
        bits = 8 * len(field)
        # base-256: the first bit is the mark, the second the sign
        value &= (1 << (bits - 1)) - 1
        return value - (1 << (bits - 1)) if first & 0x40 else value
    text = field.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    try:
        if text.isdigit():
            return int(text, 8)
    except ValueError:
        pass
    raise Corrupt(f"the archive has a number that is none: {shown(text)}")


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 20:
        raise Corrupt(f"the archive has a number that is none: {shown(text[:40])}")
    return int(text)


def _time(text: bytes) -> int:
    sign = -1 if text.startswith(b"-") else 1
    whole, _, fraction = text.lstrip(b"-").partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(whole) > 20:
        raise Corrupt(f"the archive has a time that is none: {shown(text[:40])}")
    return sign * (int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0") or b"0"))


class TarReader:
    """Iterate over the entries of `read(n)`, which returns at most n bytes and b"" at the end.

    `pax_bytes` bounds a PAX or long-name header.  The data of an entry is taken by `chunks`
    before the next entry is asked for; what is left is skipped.
    """

    def __init__(self, read: Callable[[int], bytes], pax_bytes: int = 1 << 20) -> None:
        self._read = read
        self._pax_bytes = pax_bytes
        self._buffer = b""
        self._at = 0
        self._left = 0
        self._padding = 0
        self._global: dict[bytes, bytes] = {}

    def _more(self) -> bool:
        self._buffer = self._read(_CHUNK)
        self._at = 0
        return bool(self._buffer)

    def _exactly(self, count: int, what: str) -> bytes:
        end = self._at + count
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        data = self._buffer[self._at :]
        while self._more():
            need = count - len(data)
            data += self._buffer[:need]
            if len(data) == count:
                self._at = need
                return data
        self._at = len(self._buffer)
        if not data and what == "header":
            return b""
        raise Corrupt(f"the archive ends inside {'an entry' if what == 'data' else 'a ' + what}")

    def chunks(self) -> Iterator[memoryview]:
        """Yield the rest of the present entry's data."""
        while self._left:
            have = len(self._buffer) - self._at
            if not have:
                if not self._more():
                    raise Corrupt("the archive ends inside an entry")
                continue
            count = min(have, self._left)
            start = self._at
            self._at += count
            self._left -= count
            yield memoryview(self._buffer)[start : start + count]

    def _skip(self) -> None:
        self._left += self._padding
        self._padding = 0
        for _ in self.chunks():
            pass

    def drain(self) -> None:
        """Read the stream to its end, so that whoever hashes it has seen all."""
        while self._more():
            pass

    def __iter__(self) -> Iterator[Entry]:
        pax: dict[bytes, bytes] = {}
        sparse: list[bytes] = []
        longname = longlink = None
        while True:
            self._skip()
            header = self._exactly(BLOCK, "header")
            if header == _ZERO and self._exactly(BLOCK, "header") not in (b"", _ZERO):
                raise Corrupt("this is no tar archive, or it is damaged: entries follow its end")
            if not header or header == _ZERO:
                if pax or longname is not None or longlink is not None:
                    raise Corrupt("the archive ends after an entry's extended header")
                return
            entry = self._parse(header)
            kind = entry.type
            if kind in b"xgXLK":
                data = self._extension(entry)
                if kind == b"L":
                    longname = data.rstrip(b"\0")
                elif kind == b"K":
                    longlink = data.rstrip(b"\0")
                elif kind == b"g":
                    self._global.update(_records(data, []))
                    if sum(map(len, self._global.values())) > self._pax_bytes:
                        raise Corrupt("the global headers of the archive are too large")
                else:
                    pax = _records(data, sparse)
                continue
            if kind == b"V":
                continue
            if longname is not None:
                entry.name = longname
            if longlink is not None:
                entry.linkname = longlink
            if self._global or pax:
                self._apply({**self._global, **pax} if self._global else pax, sparse, entry)
            self._settle(entry)
            yield entry
            pax, sparse, longname, longlink = {}, [], None, None

    def _extension(self, entry: Entry) -> bytes:
        if entry.stored > self._pax_bytes:
            raise Corrupt(f"an extended header of the archive has {entry.stored} bytes")
        data = self._exactly(entry.stored, "data")
        self._left = 0
        return data

    def _parse(self, header: bytes) -> Entry:
        (name, mode, uid, gid, size, mtime, check, kind, linkname, magic, _, _, major, minor,
         prefix) = _HEADER.unpack(header)  # fmt: skip
        total = sum(header) - sum(check) + 256
        try:
            right = _number(check) == total
        except Corrupt:
            right = False
        if not right:
            raise Corrupt("this is no tar archive, or it is damaged: a header's checksum is wrong")
        name = name.split(b"\0", 1)[0]
        if magic == b"ustar\00000":
            prefix = prefix.split(b"\0", 1)[0]
            if prefix:
                name = prefix + b"/" + name
        entry = Entry(name, kind)
        entry.mode, entry.uid, entry.gid = _number(mode), _number(uid), _number(gid)
        entry.size = entry.stored = _number(size)
        if entry.size < 0:
            raise Corrupt("the archive has an entry of negative size")
        entry.mtime_ns = _number(mtime) * 1_000_000_000
        entry.linkname = linkname.split(b"\0", 1)[0]
        if kind in b"34":
            entry.major, entry.minor = _number(major), _number(minor)
        if kind == b"S":
            self._old_sparse(entry, header)
        self._left, self._padding = entry.stored, -entry.stored % BLOCK
        return entry

    def _old_sparse(self, entry: Entry, header: bytes) -> None:
        """Read GNU's old sparse map: four parts in the header, 21 in each extension block."""
        parts: list[tuple[int, int]] = []
        block, at, count, more = header, 386, 4, header[482]
        entry.size = _number(header[483:495])
        while True:
            for index in range(count):
                field = block[at + 24 * index : at + 24 * index + 24]
                length = _number(field[12:])
                if field.strip(b"\0") and length:
                    parts.append((_number(field[:12]), length))
            if not more:
                break
            if len(parts) > _SPARSE_PARTS:
                raise Corrupt("a sparse file of the archive has too many parts")
            block = self._exactly(BLOCK, "sparse map")
            at, count, more = 0, 21, block[504]
        entry.type = REGULAR
        entry.sparse = parts

    def _apply(self, pax: dict[bytes, bytes], sparse: list[bytes], entry: Entry) -> None:
        for key, value in pax.items():
            if key == b"path":
                entry.name = value
            elif key == b"linkpath":
                entry.linkname = value
            elif key == b"size":
                entry.size = entry.stored = _decimal(value)
                self._left, self._padding = entry.stored, -entry.stored % BLOCK
            elif key == b"uid":
                entry.uid = _decimal(value)
            elif key == b"gid":
                entry.gid = _decimal(value)
            elif key == b"mtime":
                entry.mtime_ns = _time(value)
            elif key.startswith(b"SCHILY.xattr."):
                entry.xattrs[key[13:].decode("utf-8", "surrogateescape")] = value
        if b"GNU.sparse.major" in pax:
            if (pax[b"GNU.sparse.major"], pax.get(b"GNU.sparse.minor")) != (b"1", b"0"):
                raise Corrupt("a sparse file of the archive has a format other than 1.0")
            self._sparse_1(pax, entry)
        elif b"GNU.sparse.map" in pax or sparse:
            numbers = pax.get(b"GNU.sparse.map", b",".join(sparse)).split(b",")
            self._sparse_0(pax, numbers, entry)

    def _sparse_0(self, pax: dict[bytes, bytes], numbers: list[bytes], entry: Entry) -> None:
        entry.name = pax.get(b"GNU.sparse.name", entry.name)
        entry.size = _decimal(pax.get(b"GNU.sparse.size", b""))
        entry.sparse = _pairs([_decimal(n) for n in numbers if n])

    def _sparse_1(self, pax: dict[bytes, bytes], entry: Entry) -> None:
        """The map precedes the data: a count, then the numbers, a line each, padded to blocks."""
        entry.name = pax.get(b"GNU.sparse.name", entry.name)
        entry.size = _decimal(pax.get(b"GNU.sparse.realsize", b""))
        lines: list[bytes] = []
        rest, wanted = b"", 1
        while len(lines) < wanted:
            if self._left < BLOCK:
                raise Corrupt("a sparse file's map does not fit its entry")
            rest += self._exactly(BLOCK, "data")
            self._left -= BLOCK
            entry.stored -= BLOCK
            *whole, rest = rest.split(b"\n")
            lines += whole
            if lines and wanted == 1:
                wanted = 1 + 2 * _decimal(lines[0])
                if wanted > 2 * _SPARSE_PARTS:
                    raise Corrupt("a sparse file of the archive has too many parts")
            if len(lines) < wanted and len(rest) > 20:
                raise Corrupt("a sparse file's map is not understood")
        entry.sparse = _pairs([_decimal(n) for n in lines[1:wanted]])

    def _settle(self, entry: Entry) -> None:
        kind = entry.type
        if kind in (b"\0", b"7"):
            kind = DIRECTORY if entry.name.endswith(b"/") and kind == b"\0" else REGULAR
            entry.type = kind
        if kind not in _KNOWN:
            raise Corrupt(f"the archive has an entry of unknown type {shown(kind)}")
        if not entry.name or b"\0" in entry.name or b"\0" in entry.linkname:
            raise Corrupt("the archive has an entry whose name is empty or holds a NUL")
        if kind != REGULAR:
            # Some writers give a hard link its target's size, without data.
            self._left = self._padding = entry.stored = entry.size = 0
        if entry.sparse is None:
            return
        end = total = 0
        for offset, length in entry.sparse:
            if offset < end:
                raise Corrupt("the parts of a sparse file overlap")
            end, total = offset + length, total + length
        if end > entry.size or total != entry.stored:
            raise Corrupt("the parts of a sparse file do not fit its size")


def _pairs(numbers: list[int]) -> list[tuple[int, int]]:
    if len(numbers) % 2:
        raise Corrupt("a sparse file's map is not understood")
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [(offset, length) for offset, length in pairs if length]


def _records(data: bytes, sparse: list[bytes]) -> dict[bytes, bytes]:
    """Parse PAX records "<length> <key>=<value>\\n"; parts of sparse 0.0 repeat and go to `sparse`."""
    found: dict[bytes, bytes] = {}
    at, end = 0, len(data)
    while at < end and data[at]:
        space = data.find(b" ", at, at + 9)
        length = _decimal(data[at:space]) if space > 0 else 0
        stop = at + length
        equals = data.find(b"=", space, stop)
        if length < 5 or stop > end or equals < 0 or data[stop - 1] != 10 or equals == space + 1:
            raise Corrupt("an extended header of the archive is not understood")
        key, value = data[space + 1 : equals], data[equals + 1 : stop - 1]
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse.append(value)
        else:
            found[key] = value
        at = stop
    return found
