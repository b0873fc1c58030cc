"""Plan and step: what will be asked of Linux to make a container, in order, and why.  Pure.

A plan is a tuple of steps in the order in which they happen.  A step's phase says who carries it out:

    outside   the foreman, before there is a process
    clone     the shim makes init in new namespaces, the foreman gives it ids, a cgroup and the rootfs
    stage     init: /proc, /dev and /sys, made and masked before any file of the image can be reached
    connect   the shim: puts init's network namespace onto its networks
    assemble  init: the rootfs, what is mounted into it, and the change of root
    last      init, in the new root: gives up what it may no longer have, in this order, and executes

outside, clone, stage and connect do not depend on the image, so the pool carries them out beforehand
for the default configuration; a container takes a ready sandbox where its own steps are equal to these.

The plan is on disk before its first step, so whoever comes after a SIGKILL can undo from the record.
`planner` makes plans; `steps_outside`, `steps_inside` and `steps_last` hold one function a step, found by
its `do`.
"""

from __future__ import annotations

from typing import Any

from ..spec.network import Network
from ..values import value

PLAN_VERSION = 1
OUTSIDE, CLONE, STAGE, CONNECT = "outside", "clone", "stage", "connect"
ASSEMBLE, LAST = "assemble", "last"
PREPARED = (OUTSIDE, CLONE, STAGE, CONNECT)

WHY = {
    "make_cgroup": "limits and accounting need a group of their own",
    "clone": "one call gives init its own view of each of these",
    "join": "these namespaces belong to another container",
    "map_ids": "root inside is nobody outside",
    "enter_cgroup": "init moves itself: from here on all it uses is counted",
    "limit": "what it may use at most",
    "make_snapshot": "the container's own writable layer",
    "write_files": "names that the program will look up",
    "open_rootfs": "the image's layers, read-only, under the writable one",
    "open_source": "a directory of the host, seen under another id map",
    "private_mounts": "no mount made here is seen by the host, no host path stays reachable by a later one",
    "own_cgroup_view": "the group it is in looks like the root of all groups",
    "make_stage": "a place to build /proc, /dev and /sys where no image can interfere",
    "mount": "a file system that Linux makes up, for these namespaces",
    "bind_host": "this one cannot be mounted anew, so the host's is shown, read-only",
    "bind_shared": "shared memory goes with the ipc namespace that is joined",
    "mount_cgroup": "its own limits, to read",
    "device_nodes": "the harmless devices, and no others",
    "device_links": "names that programs expect in /dev",
    "mask": "these tell about the host or reach it",
    "make_read_only": "these change the host",
    "sysctl": "port 80 and ping without a capability",
    "loopback": "127.0.0.1 answers",
    "network_socket": "who connects it speaks through a socket of its own network",
    "name_sockets": "names are asked for at an address of its own, which no other network reaches",
    "connect": "a cable between its eth0 and the network's bridge, and an address",
    "register_names": "others on its networks find it by name while it runs",
    "publish": "ports of the host lead to it",
    "write_hosts": "its own name means its own address",
    "new_keyring": "keys of the host's sessions are out of reach",
    "attach_rootfs": "the image becomes visible to init, and to init alone",
    "attach_stage": "/proc, /dev and /sys go in, ready and masked",
    "attach_source": "a mount that the user asked for",
    "mount_tmpfs": "memory as a directory, gone with the container",
    "bind_device": "a device that the user asked for",
    "pivot": "the rootfs becomes /, the host's tree is let go",
    "read_only_root": "--read-only",
    "hostname": "its own name",
    "limit_resources": "ulimits, at most the host's own",
    "terminal": "a terminal of the container's own devpts",
    "change_directory": "made if it is missing, as Docker does",
    "become_user": "looked up in the image's own passwd; digits are never looked up",
    "bound_capabilities": "whatever it executes later cannot have more than these",
    "capabilities": "all others are given up for ever",
    "no_new_privileges": "no set-user-ID program gives them back",
    "fake_owners": "there is one id only, so changes of owner are answered, not made",
    "seccomp": "system calls that the program has no use for are refused",
    "execute": "init becomes the program",
}


@value
class Step:
    """One thing that is asked of Linux.  `args` holds plain JSON values only."""

    phase: str
    do: str
    args: dict[str, Any]

    @property
    def why(self) -> str:
        """Return the reason, in words for a student."""
        return WHY[self.do]


@value
class Plan:
    """The steps of one container, in order."""

    steps: tuple[Step, ...]

    def of(self, *phases: str) -> tuple[Step, ...]:
        """Return the steps of these phases."""
        return tuple([step for step in self.steps if step.phase in phases])

    @property
    def owner(self) -> int:
        """The id outside that root inside has; 0 where it is the same."""
        for step in self.of(CLONE):
            if step.do == "map_ids":
                return int(step.args["outside"])
        return 0

    def to_json(self) -> dict[str, Any]:
        """Return the record that plan.json holds."""
        return {"version": PLAN_VERSION, "steps": [[s.phase, s.do, s.args] for s in self.steps]}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Plan:
        """Read what `to_json` made."""
        return cls(tuple([Step(phase, do, args) for phase, do, args in record["steps"]]))


@value
class Places:
    """Where on this host the plan finds things.  All paths are absolute.

    `lowers`: lowest first.  `volumes`: volume name -> its data directory.  `seccomp`: the file of the
    compiled program, "" for none.  `shared`: container id -> (pid, start) of the one whose namespaces
    are joined.  `host_hosts`, `resolvers`: the host's /etc/hosts, where its network is shared, and its
    resolv.conf.  `network_files`: whose directory has the files of /etc, where another's network is joined.
    `networks`: the definitions of those that are wished for; `network_key` is how this
    store's links are told from others'.
    """

    home: str
    container: str
    lowers: tuple[str, ...]
    volumes: dict[str, str]
    seccomp: str = ""
    fake_owners: str = ""
    shared: tuple[tuple[str, int, int], ...] = ()
    host_hosts: str = ""
    resolvers: str = ""
    network_files: str = ""
    run: str = ""
    networks: tuple[Network, ...] = ()
    network_key: str = ""
    publish_address: str = ""


def shared_id(mode: str) -> str:
    """Return the container id in "container:<id>", else an empty text."""
    return mode[len("container:") :] if mode.startswith("container:") else ""
