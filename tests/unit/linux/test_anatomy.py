import os

from nbcontainer.linux import anatomy

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.18.0.2
        /32 host LOCAL
     |-- 172.18.255.255
        /32 link BROADCAST
Local:
     |-- 172.18.0.2
        /32 host LOCAL
"""


def test_the_addresses_are_those_that_others_reach():
    assert anatomy.parse_addresses(TRIE) == ("172.18.0.2",)
    assert anatomy.parse_addresses("") == ()


def test_an_id_has_a_name_inside_or_is_nobodys():
    id_map = ((0, 200000, 65536), (70000, 5, 1))
    assert anatomy.inside_id(id_map, 200033) == 33
    assert anatomy.inside_id(id_map, 5) == 70000
    assert anatomy.inside_id(id_map, 1000) == 65534


def test_a_process_is_counted_from_both_sides():
    (me,) = anatomy.processes([os.getpid(), 2**22 + 5], anatomy.uid_map(os.getpid()))
    assert me.pid_outside == os.getpid()
    assert me.uid_outside == os.geteuid()
    assert "python" in me.command


def test_ones_own_namespaces_are_not_ones_own_container():
    found = anatomy.namespaces_of(os.getpid())
    assert {each.kind for each in found} >= {"pid", "mnt", "net"}
    assert not any(each.is_own for each in found)


def test_what_has_ended_tells_nothing():
    gone = 2**22 + 5
    assert anatomy.uid_map(gone) == ()
    assert anatomy.namespaces_of(gone) == ()
    assert anatomy.mounts_of(gone) == ()
    assert anatomy.interfaces(gone) == ()
    assert anatomy.addresses(gone) == ()


def test_rights_and_mounts_are_read_from_proc():
    kept, mode, _ = anatomy.rights(os.getpid())
    assert all(name.startswith("CAP_") for name in kept)
    assert mode in ("none", "strict", "filter", "")
    assert "/" in [each.target for each in anatomy.mounts_of(os.getpid())]
    assert "lo" in anatomy.interfaces(os.getpid())
    assert anatomy.count_processes() >= 1
