"""Turn a configuration and a host's features into a plan.  Pure: the same values give the same plan.

Here are the steps that need no image; `planner_rootfs` and `planner_last` have the others.
"""

from __future__ import annotations

from ..spec.confinement import (
    DEVICE_LINKS,
    DEVICE_NODES,
    PIDS_LIMIT,
    KernelMount,
    kernel_mounts,
    masked_paths,
    network_sysctls,
    read_only_paths,
)
from ..spec.host import HostFeatures
from ..spec.runtime import RuntimeConfig
from .plan import CLONE, STAGE, Places, Plan, Step, shared_id
from .planner_last import kept_capabilities, last_steps
from .planner_network import connect_steps, stage_steps
from .planner_rootfs import assemble_steps


def plan_for(config: RuntimeConfig, host: HostFeatures, places: Places) -> Plan:
    """Return the plan of a container: the same values give the same plan."""
    return Plan(
        (
            *sandbox_steps(config, host, places),
            *assemble_steps(config, host, places),
            *last_steps(config, host, places),
        )
    )


def sandbox_steps(config: RuntimeConfig, host: HostFeatures, places: Places) -> tuple[Step, ...]:
    """Return the steps that do not depend on the image."""
    return (
        *_clone(config, host, places),
        *_stage(config, host, places),
        *connect_steps(config, host, places),
    )


def _controllers(config: RuntimeConfig, host: HostFeatures) -> list[list[str]]:
    wanted = ["pids", "memory", "cpu", "freezer"]
    if host.cgroup.mode == "v1":
        wanted.append("cpuacct")
    if config.resources.cpuset_cpus:
        wanted.append("cpuset")
    found = [(name, host.cgroup.parent(name)) for name in wanted]
    return [[name, parent] for name, parent in found if parent]


def _own(mode: str) -> bool:
    return mode != "host" and not shared_id(mode)


def _clone(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    ns = config.namespaces
    joined = {kind: shared_id(getattr(ns, kind)) for kind in ("pid", "ipc", "uts", "network")}
    joined = {kind: target for kind, target in joined.items() if target}
    user_target = "" if ns.user == "host" else shared_id(ns.user) or next(iter(joined.values()), "")
    own_user = ns.user != "host" and not user_target
    if user_target:
        # a namespace can be entered only by who has rights over its owner, so that comes first
        joined = {"user": user_target, **joined}
    new = ["mount"]
    new += [kind for kind in ("pid", "ipc", "uts", "network") if _own(getattr(ns, kind))]
    steps = []
    controllers = _controllers(config, host)
    group = {"mode": host.cgroup.mode, "controllers": controllers}
    if joined:
        processes = {target: _process(target, places) for target in joined.values()}
        steps.append(Step(CLONE, "join", {"processes": processes, "namespaces": joined}))
    # first of all: what the shim touches before it forks, it has to copy a second time
    steps.append(Step(CLONE, "clone", {"namespaces": (["user"] if own_user else []) + new}))
    if controllers:
        steps.append(Step(CLONE, "make_cgroup", {**group, "pids": PIDS_LIMIT}))
    if own_user:
        ids = {"inside": 0, "outside": host.id_base, "count": host.id_count}
        steps.append(Step(CLONE, "map_ids", ids))
    if controllers:
        steps.append(Step(CLONE, "enter_cgroup", group))
    return steps


def _stage(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    ns, privileged = config.namespaces, config.security.privileged
    own_network = _own(ns.network)
    # what is joined together with its user namespace counts as own: init has the rights over it
    may_sysfs = own_network or bool(shared_id(ns.network))
    steps = [
        Step(STAGE, "private_mounts", {}),
        Step(STAGE, "make_stage", {}),
    ]
    if ns.user == "host" and host.is_rootless is False:
        may_sysfs = True
    if _controllers(config, host):
        steps.insert(1, Step(STAGE, "own_cgroup_view", {}))
    mounts = kernel_mounts(
        privileged=privileged,
        shm_size_bytes=config.shm_size_bytes,
        own_network=may_sysfs,
        single_id=host.id_count < 6,
        mqueue=host.mqueue,
        private_ipc=_own(ns.ipc),
    )
    for kernel_mount in mounts:
        steps.extend(_kernel_mount(kernel_mount, config, host))
        if kernel_mount.target == "/dev":
            nodes = [name for name, _, _ in DEVICE_NODES]
            steps.append(Step(STAGE, "device_nodes", {"names": nodes}))
            links = dict(DEVICE_LINKS)
            steps.append(Step(STAGE, "device_links", {"links": links}))
    steps += _shared_memory(ns.ipc, host, places)
    if own_network:
        # before /proc/sys becomes read-only
        values = dict(network_sysctls(host.id_count))
        steps.append(Step(STAGE, "sysctl", {"values": values}))
        steps.append(Step(STAGE, "loopback", {}))
        steps += stage_steps(config)
    if masked := masked_paths(privileged):
        steps.append(Step(STAGE, "mask", {"paths": list(masked)}))
    if fixed := read_only_paths(privileged):
        steps.append(Step(STAGE, "make_read_only", {"paths": list(fixed)}))
    steps.append(Step(STAGE, "new_keyring", {}))
    steps.append(Step(STAGE, "bound_capabilities", {"keep": kept_capabilities(config, privileged)}))
    return steps


def _shared_memory(mode: str, host: HostFeatures, places: Places) -> list[Step]:
    """Return where /dev/shm and /dev/mqueue come from, if not from an ipc namespace of its own."""
    if target := shared_id(mode):
        args = {"process": _process(target, places), "path": "/dev/shm", "target": "/dev/shm"}
        steps = [Step(STAGE, "bind_shared", args)]
        if host.mqueue:
            steps.append(_mounted("mqueue", "/dev/mqueue", ["nosuid", "nodev", "noexec"], ""))
        return steps
    if mode != "host":
        return []
    both = ["/dev/shm", "/dev/mqueue"] if host.mqueue else ["/dev/shm"]
    return [
        Step(STAGE, "bind_host", {"source": path, "target": path, "read_only": False})
        for path in both
    ]


def _process(target: str, places: Places) -> list[int]:
    """Return [pid, start] of a container whose namespaces are joined; [0, 0] if it has ended."""
    found = [[pid, start] for name, pid, start in places.shared if name == target]
    return found[0] if found else [0, 0]


def _kernel_mount(mount: KernelMount, config: RuntimeConfig, host: HostFeatures) -> list[Step]:
    if mount.type == "cgroup":
        controllers = [name for name, _ in _controllers(config, host)]
        if not controllers:
            return []
        args = {"mode": host.cgroup.mode, "controllers": controllers, "read_only": mount.read_only}
        return [Step(STAGE, "mount_cgroup", args)]
    foreign_proc = mount.type == "proc" and config.namespaces.pid == "host"
    if mount.type == "bind" or foreign_proc:
        args = {"source": mount.target, "target": mount.target, "read_only": not foreign_proc}
        return [Step(STAGE, "bind_host", args)]
    return [_mounted(mount.type, mount.target, list(mount.options), mount.data)]


def _mounted(type: str, target: str, options: list[str], data: str) -> Step:
    args = {"type": type, "target": target, "options": options, "data": data}
    return Step(STAGE, "mount", args)
