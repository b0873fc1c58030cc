"""The flags of run and create; what they mean is decided by `spec.create`."""

from __future__ import annotations

from .kinds import BOOL, BYTES, DECIMAL, DURATION, INT, LIST, NETWORKS, PATH, STRING, choice
from .table import Option, refused

_NAMESPACE = choice("host", "private", "container:")
_NETWORK = NETWORKS._replace(choices=("none", "host", "container:"))

CREATE_OPTIONS = (
    Option("add-host", "", LIST, "Add a custom host-to-IP mapping (host:ip)"),
    Option("attach", "a", LIST, "Attach to STDIN, STDOUT or STDERR"),
    Option("cap-add", "", LIST, "Add Linux capabilities"),
    Option("cap-drop", "", LIST, "Drop Linux capabilities"),
    Option("cidfile", "", PATH, "Write the container ID to the file"),
    Option("cpu-period", "", INT, "Length of a scheduling period in microseconds"),
    Option("cpu-quota", "", INT, "Microseconds of processor time in each period"),
    Option("cpu-shares", "c", INT, "CPU shares (relative weight)"),
    Option("cpus", "", DECIMAL, "Number of CPUs"),
    Option("cpuset-cpus", "", STRING, "CPUs in which to allow execution (0-3, 0,1)"),
    Option("device", "", LIST, "Add a host device to the container"),
    Option("dns", "", LIST, "Set custom DNS servers"),
    Option("dns-option", "", LIST, "Set DNS options"),
    Option("dns-search", "", LIST, "Set custom DNS search domains"),
    Option("entrypoint", "", STRING, "Overwrite the default ENTRYPOINT of the image"),
    Option("env", "e", LIST, "Set environment variables"),
    Option("env-file", "", LIST, "Read in a file of environment variables"),
    Option("expose", "", LIST, "Expose a port or a range of ports"),
    Option("health-cmd", "", STRING, "Command to run to check health"),
    Option("health-interval", "", DURATION, "Time between running the check (ms|s|m|h)"),
    Option("health-retries", "", INT, "Consecutive failures needed to report unhealthy"),
    Option(
        "health-start-interval",
        "",
        DURATION,
        "Time between running the check during the start period (ms|s|m|h)",
    ),
    Option(
        "health-start-period",
        "",
        DURATION,
        "Time the container may take to start before failures count (ms|s|m|h)",
    ),
    Option("health-timeout", "", DURATION, "Maximum time to allow one check to run (ms|s|m|h)"),
    Option("hostname", "h", STRING, "Container host name"),
    Option("init", "", BOOL, "Run an init that forwards signals and reaps processes"),
    Option("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
    Option("ip", "", STRING, "IPv4 address (e.g., 172.30.100.104)"),
    Option("ip6", "", STRING, "IPv6 address (e.g., 2001:db8::33)"),
    Option("ipc", "", _NAMESPACE, "IPC namespace to use"),
    Option("label", "l", LIST, "Set meta data on a container"),
    Option("label-file", "", LIST, "Read in a line delimited file of labels"),
    Option("log-driver", "", choice("json-file"), "Logging driver for the container"),
    Option("log-opt", "", LIST, "Log driver options (max-size, max-file)"),
    Option("mac-address", "", STRING, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    Option("memory", "m", BYTES, "Memory limit"),
    Option("memory-swap", "", STRING, "Memory plus swap limit: '-1' to enable unlimited swap"),
    Option("mount", "", LIST, "Attach a filesystem mount to the container"),
    Option("name", "", STRING, "Assign a name to the container"),
    Option(
        "network", "", _NETWORK, "Connect a container to a network (NAME|none|host|container:NAME)"
    ),
    Option("network-alias", "", LIST, "Add network-scoped alias for the container"),
    Option("net", "", _NETWORK, hidden=True),
    Option("no-healthcheck", "", BOOL, "Disable any container-specified HEALTHCHECK"),
    Option("pid", "", _NAMESPACE, "PID namespace to use"),
    Option("pids-limit", "", INT, "Tune container pids limit (set -1 for unlimited)"),
    Option("platform", "", choice("linux/amd64", "linux/arm64"), "Choose the image for a platform"),
    Option("privileged", "", BOOL, "Give extended privileges to this container"),
    Option("publish", "p", LIST, "Publish a container's port(s) to the host"),
    Option("publish-all", "P", BOOL, "Publish all exposed ports to random ports"),
    Option(
        "pull",
        "",
        choice("always", "missing", "never"),
        "Pull image before running (always, missing, never)",
    ),
    Option("quiet", "q", BOOL, "Suppress the pull output"),
    Option("read-only", "", BOOL, "Mount the container's root filesystem as read only"),
    Option(
        "restart",
        "",
        choice("no", "always", "unless-stopped", "on-failure"),
        "Restart policy to apply when a container exits",
        default="no",
    ),
    Option("rm", "", BOOL, "Remove the container and its anonymous volumes when it exits"),
    Option(
        "security-opt",
        "",
        LIST._replace(choices=("seccomp=", "no-new-privileges=")),
        "Security options (seccomp=FILE|unconfined, no-new-privileges)",
    ),
    Option("shm-size", "", BYTES, "Size of /dev/shm"),
    Option("stop-signal", "", STRING, "Signal to stop the container"),
    Option("stop-timeout", "", INT, "Timeout (in seconds) to stop a container"),
    Option("tmpfs", "", LIST, "Mount a tmpfs directory"),
    Option("tty", "t", BOOL, "Allocate a pseudo-TTY"),
    Option("ulimit", "", LIST, "Ulimit options"),
    Option("user", "u", STRING, "Username or UID (format: <name|uid>[:<group|gid>])"),
    Option("userns", "", _NAMESPACE, "User namespace to use"),
    Option("uts", "", _NAMESPACE, "UTS namespace to use"),
    Option("volume", "v", LIST, "Bind mount a volume"),
    Option("workdir", "w", STRING, "Working directory inside the container"),
)

REFUSED = (
    *refused("name the other by its name, on a network of `network create`", "link"),
    *refused("its addresses cannot be chosen", "link-local-ip"),
    *refused("Docker has given up content trust", "disable-content-trust"),
    *refused(
        "its limit is not offered",
        *"blkio-weight blkio-weight-device cpu-rt-period cpu-rt-runtime cpuset-mems".split(),
        *"device-cgroup-rule device-read-bps device-read-iops device-write-bps".split(),
        *"device-write-iops kernel-memory memory-reservation memory-swappiness".split(),
        *"oom-kill-disable oom-score-adj storage-opt".split(),
    ),
    *refused(
        "it chooses among parts that there is one of",
        *"cgroup-parent cgroupns isolation runtime volume-driver use-api-socket".split(),
    ),
    *refused("it is for Windows", *"cpu-count cpu-percent io-maxbandwidth io-maxiops".split()),
    *refused("it is not built yet", *"annotation domainname gpus group-add sysctl".split()),
    *refused("name each volume with --volume", "volumes-from"),
)

EXEC_OPTIONS = (
    Option("detach", "d", BOOL, "Detached mode: run command in the background"),
    Option("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
    Option("env", "e", LIST, "Set environment variables"),
    Option("env-file", "", LIST, "Read in a file of environment variables"),
    Option("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
    Option("privileged", "", BOOL, "Give extended privileges to the command"),
    Option("tty", "t", BOOL, "Allocate a pseudo-TTY"),
    Option("user", "u", STRING, "Username or UID (format: <name|uid>[:<group|gid>])"),
    Option("workdir", "w", STRING, "Working directory inside the container"),
)
