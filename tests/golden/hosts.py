"""Hosts that nobody has all at hand, as values."""

from nbcontainer.spec.host import CgroupFeatures, HostFeatures

_V1 = tuple((name, f"/sys/fs/cgroup/{name}/nbcontainer") for name in (
    "memory", "pids", "cpu", "cpuacct", "cpuset", "freezer"
))  # fmt: skip
_V2 = tuple((name, "/sys/fs/cgroup/own/nbcontainer") for name in (
    "memory", "pids", "cpu", "cpuset", "freezer"
))  # fmt: skip
_BASE = {"machine": "x86_64", "boot_id": "0", "uid": 0, "gid": 0}
_USER = {
    "machine": "x86_64",
    "boot_id": "0",
    "uid": 1000,
    "gid": 1000,
    "overlay_userxattr": True,
    "network": "own",
}
_NONE = CgroupFeatures("none", (), "no cgroup is delegated to uid 1000")

HOSTS = {
    "root-v1": HostFeatures(
        linux="6.1", id_mode="root", id_base=200000, id_count=65536,
        cgroup=CgroupFeatures("v1", _V1), **_BASE,
    ),
    "root-v2": HostFeatures(
        linux="6.8", id_mode="root", id_base=200000, id_count=65536,
        cgroup=CgroupFeatures("v2", _V2), **_BASE,
    ),
    "root-old": HostFeatures(
        linux="5.10", id_mode="root", id_base=200000, id_count=65536, idmapped_mounts=False,
        snapshotter="copy", mqueue=False, cgroup=CgroupFeatures("v1", _V1), **_BASE,
    ),
    "user-subuid": HostFeatures(
        linux="6.8", id_mode="subuid", id_base=0, id_count=65537,
        cgroup=CgroupFeatures("v2", _V2), **_USER,
    ),
    "user-single": HostFeatures(
        linux="6.8", id_mode="single", id_base=0, id_count=1, cgroup=_NONE, **_USER,
    ),
}  # fmt: skip
