import os

from nbcontainer.store import tar_entry
from nbcontainer.store.sparse import write_sparse
from nbcontainer.store.tar_entry import Entry


class Chunks:
    def chunks(self):
        yield memoryview(b"abcd")
        yield memoryview(b"efghij")


def test_data_goes_to_its_places_and_the_rest_stays_a_hole(tmp_path):
    entry = Entry(b"f", tar_entry.REGULAR)
    entry.size, entry.sparse = 1 << 20, [(4096, 6), (500_000, 4)]
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    try:
        write_sparse(fd, entry, Chunks())
    finally:
        os.close(fd)
    data = (tmp_path / "f").read_bytes()
    assert len(data) == 1 << 20
    assert (data[4096:4102], data[500_000:500_004]) == (b"abcdef", b"ghij")
    assert not data[:4096].strip(b"\0")
    assert (tmp_path / "f").stat().st_blocks * 512 < 1 << 19
