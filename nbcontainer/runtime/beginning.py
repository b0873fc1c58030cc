"""How the helper processes begin: what is found out about the host, then one fork into zygote and foreman."""

from __future__ import annotations

import gc
import os
import resource
from typing import NoReturn

from ..errors import EngineError
from ..linux import cgroup_above, probe
from ..spec import codec
from ..spec.host import HostFeatures
from ..store.files import dump_json, read_json, write_atomic
from ..store.layout import Layout
from ..values import replace
from . import wire, zygote
from .edition import edition
from .foreman import Foreman
from .idle import idle_config, idle_plan
from .mend import sweep
from .network_probe import with_networks
from .notes import note
from .plan import PREPARED
from .rehearsal import rehearse


def main(home: str, run: str, lock: int, id_note: str) -> NoReturn:
    """Be the foreman; tells "ready" on descriptor 1 once requests are answered."""
    os.set_inheritable(lock, False)
    layout = Layout(home, run)
    try:
        found = probe.probe_features(home, id_base=_id_base(layout))
        host = with_networks(replace(found, id_note=id_note, edition=edition(home)), run)
        write_atomic(layout.features, dump_json(codec.encode(host)))
        _make_init_layer(layout, host)
        sweep(layout, host)
        programs = _read_programs(layout)
        plan = idle_plan(layout, host)
        rehearse(layout, idle_config(host), plan)
        gc.collect()
        gc.freeze()
        gc.disable()
        ours, theirs = wire.pair()
        # must precede the first descriptor or timer of the foreman: the zygote shall hold nothing
        if os.fork() == 0:
            for descriptor in (1, lock, ours.fileno()):
                os.close(descriptor)
            os.dup2(0, 1)
            zygote.serve(theirs, layout, host, programs)
        theirs.close()
        _allow_descriptors()
        foreman = Foreman(layout, host, ours, programs, plan.of(*PREPARED))
    except BaseException as error:
        os.write(1, f"{type(error).__name__}: {error}".encode()[:4000])
        note("foreman", error, trace=True)
        os._exit(1)
    os.write(1, b"ready")
    os.dup2(0, 1)
    foreman.run()
    try:
        # a bridge that was made for nobody; those that are used go with the last who is on them
        sweep(layout, host)
        # what lies above the groups goes with the last of them, were there any
        cgroup_above.forget(host.cgroup.parents)
    except (OSError, EngineError) as error:
        note("foreman", error)
    os._exit(0)


def _allow_descriptors() -> None:
    """Let the foreman hold one for each container; what the zygote forks keeps the caller's limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _read_programs(layout: Layout) -> dict[str, bytes]:
    """Return the compiled filters that there are, by their files: init has them in memory."""
    programs = {}
    directory = f"{layout.home}/cache/seccomp"
    os.makedirs(directory, 0o700, exist_ok=True)
    for name in os.listdir(directory)[:64]:
        with open(f"{directory}/{name}", "rb") as file:
            programs[f"{directory}/{name}"] = file.read()
    return programs


def _id_base(layout: Layout) -> int:
    """Return the first id of this store's containers, chosen once: files on disk are owned by it."""
    try:
        return int(read_json(layout.idmap)["base"])
    except FileNotFoundError:
        base = probe.choose_id_base(layout.home, probe.taken_ids())
        write_atomic(layout.idmap, dump_json({"base": base, "count": probe.ID_COUNT}), sync=True)
        return base


def _make_init_layer(layout: Layout, host: HostFeatures) -> None:
    """Make the mount points that lie over every image, so that none of them can be a link.

    With a single id apt is told not to become its user _apt: it checks that it did, and setuid's
    success is only an answer there.
    """
    base = f"{layout.init_layer}/fs"
    for name in ("proc", "sys", "dev", "etc"):
        os.makedirs(f"{base}/{name}", 0o755, exist_ok=True)
    for name in ("hosts", "hostname", "resolv.conf"):
        os.close(os.open(f"{base}/etc/{name}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    apt = f"{base}/etc/apt/apt.conf.d"
    if host.id_mode == "single":
        os.makedirs(apt, 0o755, exist_ok=True)
        write_atomic(f"{apt}/zz-single-id", b'APT::Sandbox::User "root";\n', mode=0o644)
    elif os.path.lexists(f"{apt}/zz-single-id"):
        os.unlink(f"{apt}/zz-single-id")
