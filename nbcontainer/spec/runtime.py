"""RuntimeConfig: all that was decided about a container when it was created (its config.json).

Pure values, written once by the creator.  What the container does later stands in
`lifecycle.State`; what will be asked of Linux stands in `runtime.plan.Plan`.
Sizes are bytes, times seconds unless a name says otherwise; 0 or an empty text means "not asked for".
"""

from __future__ import annotations

from ..values import field, value
from .network import Attachment, PortBinding


@value
class Mount:
    """One --mount, -v, --tmpfs or image VOLUME.  `source`: a host path for bind, a name for volume.

    `options` of a tmpfs are its effective mount options ("nosuid", "uid=5", …) without size and mode.
    `asked_by` is the flag it came from: -v makes a missing bind source, --mount refuses it.
    """

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    propagation: str = "rprivate"
    size_bytes: int = 0
    mode: int = 0o1777
    options: tuple[str, ...] = ()
    no_copy: bool = False
    anonymous: bool = False
    asked_by: str = ""


@value
class Resources:
    """The limits that a cgroup enforces.  `pids_limit` -1 = unlimited, 0 = the default (4096).

    `nano_cpus` only says that --cpus was used; quota and period then hold its meaning.
    """

    memory_bytes: int = 0
    memory_swap_bytes: int = 0
    cpu_quota_us: int = 0
    cpu_period_us: int = 0
    cpu_shares: int = 0
    cpuset_cpus: str = ""
    pids_limit: int = 0
    nano_cpus: int = 0


@value
class Ulimit:
    """One --ulimit; -1 = unlimited."""

    name: str
    soft: int
    hard: int


@value
class Device:
    """One --device."""

    host_path: str
    path: str
    permissions: str = "rwm"


@value
class Healthcheck:
    """`test` is ("CMD", …), ("CMD-SHELL", text) or ("NONE",)."""

    test: tuple[str, ...] = ()
    interval_s: float = 30.0
    timeout_s: float = 30.0
    start_period_s: float = 0.0
    start_interval_s: float = 5.0
    retries: int = 3


@value
class RestartPolicy:
    """`name` is no, always, unless-stopped or on-failure; `maximum_retries` 0 = without end."""

    name: str = "no"
    maximum_retries: int = 0


@value
class LogConfig:
    """Rotation of log.jsonl."""

    max_size_bytes: int = 10_000_000
    max_file: int = 3


@value
class Namespaces:
    """What is shared: "" = private, "host", or "container:<id>".

    `network` is Docker's mode: "none", "host", "container:<id>", the first network's name, or "default"
    until the engine has looked at the host.
    """

    pid: str = ""
    ipc: str = ""
    uts: str = ""
    user: str = ""
    network: str = "none"


@value
class Security:
    """`seccomp` is "" (the default profile), "unconfined" or the JSON text of a profile.

    `capabilities` is the effective set; `cap_add` and `cap_drop` are what the user wrote ("ALL" too).
    `user_hidden`: there is one id only, so who was to be another user is root without capabilities.
    """

    capabilities: tuple[str, ...] = ()
    privileged: bool = False
    no_new_privileges: bool = True
    seccomp: str = ""
    read_only: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    user_hidden: bool = False


@value
class RuntimeConfig:
    """A container as it was asked for.

    `args` is what is executed (entrypoint + command); `path_shown` the two as Docker's inspect shows
    them.  `layers` are chain ids, lowest first.  `image` is the text the user gave, `image_id` the
    digest of the image's config.  `stdin_once`: its input ends with the first client that had it.
    """

    id: str
    name: str
    image: str
    image_id: str
    created_ns: int
    layers: tuple[str, ...]
    args: tuple[str, ...]
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    hostname: str = ""
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    init: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    resources: Resources = Resources()
    namespaces: Namespaces = Namespaces()
    security: Security = Security()
    shm_size_bytes: int = 64 * 1024 * 1024
    extra_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    networks: tuple[Attachment, ...] = ()
    publish: tuple[PortBinding, ...] = ()
    publish_all: bool = False
    healthcheck: Healthcheck | None = None
    restart: RestartPolicy = RestartPolicy()
    log: LogConfig = LogConfig()
    stop_signal: str = "SIGTERM"
    stop_timeout_s: int = 10
    auto_remove: bool = False
    platform: str = "linux/amd64"
