from __future__ import annotations

import threading

import pytest

from nbcontainer.store.behind import Behind


def test_pieces_are_written_in_order_and_all_of_them() -> None:
    taken = bytearray()
    first, second = bytearray(4), bytearray(4)
    with Behind(taken.extend) as behind:
        for number in range(100):
            first[:] = number.to_bytes(4, "big")
            assert behind.write(memoryview(first)) == 4
            first, second = second, first
    assert bytes(taken) == b"".join(number.to_bytes(4, "big") for number in range(100))


def test_a_piece_is_in_use_until_the_next_call_returns() -> None:
    may_go = threading.Event()
    with Behind(lambda piece: may_go.wait(10)) as behind:
        behind.write(memoryview(b"a"))
        second = threading.Thread(target=lambda: behind.write(memoryview(b"b")))
        second.start()
        second.join(0.05)
        assert second.is_alive()
        may_go.set()
        second.join(10)
        assert not second.is_alive()


def test_what_the_writing_raised_is_raised_at_the_next_call() -> None:
    def full(piece: memoryview) -> None:
        raise OSError(28, "No space left on device")

    written = 0
    with pytest.raises(OSError, match="No space"), Behind(full) as behind:
        for _ in range(3):
            behind.write(memoryview(b"x"))
            written += 1
    assert written < 3


def test_what_the_last_piece_raised_is_raised_at_the_end() -> None:
    def full(piece: memoryview) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), Behind(full) as behind:
        behind.write(memoryview(b"x"))


def test_an_error_of_the_gatherer_is_not_hidden() -> None:
    with pytest.raises(KeyError), Behind(lambda piece: None) as behind:
        behind.write(memoryview(b"x"))
        raise KeyError("mine")
