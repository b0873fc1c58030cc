"""Capability names <-> bits, and what --cap-add, --cap-drop and --privileged come to.

The order below is Linux's own numbering (include/uapi/linux/capability.h): a name's place is its bit.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InvalidArgument

_NAMES_IN_BIT_ORDER = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
    SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
    MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""

ALL = tuple("CAP_" + name for name in _NAMES_IN_BIT_ORDER.split())
BITS = {name: bit for bit, name in enumerate(ALL)}

# Docker's 14 less MKNOD, NET_RAW and AUDIT_WRITE: Podman's choice.  `ping` and port 80 work without
# NET_RAW and NET_BIND_SERVICE through sysctls of the network namespace.
DEFAULT = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_SETFCAP",
)

_EVERY = "ALL"


def resolve(
    cap_add: Iterable[str] = (),
    cap_drop: Iterable[str] = (),
    privileged: bool = False,
    last_capability: int = len(ALL) - 1,
) -> tuple[str, ...]:
    """Return the capabilities that the flags ask for, in Linux's order, full names.

    Names count in any case, with or without CAP_.  As in Docker: --privileged gives all whatever
    is dropped; what is both dropped and added is there, except under --cap-add ALL, where the drop
    wins.
    Those above `last_capability`, which this Linux does not know, are left out.
    Raises: InvalidArgument for a name that no Linux has.
    """
    add, drop = _normalised("CapAdd", cap_add), _normalised("CapDrop", cap_drop)
    if privileged:
        chosen = set(ALL)
    elif _EVERY in add:
        chosen = set(ALL) - drop
    elif _EVERY in drop:
        chosen = add
    else:
        chosen = (set(DEFAULT) - drop) | add
    return tuple([name for name in ALL[: last_capability + 1] if name in chosen])


def mask(names: Iterable[str], last_capability: int = len(ALL) - 1) -> int:
    """Return the bit mask of `names`; bits above `last_capability` are left out.

    An older Linux refuses a set that holds a bit it does not know (capset(2) EPERM), so a name that
    it lacks is dropped here, not earlier: the container's configuration keeps what was asked for.
    Raises: InvalidArgument for an unknown name.
    """
    total = 0
    for name in names:
        bit = BITS.get(name)
        if bit is None:
            raise InvalidArgument(f'unknown capability: "{name}"')
        if bit <= last_capability:
            total |= 1 << bit
    return total


def names(bits: int) -> tuple[str, ...]:
    """Return the names in a mask, as /proc/PID/status shows one; unknown bits are left out."""
    return tuple([name for bit, name in enumerate(ALL) if bits >> bit & 1])


def _normalised(flag: str, given: Iterable[str]) -> set[str]:
    found = set()
    for text in given:
        name = text.strip().upper()
        if name != _EVERY and not name.startswith("CAP_"):
            name = "CAP_" + name
        if name == "CAP_" + _EVERY:
            name = _EVERY
        if name != _EVERY and name not in BITS:
            raise InvalidArgument(f'invalid {flag}: unknown capability: "{name}"')
        found.add(name)
    return found
