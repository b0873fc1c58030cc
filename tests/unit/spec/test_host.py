from nbcontainer.spec.host import CgroupFeatures, HostFeatures

BASE = {"linux": "6.1", "machine": "x86_64", "boot_id": "b", "uid": 0, "gid": 0}


def test_a_controller_that_cannot_be_used_has_no_parent():
    features = CgroupFeatures("v1", (("memory", "/sys/fs/cgroup/memory/nbcontainer"),))
    assert features.parent("memory") == "/sys/fs/cgroup/memory/nbcontainer"
    assert features.parent("pids") is None


def test_every_mode_of_ids_but_roots_is_rootless():
    for mode, rootless in (("root", False), ("subuid", True), ("single", True)):
        host = HostFeatures(**BASE, id_mode=mode, id_base=0, id_count=1)
        assert host.is_rootless is rootless
