from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from nbcontainer.errors import Corrupt, Unsupported
from nbcontainer.store import streams
from nbcontainer.store.streams import Uncompressed
from tests.tars import reader

CONTENT = b"".join(b"%d\n" % n for n in range(200_000))


def zstd_compress(data: bytes) -> bytes:
    zstd = streams._module(*streams._ZSTD)
    # as the program zstd writes it: the library's own default is a frame without a checksum
    packed: bytes = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd_compress,
}


def all_of(stream: Uncompressed, step: int = 1 << 20) -> bytes:
    return b"".join(iter(lambda: stream.read(step), b""))


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_each_compression_is_told_by_its_first_bytes(packer: str, step: int) -> None:
    stream = Uncompressed(reader(PACKERS[packer](CONTENT)))
    assert all_of(stream, step) == CONTENT
    assert stream.size_bytes == len(CONTENT)
    assert stream.digest == "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    assert stream.read(10) == b""


@pytest.mark.parametrize("packer", ["gzip", "bzip2", "xz", "zstd"])
def test_members_after_one_another_are_one_stream(packer: str) -> None:
    pack = PACKERS[packer]
    stream = Uncompressed(reader(pack(b"one ") + pack(b"") + pack(b"two") + bytes(2 << 20)))
    assert all_of(stream) == b"one two"


def test_a_source_that_gives_single_bytes_is_read() -> None:
    data = io.BytesIO(gzip.compress(b"hello" * 100))
    assert all_of(Uncompressed(lambda count: data.read(1))) == b"hello" * 100


@pytest.mark.parametrize("packer", ["gzip", "bzip2", "xz", "zstd"])
def test_a_cut_stream_is_refused(packer: str) -> None:
    data = PACKERS[packer](CONTENT)
    for at in (len(data) - 1, len(data) // 2, 20):
        with pytest.raises(Corrupt):
            all_of(Uncompressed(reader(data[:at])))


@pytest.mark.parametrize("packer", ["gzip", "bzip2", "xz", "zstd"])
def test_a_flipped_bit_is_refused(packer: str) -> None:
    data = bytearray(PACKERS[packer](CONTENT))
    data[len(data) // 2] ^= 1
    with pytest.raises(Corrupt):
        all_of(Uncompressed(reader(bytes(data))))


def test_garbage_after_the_end_is_refused() -> None:
    with pytest.raises(Corrupt):
        all_of(Uncompressed(reader(gzip.compress(b"x") + b"garbage")))


def test_zstd_is_refused_by_name_where_nothing_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = zstd_compress(CONTENT)
    monkeypatch.setattr(streams, "_ZSTD", ())
    with pytest.raises(Unsupported, match="zstd") as caught:
        Uncompressed(reader(packed))
    assert "skopeo" in str(caught.value.hint)


def test_a_zstd_frame_that_asks_for_gigabytes_of_memory_is_refused() -> None:
    # magic, a descriptor of a frame of unknown size, and a window of 2 GiB
    frame = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"
    with pytest.raises(Corrupt):
        all_of(Uncompressed(reader(frame)))


def test_gzip_is_read_without_isal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real = streams._module
    monkeypatch.setattr(
        streams, "_module", lambda *names: real(*[n for n in names if not n.startswith("isal")])
    )
    assert all_of(Uncompressed(reader(gzip.compress(CONTENT)))) == CONTENT


def test_an_empty_stream_is_empty() -> None:
    assert all_of(Uncompressed(reader(b""))) == b""


def bomb(size: int) -> bytes:
    """A gzip stream of zeros: one packed mebibyte, repeated (its checksum is never reached)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    one = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return bytes.fromhex("1f8b0800000000000003") + one * (size >> 20)


@pytest.mark.parametrize("bound", [{"limit_bytes": 100 << 20}, {"ratio": 200}])
def test_a_bomb_ends_soon_and_in_little_memory(bound: dict[str, int]) -> None:
    data = bomb(1 << 30)
    assert len(data) < 1.1 * (1 << 20)
    tracemalloc.start()
    started = time.monotonic()
    stream = Uncompressed(reader(data), **bound)
    with pytest.raises(Corrupt, match="unpacks to more than"):
        while stream.read(1 << 20):
            pass
    assert time.monotonic() - started < 2
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


def test_a_file_of_zeros_below_the_floor_is_no_bomb() -> None:
    assert len(all_of(Uncompressed(reader(gzip.compress(bytes(32 << 20))), ratio=200))) == 32 << 20
