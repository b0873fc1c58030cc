"""Maps and ranges as pure values; one real user namespace."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from nbcontainer.linux import namespaces as ns

SUBUID = """alice:100000:65536
bob:165536:65536

1000:300000:1000
alice:nonsense:5
alice:400000
alice:500000:0
alice:4294967000:65536
"""


def test_ranges_are_found_by_name_and_by_number() -> None:
    assert ns.subid_ranges(SUBUID, "alice", 1000) == ((100000, 65536), (300000, 1000))


def test_lines_without_sense_are_passed_over() -> None:
    assert ns.subid_ranges("::\nx\nalice:-1:5\n", "alice", 1) == ()


def test_a_name_that_begins_like_another_is_not_the_other() -> None:
    assert ns.subid_ranges(SUBUID, "ali", 7) == ()


def test_every_owners_ranges_are_listed() -> None:
    assert set(ns.all_ranges(SUBUID)) == {(100000, 65536), (165536, 65536), (300000, 1000)}


def test_a_rootless_map_starts_with_the_own_id_and_has_no_gap() -> None:
    id_map = ns.rootless_map(1000, ((100000, 65536), (300000, 1000)))
    assert id_map == ((0, 1000, 1), (1, 100000, 65536), (65537, 300000, 1000))
    assert ns.mapped_count(id_map) == 66537


def test_ranges_that_linux_would_refuse_together_are_left_out() -> None:
    assert ns.rootless_map(1000, ((900, 200), (5000, 10), (5005, 10))) == (
        (0, 1000, 1),
        (1, 5000, 10),
    )


def test_more_ranges_than_linux_takes_are_cut() -> None:
    many = tuple((100000 + 10 * n, 5) for n in range(500))
    assert len(ns.rootless_map(1000, many)) == 340


def test_a_map_survives_being_written_and_read() -> None:
    id_map = ((0, 1000, 1), (1, 100000, 65536))
    assert ns.parse_map(ns.map_text(id_map)) == id_map
    assert ns.parse_map("         0       1000          1\n") == ((0, 1000, 1),)


def test_an_inner_id_is_looked_up() -> None:
    id_map = ((0, 1000, 1), (1, 100000, 65536))
    assert ns.outside_id(id_map, 0) == 1000
    assert ns.outside_id(id_map, 33) == 100032
    assert ns.outside_id(id_map, 65537) is None


def test_a_gap_ends_the_count() -> None:
    assert ns.mapped_count(((0, 5, 1), (2, 9, 5))) == 1
    assert ns.mapped_count(()) == 0


def test_a_map_is_cut_where_the_parents_lines_end() -> None:
    parent = ((0, 1000, 1), (1, 100000, 65536))
    assert ns.split(((0, 0, 65537),), parent) == ((0, 0, 1), (1, 1, 65536))
    assert ns.split(((0, 1, 10),), parent) == ((0, 1, 10),)
    assert ns.split(((0, 70000, 5),), parent) == ((0, 70000, 5),)


def test_the_helpers_arguments_are_the_map_flat() -> None:
    args = ns.helper_arguments("/usr/bin/newuidmap", 42, ((0, 1000, 1), (1, 100000, 65536)))
    assert args == ["/usr/bin/newuidmap", "42", "0", "1000", "1", "1", "100000", "65536"]


def test_without_a_range_the_single_own_id_remains_and_the_reason_is_given() -> None:
    uids, gids, reason = ns.rootless_maps("carol", 1002, 1003, SUBUID, "carol:5:9")
    assert (uids, gids) == (((0, 1002, 1),), ((0, 1003, 1),))
    assert reason == "/etc/subuid: no range for carol"


def test_with_ranges_in_both_files_there_is_no_reason() -> None:
    uids, gids, reason = ns.rootless_maps("bob", 1001, 100, SUBUID, "bob:200000:10")
    assert reason == ""
    assert uids == ((0, 1001, 1), (1, 165536, 65536))
    assert gids == ((0, 100, 1), (1, 200000, 10))


def test_root_takes_ids_for_containers_far_from_its_own_where_it_has_them() -> None:
    assert ns.spare_range(((0, 0, 4294967295),)) == ((ns.FAR_ID, 65536),)
    assert ns.spare_range(((0, 200000, 65536),)) == ((1, 65535),)
    assert ns.spare_range(((0, 1000, 1),)) == ()


def test_a_held_user_namespace_has_its_maps_and_no_process_left() -> None:
    code = """
import os
from nbcontainer.linux import namespaces as ns
fd = ns.hold_user_namespace(((0, os.getuid(), 1),), ((0, os.getgid(), 1),), setgroups=False)
pid = os.fork()
if pid == 0:
    ns.syscalls.setns(fd, ns.FLAGS["user"])
    print(ns.parse_map(open("/proc/self/uid_map").read())[0][2], os.getuid(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
try: os.waitpid(-1, 0)
except ChildProcessError: print("none left")
print(len(os.listdir("/proc/self/fd")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout.split("\n") == ["1 0", "none left", "5", ""], done.stderr


def test_a_map_that_is_not_the_callers_to_give_is_refused_and_leaves_no_process() -> None:
    code = """
import os
from nbcontainer.linux import namespaces as ns
ns.syscalls.capset(0, 0, 0)
try: ns.hold_user_namespace(((0, 1 << 30, 5),), ((0, 1 << 30, 5),))
except OSError as error: print(error.errno)
try: os.waitpid(-1, 0)
except ChildProcessError: print("none left")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout.split("\n") == [str(errno.EPERM), "none left", ""], done.stderr


def test_inodes_tell_namespaces_apart() -> None:
    assert ns.inode("self", "net") == ns.inode(os.getpid(), "net")
    assert ns.inode("self", "net") != ns.inode("self", "uts")


def test_entering_a_namespace_that_has_no_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        ns.enter(0, "nonsense")
