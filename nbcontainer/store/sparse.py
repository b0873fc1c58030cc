"""Write a file with holes: only its data is stored, at the places that its entry lists."""

from __future__ import annotations

import os

from .layer_tar import TarReader
from .tar_entry import Entry


def write_sparse(fd: int, entry: Entry, reader: TarReader) -> None:
    """Make `fd` as long as the entry says and write its parts where they belong."""
    os.ftruncate(fd, entry.size)
    parts = iter(entry.sparse or ())
    offset = left = 0
    for chunk in reader.chunks():
        while chunk:
            if not left:
                offset, left = next(parts)
            count = os.pwrite(fd, chunk[:left], offset)
            offset, left, chunk = offset + count, left - count, chunk[count:]
