"""runtime_config: the flags of run and create and the image's wishes become a RuntimeConfig.  Pure.

What the outside has to answer is passed in: the environment, files named by flags, the working
directory, names for anonymous volumes, the number of CPUs.  What only the engine can know stays as
the user wrote it: `container:NAME` of the namespace flags, the existence of binds and devices
(`flags_mounts.check_bind_sources`), and the effective capabilities.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument, Unsupported, UsageError
from ..values import replace
from .flags_limits import as_int, resources, shm_size
from .flags_mounts import join_mounts, parse_mount, parse_tmpfs, parse_volume
from .flags_network import attachments
from .flags_security import namespaces, security
from .flags_values import (
    bad_argument,
    check_name,
    merge_env,
    parse_device,
    parse_dns,
    parse_env,
    parse_host,
    parse_labels,
    parse_log,
    parse_ports,
    parse_restart,
    parse_ulimits,
)
from .health import healthcheck
from .image import ImageConfig
from .ports import parse_publish
from .runtime import Namespaces, RuntimeConfig
from .signals import signal_name, signal_number

if TYPE_CHECKING:
    from .create_flags import CreateFlags

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


# the keys of CreateFlags, whose class costs a millisecond to make
FLAGS = frozenset(
    "add_host attach cap_add cap_drop cidfile cpu_period cpu_quota cpu_shares cpus cpuset_cpus "
    "device dns dns_option dns_search entrypoint env env_file expose health_cmd health_interval "
    "health_retries health_start_interval health_start_period health_timeout hostname init "
    "interactive ip ip6 ipc label label_file log_driver log_opt mac_address memory memory_swap mount "
    "name network network_alias no_healthcheck pid pids_limit platform privileged publish "
    "publish_all pull quiet read_only restart rm security_opt "
    "shm_size stop_signal stop_timeout tmpfs tty ulimit user userns uts volume workdir".split()
)
# Docker's flags that mean something here has no answer to: refused by name, never ignored
UNSUPPORTED = frozenset(
    "annotation blkio_weight blkio_weight_device cgroup_parent cgroupns cpu_count cpu_percent "
    "cpu_rt_period cpu_rt_runtime cpuset_mems device_cgroup_rule device_read_bps device_read_iops "
    "device_write_bps device_write_iops disable_content_trust domainname gpus group_add "
    "io_maxbandwidth io_maxiops isolation kernel_memory link link_local_ip "
    "memory_reservation memory_swappiness oom_kill_disable oom_score_adj "
    "runtime storage_opt sysctl use_api_socket volume_driver "
    "volumes_from".split()
)


class Outside:
    """What runtime_config may ask of the world; tests answer with values of their own.

    `new_name` returns a fresh name for an anonymous volume.  `cpus_online` 0 = not known.
    `host_name` is what a container sees that shares the host's UTS namespace or network.
    """

    __slots__ = ("cpus_online", "cwd", "environ", "host_name", "new_name", "read_text")

    def __init__(
        self,
        environ: Mapping[str, str],
        read_text: Callable[[str], str],
        new_name: Callable[[], str],
        cwd: str = "/",
        cpus_online: int = 0,
        host_name: str = "",
    ) -> None:
        self.environ = environ
        self.read_text = read_text
        self.new_name = new_name
        self.cwd = cwd
        self.cpus_online = cpus_online
        self.host_name = host_name


def check_flags(flags: Mapping[str, Any]) -> None:
    """Refuse a keyword that is no flag, or one of Docker's that is not supported here."""
    for name in flags:
        if name in UNSUPPORTED:
            raise Unsupported(f"--{name.replace('_', '-')} is not supported by nbcontainer")
        if name not in FLAGS:
            raise UsageError(f"unknown flag: --{name.replace('_', '-')}")


def words(value: Any) -> list[str]:
    """Return a flag that may be repeated as a list; a mapping becomes name=value texts."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return [str(value)]


def command_words(command: Sequence[str]) -> tuple[str, ...]:
    """Return a command's words; a text is cut into words as a shell would cut it.

    Raises: InvalidArgument for a quote that is not closed.
    """
    if not isinstance(command, str):
        return tuple(map(str, command))
    import shlex

    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise InvalidArgument(f"invalid command: {error}: {command}") from error


def runtime_config(
    flags: CreateFlags,
    image: ImageConfig,
    *,
    id: str,
    name: str,
    image_text: str,
    image_id: str,
    layers: tuple[str, ...],
    created_ns: int,
    outside: Outside,
    command: Sequence[str] = (),
) -> RuntimeConfig:
    """Decide all that can be decided about a container before a host is looked at.

    Raises: InvalidArgument for values and conflicts, Unsupported for what is not offered, both in
    Docker's words.
    """
    given: dict[str, Any] = {key: value for key, value in flags.items() if value is not None}
    check_flags(given)
    _check_conflicts(given)
    mode, networks = attachments(given)
    spaces = namespaces(given, mode)
    entrypoint, cmd = _program(given, image, command)
    tty = bool(given.get("tty"))
    hostname = _hostname(given, spaces, id, outside)
    config = RuntimeConfig(
        id=id,
        name=check_name(name),
        image=image_text,
        image_id=image_id,
        created_ns=created_ns,
        layers=layers,
        args=(*entrypoint, *cmd),
        entrypoint=entrypoint,
        cmd=cmd,
        env=_env(given, image, hostname, tty, outside),
        cwd=_cwd(given, image),
        user=str(given.get("user", "")) or image.user,
        hostname=hostname,
        tty=tty,
        open_stdin=bool(given.get("interactive")),
        stdin_once=bool(given.get("interactive")),
        init=bool(given.get("init")),
        labels=_labels(given, image, outside),
        mounts=_mounts(given, image, outside),
        resources=resources(given, outside.cpus_online),
        namespaces=spaces,
        networks=networks,
        publish=parse_publish(words(given.get("publish"))),
        publish_all=bool(given.get("publish_all")),
        security=security(given, outside.read_text),
        healthcheck=healthcheck(given, image.healthcheck),
        auto_remove=bool(given.get("rm")),
        platform=str(given.get("platform", "")) or f"{image.os}/{image.architecture}",
    )
    return _with_the_rest(config, given, image)


def _with_the_rest(
    config: RuntimeConfig, given: Mapping[str, Any], image: ImageConfig
) -> RuntimeConfig:
    """Add what each stands for itself: a flag's text, read by its grammar."""
    signal = given.get("stop_signal")
    timeout = given.get("stop_timeout")
    exposed = (*image.exposed_ports, *parse_ports(words(given.get("expose"))))
    return replace(
        config,
        devices=tuple(map(parse_device, words(given.get("device")))),
        ulimits=parse_ulimits(words(given.get("ulimit"))),
        shm_size_bytes=shm_size(given.get("shm_size")),
        extra_hosts=tuple(map(parse_host, words(given.get("add_host")))),
        dns=tuple(map(parse_dns, words(given.get("dns")))),
        dns_search=tuple(words(given.get("dns_search"))),
        dns_options=tuple(words(given.get("dns_option"))),
        exposed_ports=tuple(dict.fromkeys(exposed)),
        restart=parse_restart(str(given.get("restart", ""))),
        log=parse_log(str(given.get("log_driver", "")), words(given.get("log_opt"))),
        stop_signal=_image_signal(image) if signal is None else signal_name(signal_number(signal)),
        stop_timeout_s=10 if timeout is None else as_int("--stop-timeout", timeout),
    )


def _labels(given: Mapping[str, Any], image: ImageConfig, outside: Outside) -> dict[str, str]:
    asked, files = words(given.get("label")), words(given.get("label_file"))
    return {**image.labels, **parse_labels(asked, files, outside.read_text)}


def _check_conflicts(given: Mapping[str, Any]) -> None:
    if given.get("rm") and parse_restart(str(given.get("restart", ""))).name != "no":
        raise InvalidArgument("conflicting options: cannot specify both --restart and --rm")
    attached_streams(given.get("attach"))


def attached_streams(given: Any) -> list[str]:
    """Return what -a names, in small letters.  Raises: UsageError in Docker's words."""
    found = words(given)
    for stream in found:
        if stream.lower() not in ("stdin", "stdout", "stderr"):
            raise bad_argument("-a, --attach", stream, "valid streams are STDIN, STDOUT and STDERR")
    return [stream.lower() for stream in found]


def _program(
    given: Mapping[str, Any], image: ImageConfig, command: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return entrypoint and command; an entrypoint of the user's drops the image's command."""
    cmd = command_words(command)
    if "entrypoint" in given:
        entrypoint = tuple(words(given["entrypoint"]))
        entrypoint = () if entrypoint == ("",) else entrypoint
    else:
        entrypoint = image.entrypoint
        cmd = cmd or image.cmd
    if not entrypoint and not cmd:
        raise InvalidArgument("no command specified", "Name a command after the image.")
    if any("\0" in word for word in (*entrypoint, *cmd)):
        raise InvalidArgument("a command cannot hold a NUL character")
    return entrypoint, cmd


def _hostname(given: Mapping[str, Any], spaces: Namespaces, id: str, outside: Outside) -> str:
    asked = str(given.get("hostname", ""))
    if asked:
        if spaces.uts:
            raise InvalidArgument("conflicting options: hostname and the UTS mode")
        if spaces.network.startswith("container:"):
            raise InvalidArgument("conflicting options: hostname and the network mode")
        if len(asked) > 64 or "/" in asked or not asked.isprintable() or " " in asked:
            raise InvalidArgument(f"invalid hostname: {asked}")
        return asked
    if "host" in (spaces.uts, spaces.network):
        return outside.host_name or id[:12]
    return id[:12]


def _env(
    given: Mapping[str, Any], image: ImageConfig, hostname: str, tty: bool, outside: Outside
) -> tuple[str, ...]:
    base = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={hostname}"] + (["TERM=xterm"] if tty else [])
    asked = parse_env(
        words(given.get("env")),
        words(given.get("env_file")),
        outside.environ,
        outside.read_text,
    )
    return merge_env(base, image.env, asked)


def _cwd(given: Mapping[str, Any], image: ImageConfig) -> str:
    asked = str(given.get("workdir", ""))
    cwd = asked or image.working_dir or "/"
    if not cwd.startswith("/"):
        raise InvalidArgument(
            f"the working directory '{cwd}' is invalid, it needs to be an absolute path"
        )
    return "/" + posixpath.normpath(cwd).lstrip("/")


def _mounts(given: Mapping[str, Any], image: ImageConfig, outside: Outside) -> Any:
    asked = [
        parse_volume(text, cwd=outside.cwd, new_name=outside.new_name)
        for text in words(given.get("volume"))
    ]
    asked += [
        parse_mount(text, cwd=outside.cwd, new_name=outside.new_name)
        for text in words(given.get("mount"))
    ]
    asked += map(parse_tmpfs, words(given.get("tmpfs")))
    return join_mounts(asked, image.volumes, outside.new_name)


def _image_signal(image: ImageConfig) -> str:
    # Docker falls back to SIGTERM, too, when an image names a signal that does not exist
    try:
        return signal_name(signal_number(image.stop_signal)) if image.stop_signal else "SIGTERM"
    except InvalidArgument:
        return "SIGTERM"
