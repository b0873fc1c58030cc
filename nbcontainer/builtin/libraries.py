"""Find what a dynamic program of this host loads: its loader and its shared libraries, all the way down.

Reads ELF headers and the loader's cache and starts no program.  The search order is the loader's own
(ld.so(8)): DT_RPATH of the chain of loaders unless the object has DT_RUNPATH, DT_RUNPATH, the cache,
the default directories.  What programs open by themselves (dlopen) is not seen: the caller names that.
"""

from __future__ import annotations

import glob
import mmap
import os
import struct
from collections.abc import Iterable, Iterator

from ..values import value

_DEFAULT_DIRECTORIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


@value
class Elf:
    """What the loader reads of a file; `interpreter` is empty in a library or a static program."""

    machine: int
    interpreter: str
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]

    @property
    def is_static(self) -> bool:
        """Tell whether the program runs without a loader and without libraries."""
        return not self.interpreter and not self.needed


def read(path: str) -> Elf | None:
    """Return the loader's view of `path`; None if it is no little-endian ELF64 file."""
    try:
        with open(path, "rb") as file:
            if file.read(6) != b"\x7fELF\x02\x01":
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(data)
    except (OSError, ValueError, OverflowError, struct.error):
        return None


def _parse(data: mmap.mmap) -> Elf:
    machine = struct.unpack_from("<H", data, 18)[0]
    table = struct.unpack_from("<Q", data, 32)[0]
    entry_size, entries = struct.unpack_from("<HH", data, 54)
    loads, dynamic, interpreter = [], None, ""
    for index in range(entries):
        kind, _, offset, address, _, size = struct.unpack_from(
            "<IIQQQQ", data, table + index * entry_size
        )
        if kind == 1:
            loads.append((address, offset, size))
        elif kind == 2:
            dynamic = (offset, size)
        elif kind == 3:
            interpreter = data[offset : offset + size].rstrip(b"\0").decode()
    if dynamic is None:
        return Elf(machine, interpreter, (), (), ())
    tags: dict[int, list[int]] = {}
    for tag, number in struct.iter_unpack("<qQ", data[dynamic[0] : sum(dynamic)]):
        if tag == 0:
            break
        tags.setdefault(tag, []).append(number)
    strings = _file_offset(loads, tags.get(5, [0])[0])

    def texts(tag: int) -> Iterator[str]:
        for offset in tags.get(tag, ()):
            start = strings + offset
            yield data[start : data.find(b"\0", start)].decode()

    needed = tuple(texts(1))
    rpath = tuple(part for text in texts(15) for part in text.split(":") if part)
    runpath = tuple(part for text in texts(29) for part in text.split(":") if part)
    return Elf(machine, interpreter, needed, rpath, runpath)


def _file_offset(loads: list[tuple[int, int, int]], address: int) -> int:
    for start, offset, size in loads:
        if start <= address < start + size:
            return address - start + offset
    raise ValueError(f"address {address:#x} lies in no segment")


class Loader:
    """Resolves names as this host's loader would; one instance a build keeps what it has read."""

    def __init__(self, cache: str = "/etc/ld.so.cache") -> None:
        self._read: dict[str, Elf | None] = {}
        self._cache = read_cache(cache)

    def elf(self, path: str) -> Elf | None:
        """Return `read(path)`, remembered."""
        if path not in self._read:
            self._read[path] = read(path)
        return self._read[path]

    def closure(self, paths: Iterable[str]) -> dict[str, str]:
        """Return path in a root directory -> file of this host, for all that `paths` need.

        A library that only this host's cache knows is moved beside libc, where a loader without a
        cache looks too.  A library that cannot be found is left out, as it is on this host.
        """
        found: dict[str, str] = {}
        through_cache: dict[str, str] = {}
        waiting: list[tuple[str, tuple[str, ...]]] = [(path, ()) for path in paths]
        while waiting:
            path, inherited = waiting.pop()
            elf = self.elf(path)
            if elf is None:
                continue
            if elf.interpreter:
                found[elf.interpreter] = os.path.realpath(elf.interpreter)
            # the loader takes $ORIGIN from the path a library was found at, links not followed
            origin = os.path.dirname(path)
            own = tuple(_expanded(part, origin) for part in elf.rpath)
            chain = () if elf.runpath else own + inherited
            directories = chain + tuple(_expanded(part, origin) for part in elf.runpath)
            for name in elf.needed:
                where = self._find(name, elf.machine, directories)
                if where is None or where in found or where in through_cache:
                    continue
                known = os.path.dirname(where) in (*directories, *_DEFAULT_DIRECTORIES[:4])
                (found if known else through_cache)[where] = os.path.realpath(where)
                waiting.append((where, chain))
        libc = next((path for path in (*found, *through_cache) if path.endswith("/libc.so.6")), "")
        home = os.path.dirname(libc)
        for path, real in through_cache.items():
            found[f"{home}/{os.path.basename(path)}" if libc else path] = real
        return found

    def library(self, name: str, machine: int) -> str | None:
        """Return the path of a library by its name, or None where this host has none."""
        return self._find(name, machine, ())

    def _find(self, name: str, machine: int, directories: tuple[str, ...]) -> str | None:
        candidates = [name] if "/" in name else [f"{folder}/{name}" for folder in directories]
        if "/" not in name:
            candidates += self._cache.get(name, ())
            candidates += [f"{folder}/{name}" for folder in _DEFAULT_DIRECTORIES]
            candidates += glob.glob(f"/usr/lib/*-linux-*/{name}")
        for path in candidates:
            elf = self.elf(path)
            if elf is not None and elf.machine == machine:
                return os.path.normpath(path)
        return None


def _expanded(part: str, origin: str) -> str:
    return os.path.normpath(part.replace("$ORIGIN", origin).replace("${ORIGIN}", origin))


def read_cache(path: str) -> dict[str, list[str]]:
    """Return name -> paths of the loader's cache, plain builds before those for newer processors.

    An absent or unknown cache is empty: the default directories are searched all the same.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return {}
    magic = b"glibc-ld.so.cache1.1"
    start = data.find(magic)
    if start < 0:
        return {}
    found: dict[str, list[tuple[int, str]]] = {}
    try:
        count = struct.unpack_from("<I", data, start + 20)[0]
        for index in range(count):
            _, key, value, _, hwcap = struct.unpack_from("<iIIIQ", data, start + 48 + 24 * index)
            name, where = (
                data[start + at : data.index(b"\0", start + at)].decode() for at in (key, value)
            )
            found.setdefault(name, []).append((hwcap, where))
    except (struct.error, ValueError):
        return {}
    return {
        name: [where for _, where in sorted(places, key=lambda place: place[0])]
        for name, places in found.items()
    }
