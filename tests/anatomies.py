"""Anatomies that nobody has at hand: one that runs, one that does not, one with too much of everything."""

from nbcontainer.spec.anatomy import Anatomy, Hop, Layer, Limit, Mount, Namespace, Process
from nbcontainer.values import replace

RUNNING = Anatomy(
    id="a" * 64,
    name="web",
    image="python",
    status="running",
    command="python3 -m http.server",
    linux="6.1",
    host_processes=120,
    processes=(Process(1, 4711, 0, 200000, "python3 -m http.server"),),
    namespaces=(Namespace("pid", 2, 1), Namespace("net", 7, 7)),
    uid_map=((0, 200000, 65536),),
    limits=(Limit("memory", 64 << 20, 128 << 20, "bytes"), Limit("processors", None, 0.5, "cpus")),
    kept=("CAP_CHOWN",),
    dropped=("CAP_SYS_ADMIN",),
    seccomp="the default profile",
    layers=(Layer("l" * 12, "COPY tools /", 2_000_000),),
    upper_bytes=12,
    mounts=(Mount("/proc", "proc", "proc", False), Mount("/sys", "sysfs", "sysfs", True)),
    hops=(Hop("outside"), Hop("no way in", "only lo here", is_end=True), Hop("process", "python3")),
)
ENDED = Anatomy("b" * 64, "old", "toolbox", "exited", "true", "6.1", 120, layers=RUNNING.layers)
CROWDED = replace(
    RUNNING,
    name="<b>&" + "n" * 60,
    processes=tuple(Process(n, n, n, n, "x" * 300) for n in range(40)),
    mounts=tuple(Mount(f"/{n}", "tmpfs", "", False) for n in range(60)),
    layers=tuple(Layer(f"{n:012}", "RUN \x1b[31m" + "y" * 300) for n in range(30)),
    uid_map=((0, 0, 1), (1, 5, 9)),
    seccomp="none",
    no_new_privileges=False,
)
EVERY = (RUNNING, ENDED, CROWDED)
