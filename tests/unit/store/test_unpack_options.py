from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nbcontainer.errors import Corrupt, EngineError, NoSpace
from nbcontainer.store.unpack_options import Budget, UnpackOptions, explained


def budget(folder: Path, **options: int) -> Budget:
    return Budget(UnpackOptions(**options), os.open(folder, os.O_RDONLY))  # type: ignore[arg-type]


def test_each_kind_of_overlay_has_its_own_attribute() -> None:
    assert UnpackOptions().opaque_xattr() == "trusted.overlay.opaque"
    assert UnpackOptions(userxattr=True).opaque_xattr() == "user.overlay.opaque"


def test_entries_and_bytes_are_counted_up_to_their_bounds(tmp_path: Path) -> None:
    counted = budget(tmp_path, entries=2, layer_bytes=100, keep_free_percent=0)
    counted.entry()
    counted.entry()
    counted.file(60, 60)
    counted.file(40, 40)
    assert (counted.done.entries, counted.done.size_bytes) == (2, 100)
    with pytest.raises(Corrupt):
        counted.entry()
    with pytest.raises(Corrupt):
        counted.file(1, 1)


def test_what_would_fill_the_disk_is_refused_before_it_is_written(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    free = disk.f_bavail * disk.f_frsize
    counted = budget(tmp_path, layer_bytes=free * 2, keep_free_percent=0)
    with pytest.raises(NoSpace):
        counted.file(free + 1, free + 1)
    counted = budget(tmp_path, layer_bytes=free * 2, keep_free_percent=0)
    counted.file(free + 1, 10)  # a hole takes no space


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EIO, EngineError),
     (errno.EMFILE, EngineError), (errno.ENOTDIR, Corrupt), (errno.ENOENT, Corrupt)],
)  # fmt: skip
def test_linuxs_refusals_become_typed_errors(number: int, expected: type[EngineError]) -> None:
    found = explained(OSError(number, os.strerror(number), b"a\x1b/b"))
    assert type(found) is expected
    assert "a\\x1b/b" in str(found)
