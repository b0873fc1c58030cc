from nbcontainer.spec.runtime import Device, Mount, Namespaces, Resources
from nbcontainer.values import replace
from tests.plans import CONFIG, names, one, steps


def test_lower_layers_are_idmapped_for_root_and_nobody_else():
    assert one("open_rootfs", host="root-v1")["idmap"] is True
    assert one("open_rootfs", host="user-subuid")["idmap"] is False
    assert one("open_rootfs", host="root-old")["idmap"] is False


def test_a_limit_that_was_not_asked_for_is_not_set():
    assert "limit" not in names()
    config = replace(CONFIG, resources=Resources(memory_bytes=64))
    assert one("limit", config) == {"memory_bytes": 64}


def test_mounts_of_every_kind_go_in_from_the_outside_to_the_inside():
    mounts = (
        Mount("bind", "/a/b/c", "/x"),
        Mount("tmpfs", "/a/b"),
        Mount("volume", "/a", "v"),
        Mount("tmpfs", "/a/b/c/d"),
    )
    order = [step.args.get("target", "") for step in steps(replace(CONFIG, mounts=mounts))]
    assert [target for target in order if target.startswith("/a")] == [
        "/a", "/a/b", "/a/b/c", "/a/b/c/d",
    ]  # fmt: skip


def test_a_mount_over_one_of_our_files_takes_its_place():
    config = replace(CONFIG, mounts=(Mount("bind", "/etc/hosts", "/mine"),))
    targets = [s.args["target"] for s in steps(config) if s.do == "attach_source"]
    assert targets.count("/etc/hosts") == 1


def test_a_tmpfs_is_bounded_as_asked_and_harmless_unless_told_otherwise():
    config = replace(CONFIG, mounts=(Mount("tmpfs", "/t", size_bytes=4096, mode=0o700),))
    found = one("mount_tmpfs", config)
    assert found["data"] == "mode=700,size=4096"
    assert found["options"] == ["nosuid", "nodev", "noexec"]
    config = replace(CONFIG, mounts=(Mount("tmpfs", "/t", read_only=True, options=("exec",)),))
    assert one("mount_tmpfs", config)["options"] == ["exec", "ro"]


def test_a_read_only_root_comes_after_all_that_is_mounted_into_it():
    config = replace(
        CONFIG,
        security=replace(CONFIG.security, read_only=True),
        mounts=(Mount("tmpfs", "/t"),),
        devices=(Device("/dev/null", "/dev/x"),),
    )
    order = names(config)
    last = max(order.index(name) for name in ("mount_tmpfs", "bind_device", "attach_stage"))
    assert last < order.index("read_only_root") < order.index("pivot")


def test_a_name_of_its_own_needs_a_namespace_of_its_own():
    assert one("hostname") == {"name": "box"}
    for uts in ("host", "container:b"):
        assert "hostname" not in names(replace(CONFIG, namespaces=Namespaces(uts=uts)))
