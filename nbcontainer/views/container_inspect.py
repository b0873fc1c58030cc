"""inspect's document of a container, in the shape of Docker's Engine API.

Two additions of ours: "Relaxations", the protections this container goes without, and in HostConfig
nothing at all: what cannot be asked for here stands there with Docker's zero value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..spec.confinement import MASKED_PATHS, PIDS_LIMIT, READ_ONLY_PATHS
from ..spec.lifecycle import State, Status
from ..spec.runtime import Healthcheck, Mount, Resources, RuntimeConfig
from ..units import rfc3339
from .network import bindings, settings
from .security import relaxations

_SECOND_NS = 1_000_000_000


def inspect(
    config: RuntimeConfig,
    state: State,
    name: str,
    *,
    log_path: str = "",
    driver: str = "overlay",
    graph: dict[str, str] | None = None,
    mountpoint: Callable[[str], str] = lambda volume: "",
    exec_ids: Iterable[str] = (),
    size: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return the document.  `mountpoint` gives a volume's directory, `graph` the snapshot's paths."""
    document: dict[str, Any] = {
        "Id": config.id,
        "Created": rfc3339(config.created_ns),
        "Path": config.args[0],
        "Args": list(config.args[1:]),
        "State": state_document(state),
        "Image": config.image_id,
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": log_path,
        "Name": f"/{name}",
        "RestartCount": state.restart_count,
        "Driver": driver,
        "Platform": config.platform.partition("/")[0],
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(exec_ids) or None,
        "Relaxations": list(relaxations(config)),
        "HostConfig": _host_config(config),
        "GraphDriver": {"Data": graph, "Name": driver},
        "Mounts": [_mount(m, mountpoint) for m in config.mounts if m.asked_by != "--tmpfs"],
        "Config": _config(config),
        "NetworkSettings": settings(config, state),
    }
    if size is not None:
        document["SizeRw"], document["SizeRootFs"] = size
    return document


def state_document(state: State) -> dict[str, Any]:
    """Return the "State" of inspect."""
    status = state.status
    document: dict[str, Any] = {
        "Status": status.value,
        # as in Docker, a paused container runs, and so does one that waits for its restart
        "Running": status.is_alive,
        "Paused": status is Status.PAUSED,
        "Restarting": status is Status.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": status is Status.DEAD,
        "Pid": state.pid if status.is_alive else 0,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339(state.started_ns),
        "FinishedAt": rfc3339(state.finished_ns),
    }
    if state.health is not None:
        document["Health"] = {
            "Status": state.health.status,
            "FailingStreak": state.health.failing_streak,
            "Log": [_health_entry(entry) for entry in state.health.log],
        }
    return document


def _health_entry(entry: dict[str, str]) -> dict[str, Any]:
    return {key: _health_value(key, text) for key, text in entry.items()}


def _health_value(key: str, text: str) -> Any:
    """Return a field of a check's result; the shim keeps all of them as texts."""
    if not text.lstrip("-").isdigit():
        return text
    if key in ("Start", "End"):
        return rfc3339(int(text))
    return int(text) if key == "ExitCode" else text


def asked_env(config: RuntimeConfig) -> list[str]:
    """Return the environment as image and user gave it: without what every container is given."""
    own = (f"HOSTNAME={config.hostname}", "TERM=xterm" if config.tty else "")
    return [entry for entry in config.env if entry not in own]


def _config(config: RuntimeConfig) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Hostname": config.hostname,
        "Domainname": "",
        "User": config.user,
        "AttachStdin": config.stdin_once,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": config.tty,
        "OpenStdin": config.open_stdin,
        "StdinOnce": config.stdin_once,
        "Env": asked_env(config),
        "Cmd": list(config.cmd) or None,
        "Image": config.image,
        "Volumes": {m.target: {} for m in config.mounts if m.asked_by == "VOLUME"} or None,
        "WorkingDir": config.cwd,
        "Entrypoint": list(config.entrypoint) or None,
        "OnBuild": None,
        "Labels": dict(config.labels),
        "StopSignal": config.stop_signal,
        "StopTimeout": config.stop_timeout_s,
    }
    # Docker leaves it out where there are none, yet its templates find it
    document["ExposedPorts"] = {port: {} for port in config.exposed_ports}
    if config.healthcheck is not None:
        document["Healthcheck"] = health_document(config.healthcheck)
    return document


def health_document(check: Healthcheck) -> dict[str, Any]:
    """Return a health check with its times in nanoseconds, as the API has them."""
    return {
        "Test": list(check.test),
        "Interval": round(check.interval_s * _SECOND_NS),
        "Timeout": round(check.timeout_s * _SECOND_NS),
        "StartPeriod": round(check.start_period_s * _SECOND_NS),
        "StartInterval": round(check.start_interval_s * _SECOND_NS),
        "Retries": check.retries,
    }


def _host_config(config: RuntimeConfig) -> dict[str, Any]:
    security, spaces = config.security, config.namespaces
    return {
        "Binds": [_bind_text(m) for m in config.mounts if m.asked_by == "-v" and not m.anonymous]
        or None,
        "ContainerIDFile": "",
        "LogConfig": {
            "Type": "json-file",
            "Config": {
                "max-file": str(config.log.max_file),
                "max-size": str(config.log.max_size_bytes),
            },
        },
        "NetworkMode": spaces.network,
        "PortBindings": bindings(config.publish),
        "RestartPolicy": {
            "Name": config.restart.name,
            "MaximumRetryCount": config.restart.maximum_retries,
        },
        "AutoRemove": config.auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": None,
        "CapAdd": list(security.cap_add) or None,
        "CapDrop": list(security.cap_drop) or None,
        "CgroupnsMode": "private",
        "Dns": list(config.dns),
        "DnsOptions": list(config.dns_options),
        "DnsSearch": list(config.dns_search),
        "ExtraHosts": list(config.extra_hosts) or None,
        "GroupAdd": None,
        "IpcMode": spaces.ipc or "private",
        "Cgroup": "",
        "Links": None,
        "OomScoreAdj": 0,
        "PidMode": spaces.pid,
        "Privileged": security.privileged,
        "PublishAllPorts": config.publish_all,
        "ReadonlyRootfs": security.read_only,
        "SecurityOpt": _security_options(config),
        "Tmpfs": {m.target: _tmpfs_text(m) for m in config.mounts if m.asked_by == "--tmpfs"},
        "UTSMode": spaces.uts,
        "UsernsMode": spaces.user,
        "ShmSize": config.shm_size_bytes,
        "Init": config.init,
        **_limits(config.resources),
        "Devices": [
            {
                "PathOnHost": device.host_path,
                "PathInContainer": device.path,
                "CgroupPermissions": device.permissions,
            }
            for device in config.devices
        ],
        "Ulimits": [{"Name": u.name, "Hard": u.hard, "Soft": u.soft} for u in config.ulimits],
        "Mounts": [_mount_spec(m) for m in config.mounts if m.asked_by == "--mount"],
        "MaskedPaths": [] if security.privileged else list(MASKED_PATHS),
        "ReadonlyPaths": [] if security.privileged else list(READ_ONLY_PATHS),
    }


def _limits(limits: Resources) -> dict[str, Any]:
    return {
        "CpuShares": limits.cpu_shares,
        "Memory": limits.memory_bytes,
        "NanoCpus": limits.nano_cpus,
        "CgroupParent": "",
        "CpuPeriod": 0 if limits.nano_cpus else limits.cpu_period_us,
        "CpuQuota": 0 if limits.nano_cpus else limits.cpu_quota_us,
        "CpusetCpus": limits.cpuset_cpus,
        "CpusetMems": "",
        "MemoryReservation": 0,
        "MemorySwap": limits.memory_swap_bytes,
        "MemorySwappiness": None,
        "OomKillDisable": False,
        "PidsLimit": limits.pids_limit or PIDS_LIMIT,
    }


def _security_options(config: RuntimeConfig) -> list[str]:
    security = config.security
    options = [f"no-new-privileges={str(security.no_new_privileges).lower()}"]
    return options + ([f"seccomp={security.seccomp}"] if security.seccomp else [])


def _bind_text(mount: Mount) -> str:
    words = ["ro"] if mount.read_only else []
    words += [mount.propagation] if mount.propagation != "rprivate" else []
    words += ["nocopy"] if mount.no_copy else []
    return f"{mount.source}:{mount.target}" + (":" + ",".join(words) if words else "")


def _tmpfs_text(mount: Mount) -> str:
    words = ["ro"] if mount.read_only else []
    words += [f"size={mount.size_bytes}"] if mount.size_bytes else []
    return ",".join([*words, f"mode={mount.mode:o}", *mount.options])


def _mount_spec(mount: Mount) -> dict[str, Any]:
    document: dict[str, Any] = {"Type": mount.type, "Target": mount.target}
    if mount.source and not mount.anonymous:
        document["Source"] = mount.source
    if mount.read_only:
        document["ReadOnly"] = True
    if mount.type == "tmpfs":
        document["TmpfsOptions"] = {"SizeBytes": mount.size_bytes, "Mode": mount.mode}
    return document


def _mount(mount: Mount, mountpoint: Callable[[str], str]) -> dict[str, Any]:
    document: dict[str, Any] = {"Type": mount.type}
    if mount.type == "volume":
        document["Name"] = mount.source
    document["Source"] = mountpoint(mount.source) if mount.type == "volume" else mount.source
    document["Destination"] = mount.target
    if mount.type == "volume":
        document["Driver"] = "local"
    document["Mode"] = "ro" if mount.read_only and mount.asked_by == "-v" else ""
    document["RW"] = not mount.read_only
    document["Propagation"] = mount.propagation if mount.type == "bind" else ""
    return document
