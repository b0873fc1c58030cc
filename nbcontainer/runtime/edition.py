"""Tell one nbcontainer from another: a foreman of an older one must not serve a newer client."""

from __future__ import annotations

import os

from .. import __version__

_UNITS = ("", "linux", "runtime", "spec", "store")


def edition(home: str) -> str:
    """Return a text that differs where the helper processes' code on disk, or the store itself, differs.

    A store that was removed, or mounted anew, is another one: its helpers hold directories of the old.

    The version, and a sum over the names and sizes of the modules that helpers are made of: two
    installations of one version are the same, an edited checkout is another.  Costs a few stats.
    """
    from zlib import crc32

    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = []
    for unit in _UNITS:
        with os.scandir(f"{package}/{unit}") as entries:
            found += [
                f"{unit}/{entry.name} {entry.stat().st_size}"
                for entry in entries
                if entry.name.endswith(".py")
            ]
    try:
        made = os.stat(f"{home}/version")
        store = f"{made.st_dev:x}.{made.st_ino:x}.{made.st_mtime_ns:x}"
    except FileNotFoundError:
        store = ""
    return f"{__version__}+{crc32(' '.join(sorted(found)).encode()):08x} {store}"
