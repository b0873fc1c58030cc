"""HostFeatures: what this host lets the helpers do.  Filled by `linux.probe`, read by the pure plan.

Every verdict that a plan depends on stands here, so that a plan is a function of values and can be
tested for hosts that nobody has at hand.
"""

from __future__ import annotations

from ..values import value


@value
class CgroupFeatures:
    """Where containers' cgroups can be made.

    `mode` is "v1" (also for a hybrid host), "v2" or "none".  `parents` maps each usable controller to
    the absolute directory under which a container's own directory is made (under v2 all map to the
    same one).  `blocker` says why a controller is missing, in words for a person.
    """

    mode: str = "none"
    parents: tuple[tuple[str, str], ...] = ()
    blocker: str = ""

    def parent(self, controller: str) -> str | None:
        """Return the directory for `controller`, or None where it cannot be used."""
        return dict(self.parents).get(controller)


@value
class HostFeatures:
    """`id_mode`: root | subuid | single.  `id_base`, `id_count`: the ids, as the helpers see them, that a
    container's 0… maps to (rootless: identical, base 0).  `uid`, `gid`: the user outside.
    `id_note` says why a rootless engine has one id only; `edition` which nbcontainer looked.

    `network` is where bridges can be: "host" (in the host's network namespace), "own" (in one of the
    store's own) or "none", and then `network_blocker` says why; `nat_blocker` why no address can be
    translated; `way_out` what leads out of a namespace of the store's own.
    """

    linux: str
    machine: str
    boot_id: str
    uid: int
    gid: int
    id_mode: str
    id_base: int
    id_count: int
    snapshotter: str = "overlay"
    overlay_userxattr: bool = False
    idmapped_mounts: bool = True
    cgroup: CgroupFeatures = CgroupFeatures()
    seccomp: bool = True
    mqueue: bool = True
    time_namespace: bool = True
    last_capability: int = 40
    nofile_hard: int = 1024
    nproc_hard: int = 1024
    id_note: str = ""
    edition: str = ""
    network: str = "host"
    network_blocker: str = ""
    nat_blocker: str = ""
    way_out: str = ""

    @property
    def is_rootless(self) -> bool:
        """Tell whether the engine belongs to an ordinary user."""
        return self.id_mode != "root"
