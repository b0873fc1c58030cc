from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.panels.flow import PACKET_BYTES, Flow


def test_a_page_that_comes_new_gets_what_is_kept():
    flow = Flow()
    assert [flow.add(b"one "), flow.add(b"two")] == [0, 4]
    assert list(flow.since(0)) == [(0, b"one two")]
    assert list(flow.since(4)) == [(4, b"two")]
    assert list(flow.since(7)) == []


def test_what_is_older_than_the_ring_is_gone_and_the_rest_begins_with_a_whole_line():
    flow = Flow(ring=10)
    flow.add(b"x" * 15 + b"\n" + b"y" * 9)
    assert list(flow.since(0)) == [(16, b"y" * 9)]


def test_long_histories_go_in_packets():
    flow = Flow()
    data = bytes(range(256)) * (3 * PACKET_BYTES // 512)
    flow.add(data)
    packets = list(flow.since(0))
    assert len(packets) == 2
    assert b"".join(packet for _, packet in packets) == data
    assert [at for at, _ in packets] == [0, PACKET_BYTES]


@given(st.lists(st.binary(max_size=40), max_size=30), st.integers(0, 400))
def test_a_page_that_lost_packets_has_every_byte_once_it_asked(parts, offset):
    flow = Flow(ring=5000)
    for part in parts:
        flow.add(part)
    whole = b"".join(parts)
    assert b"".join(data for _, data in flow.since(offset)) == whole[offset:]


def test_the_program_waits_for_the_page_to_draw():
    flow = Flow(window=10)
    flow.add(b"x" * 10)
    waited = threading.Event()

    def write():
        assert flow.wait_for_room(10)
        waited.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not waited.wait(0.05)
    flow.ack(5)
    assert waited.wait(5)
    thread.join()


def test_a_page_that_does_not_answer_holds_nothing_up_for_long():
    flow = Flow(window=10)
    flow.add(b"x" * 50)
    assert flow.wait_for_room(0.01) is False
    assert flow.wait_for_room(0.01) is True


def test_what_a_page_says_is_not_believed_beyond_the_end():
    flow = Flow(window=10)
    flow.add(b"x" * 10)
    flow.ack(10**9)
    flow.ack(-5)
    assert flow.wait_for_room(0.01) is False
