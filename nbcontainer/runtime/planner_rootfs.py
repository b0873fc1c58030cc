"""Plan the assembling of a container: its limits, its files, what is mounted into them.  Pure."""

from __future__ import annotations

from typing import Any

from ..spec.host import HostFeatures
from ..spec.runtime import Mount, RuntimeConfig
from .plan import ASSEMBLE, Places, Step, shared_id
from .planner_network import (
    has_names,
    host_names,
    hosts_text,
    may_connect,
    publish_steps,
    resolv_text,
)


def _sources(config: RuntimeConfig, places: Places) -> list[tuple[Mount, str]]:
    """Pair each bind and volume with its directory on the host, parents before children."""
    found = []
    for mount in config.mounts:
        if mount.type == "bind":
            found.append((mount, mount.source))
        elif mount.type == "volume":
            found.append((mount, places.volumes[mount.source]))
    return sorted(found, key=lambda pair: pair[0].target.count("/"))


def _files(config: RuntimeConfig, host: HostFeatures, places: Places) -> dict[str, str]:
    """Return the files of /etc that every container gets, by name."""
    own_names = has_names(config, host, places)
    return {
        "hosts": hosts_text(config, places),
        "hostname": config.hostname + "\n",
        "resolv.conf": resolv_text(config, places.resolvers, own_names=own_names),
    }


def _file_steps(
    config: RuntimeConfig, places: Places, owner: int, files: dict[str, str]
) -> list[Step]:
    if places.network_files:
        return []  # they are another's, who wrote them
    write = {"directory": places.container, "owner": owner, "files": files}
    steps = [Step(ASSEMBLE, "write_files", write)]
    if may_connect(config):
        own = {"path": f"{places.container}/hosts", "name": host_names(config)}
        steps.append(Step(ASSEMBLE, "write_hosts", own))
    return steps


def assemble_steps(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    own_user = config.namespaces.user != "host"
    owner = host.id_base if own_user else 0
    idmap = host.idmapped_mounts and own_user and not host.is_rootless
    steps = []
    if limits := _limits(config, host):
        steps.append(Step(ASSEMBLE, "limit", limits))
    snapshot: dict[str, Any] = {
        "kind": host.snapshotter,
        "home": places.home,
        "container": config.id,
        "layers": list(config.layers),
        "owner": owner,
    }
    steps.append(Step(ASSEMBLE, "make_snapshot", snapshot))
    files = _files(config, host, places)
    steps += _file_steps(config, places, owner, files)
    steps += publish_steps(config, host, places)
    steps.append(
        Step(
            ASSEMBLE,
            "open_rootfs",
            {
                "kind": host.snapshotter,
                "lowers": list(places.lowers),
                "directory": places.container,
                "userxattr": host.overlay_userxattr,
                "idmap": idmap,
            },
        )
    )
    taken = {mount.target for mount, _ in _sources(config, places)}
    attach = []
    for name in files:
        if f"/etc/{name}" not in taken:
            args = {"path": f"{places.network_files or places.container}/{name}", "idmap": False}
            steps.append(Step(ASSEMBLE, "open_source", args))
            attach.append({"target": f"/etc/{name}", "read_only": False, "recursive": False})
    for mount, path in _sources(config, places):
        steps.append(Step(ASSEMBLE, "open_source", {"path": path, "idmap": idmap}))
        attach.append({"target": mount.target, "read_only": mount.read_only, "recursive": True})
    steps.append(Step(ASSEMBLE, "attach_rootfs", {}))
    steps.append(Step(ASSEMBLE, "attach_stage", {"names": ["proc", "dev", "sys"]}))
    put = [Step(ASSEMBLE, "attach_source", {"index": i, **args}) for i, args in enumerate(attach)]
    put += [_tmpfs(mount) for mount in config.mounts if mount.type == "tmpfs"]
    # what is mounted at /a must be there before what is mounted at /a/b, of whichever kind
    steps += sorted(put, key=lambda step: str(step.args["target"]).rstrip("/").count("/"))
    for device in config.devices:
        args = {"source": device.host_path, "target": device.path}
        steps.append(Step(ASSEMBLE, "bind_device", args))
    if config.security.read_only:
        steps.append(Step(ASSEMBLE, "read_only_root", {}))
    steps.append(Step(ASSEMBLE, "pivot", {}))
    if config.namespaces.uts != "host" and not shared_id(config.namespaces.uts):
        steps.append(Step(ASSEMBLE, "hostname", {"name": config.hostname}))
    return steps


def _tmpfs(mount: Mount) -> Step:
    options = list(mount.options) or ["nosuid", "nodev", "noexec"]
    if mount.read_only:
        options.append("ro")
    data = [f"mode={mount.mode:o}"] + ([f"size={mount.size_bytes}"] if mount.size_bytes else [])
    args = {"target": mount.target, "options": options, "data": ",".join(data)}
    return Step(ASSEMBLE, "mount_tmpfs", args)


def _limits(config: RuntimeConfig, host: HostFeatures) -> dict[str, Any]:
    """Return the limits that differ from what `make_cgroup` sets anyway."""
    r = config.resources
    asked = {
        "memory_bytes": r.memory_bytes,
        "memory_swap_bytes": r.memory_swap_bytes,
        "cpu_quota_us": r.cpu_quota_us,
        "cpu_period_us": r.cpu_period_us,
        "cpu_shares": r.cpu_shares,
        "cpuset_cpus": r.cpuset_cpus,
        "pids_limit": r.pids_limit,
    }
    return {name: value for name, value in asked.items() if value}
