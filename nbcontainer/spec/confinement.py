"""What a container's own /proc, /sys and /dev look like: paths, nodes, mounts, sysctls (values).

Nothing here touches Linux; the plan turns these tables into steps.  Options are mount(8)'s words so
that a plan can be read; `data` is what the file system itself parses.

Order matters for whoever mounts: as listed, parents before children, masks last and before the
image's program can reach the rootfs (CVE-2025-31133, CVE-2025-52565).
"""

from __future__ import annotations

from ..values import value

# Docker's newest list; a path that this Linux lacks is skipped, * stands for any end of a name
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    # a side channel into what others compute, as powercap is (CVE-2020-8694)
    "/sys/devices/system/cpu/cpu*/thermal_throttle",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)

READ_ONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)

# name, major, minor: character devices, mode 0666; bound from the host where mknod is refused
DEVICE_NODES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
)

# name, target; ptmx must be this container's own instance, never the host's node
DEVICE_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
)

TTY_GID = 5
PIDS_LIMIT = 4096
DEV_SIZE_BYTES = 64 * 1024 * 1024

# Shown where --privileged is used: what is given away, and what stays
PRIVILEGED_GIVES = (
    "all capabilities (inside the user namespace)",
    "no seccomp filter",
    "no masked and no read-only paths in /proc and /sys",
    "/sys and the cgroup tree writable where the user namespace owns them",
    "new privileges through set-user-ID programs",
)


@value
class KernelMount:
    """A file system that Linux makes up; for `type` "bind" and "cgroup" the host decides how."""

    target: str
    type: str
    options: tuple[str, ...]
    data: str = ""

    @property
    def read_only(self) -> bool:
        """Tell whether nothing can be written through this mount."""
        return "ro" in self.options


_STRICT = ("nosuid", "nodev", "noexec")


def masked_paths(privileged: bool = False) -> tuple[str, ...]:
    """Return the paths to hide: a file under /dev/null, a directory under an empty read-only one."""
    return () if privileged else MASKED_PATHS


def read_only_paths(privileged: bool = False) -> tuple[str, ...]:
    """Return the paths that stay readable and become read-only mounts of themselves."""
    return () if privileged else READ_ONLY_PATHS


def kernel_mounts(
    *,
    privileged: bool = False,
    shm_size_bytes: int = 64 * 1024 * 1024,
    own_network: bool = True,
    single_id: bool = False,
    mqueue: bool = True,
    private_ipc: bool = True,
) -> tuple[KernelMount, ...]:
    """Return the default mounts, parents first.

    `own_network` False: Linux mounts sysfs only for the owner of the network namespace, so the
    host's /sys is bound instead, always read-only.  `single_id`: group 5 has no id, so ttys keep the
    caller's group.  `private_ipc` False: /dev/shm and /dev/mqueue come from the shared namespace.
    """
    access = ("rw",) if privileged else ("ro",)
    tty_group = "" if single_id else f",gid={TTY_GID}"
    mounts = [
        KernelMount("/proc", "proc", _STRICT),
        # device nodes are mounts of their own, so nodev costs them nothing
        KernelMount(
            "/dev",
            "tmpfs",
            ("nosuid", "noexec", "strictatime"),
            f"mode=755,size={DEV_SIZE_BYTES}",
        ),
        KernelMount(
            "/dev/pts",
            "devpts",
            ("nosuid", "noexec"),
            f"newinstance,ptmxmode=0666,mode=620{tty_group}",
        ),
    ]
    if private_ipc:
        mounts.append(KernelMount("/dev/shm", "tmpfs", _STRICT, f"mode=1777,size={shm_size_bytes}"))
        if mqueue:
            mounts.append(KernelMount("/dev/mqueue", "mqueue", _STRICT))
    if own_network:
        mounts.append(KernelMount("/sys", "sysfs", _STRICT + access))
    else:
        mounts.append(KernelMount("/sys", "bind", (*_STRICT, "ro")))
    mounts.append(KernelMount("/sys/fs/cgroup", "cgroup", _STRICT + access))
    return tuple(mounts)


def network_sysctls(id_count: int = 65536) -> tuple[tuple[str, str], ...]:
    """Return what a container's own network namespace is set to, as Docker does.

    Port 80 and `ping` then need no capability.  The group range must be ids that the user namespace
    maps: Linux answers EINVAL for others.
    """
    return (
        # the bridge learns at once where an address has gone that was another container's before
        ("net/ipv4/conf/default/arp_notify", "1"),
        ("net/ipv4/ip_unprivileged_port_start", "0"),
        ("net/ipv4/ping_group_range", f"0 {max(id_count - 1, 0)}"),
    )
