"""What limits come to in the files of control groups, and which of them a host cannot enforce.  Pure."""

from __future__ import annotations

from ..errors import HostLacks
from ..spec.host import CgroupFeatures
from ..spec.runtime import Resources

# the texts that take a limit away
UNLIMITED = ("max", "-1")


def limits(resources: Resources, mode: str) -> tuple[tuple[str, str, str], ...]:
    """Return (controller, file, text) in the order of writing; only what was asked for.

    Memory without a word on swap allows as much swap again, as Docker does.
    """
    r = resources
    found = _memory_limits(r.memory_bytes, r.memory_swap_bytes, mode)
    if r.cpu_quota_us or r.cpu_period_us:
        quota, period = r.cpu_quota_us, r.cpu_period_us or 100_000
        if mode == "v2":
            found.append(("cpu", "cpu.max", f"{quota if quota > 0 else 'max'} {period}"))
        else:
            found.append(("cpu", "cpu.cfs_period_us", str(period)))
            found.append(("cpu", "cpu.cfs_quota_us", str(quota or -1)))
    if r.cpu_shares:
        # v1 counts 2 … 262144 around 1024, v2 1 … 10000 around 100; the line through both ends.
        shares = min(max(r.cpu_shares, 2), 262144)
        weight = 1 + (shares - 2) * 9999 // 262142
        v2 = mode == "v2"
        found.append(
            ("cpu", "cpu.weight", str(weight)) if v2 else ("cpu", "cpu.shares", str(shares))
        )
    if r.cpuset_cpus:
        found.append(("cpuset", "cpuset.cpus", r.cpuset_cpus))
    if r.pids_limit:
        found.append(("pids", "pids.max", str(r.pids_limit) if r.pids_limit > 0 else "max"))
    return tuple(found)


def _memory_limits(memory: int, swap: int, mode: str) -> list[tuple[str, str, str]]:
    if not memory:
        return []
    total = swap or 2 * memory
    if mode == "v2":
        found = [("memory", "memory.max", str(memory) if memory > 0 else "max")]
        extra = "max" if total < 0 or memory < 0 else str(max(total - memory, 0))
        return [*found, ("memory", "memory.swap.max", extra)]
    # v1 counts memory and swap together, and the sum may never be less than memory alone.
    return [
        ("memory", "memory.limit_in_bytes", str(memory)),
        ("memory", "memory.memsw.limit_in_bytes", str(-1 if memory < 0 else total)),
    ]


def require(resources: Resources, host: CgroupFeatures) -> None:
    """Refuse limits that this host cannot enforce, before anything is made.

    Raises: HostLacks with the controller and the host's exact reason.
    """
    for controller, _, text in limits(resources, host.mode):
        # where nothing is limited, no limit is what one gets
        if host.parent(controller) is None and text not in UNLIMITED:
            raise lacking(controller, host)


def lacking(controller: str, host: CgroupFeatures) -> HostLacks:
    """Return the error for a controller that this host does not give."""
    reason = host.blocker or "Linux does not offer it here"
    own = [part for part in reason.split("; ") if part.startswith(f"{controller}: ")]
    reason = own[0].partition(": ")[2] if own else reason
    asked = {"freezer": "pause containers", "cpuset": "choose processors"}
    what = asked.get(controller, f"limit {controller}")
    hint = "run `doctor` for the remedy"
    return HostLacks(
        f"this host cannot {what}: {reason}",
        hint if controller == "freezer" else f"{hint}, or leave the limit out",
        feature=f"cgroup {controller}",
    )
