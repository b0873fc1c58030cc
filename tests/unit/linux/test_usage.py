import os

from nbcontainer.linux import usage

NET = """Inter-|   Receive            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo
    lo: 700 7 0 0 0 0 0 0 700 7 0 0 0
  eth0: 1500 10 0 0 0 0 0 0 2500 20 0 0 0
"""


def test_loopback_is_nobodys_traffic():
    assert usage.parse_network(NET) == (1500, 2500)
    assert usage.parse_network("") == (0, 0)


def test_a_process_that_ended_has_no_network():
    assert usage.network_bytes(2**22 + 5) is None


def test_disk_traffic_is_that_of_all_who_tell():
    assert usage.parse_block("rchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\n") == (4096, 8192)
    read, written = usage.block_bytes([os.getpid(), 2**22 + 5])
    assert read >= 0
    assert written >= 0
    assert usage.block_bytes([2**22 + 5]) is None
