import os

import pytest

from nbcontainer.errors import CannotWrite
from nbcontainer.outlet import write_all


def test_all_of_it_is_written_however_little_fits_at_once():
    read_end, write_end = os.pipe()
    data = bytes(range(256)) * 16
    write_all(write_end, data)
    os.close(write_end)
    with open(read_end, "rb") as file:
        assert file.read() == data


def test_a_full_disk_is_said_in_one_sentence():
    kept = os.dup(1)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 1)
    try:
        with pytest.raises(CannotWrite, match="^write /dev/stdout: no space left on device$"):
            write_all(1, b"x")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(full)


def test_a_reader_that_has_enough_is_no_error_of_ours():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(BrokenPipeError):
        write_all(write_end, b"x")
    os.close(write_end)
