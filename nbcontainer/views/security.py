"""Which protections of the default profile a container went without, in the words of its flags."""

from __future__ import annotations

from ..spec.runtime import RuntimeConfig


def relaxations(config: RuntimeConfig) -> tuple[str, ...]:
    """Return the flags that made this container less isolated than the default; () for most.

    `ps` shows them in a column of their own and `inspect` under "Relaxations".
    """
    found = []
    security, spaces = config.security, config.namespaces
    if security.privileged:
        found.append("privileged")
    shared = (
        ("userns", spaces.user),
        ("pid", spaces.pid),
        ("ipc", spaces.ipc),
        ("uts", spaces.uts),
        ("network", spaces.network if _is_shared(spaces.network) else ""),
    )
    for flag, value in shared:
        if value:
            kind, _, other = value.partition(":")
            found.append(f"{flag}={kind}:{other[:12]}" if other else f"{flag}={kind}")
    if security.seccomp and not security.privileged:
        custom = security.seccomp != "unconfined"
        found.append("seccomp=custom" if custom else "seccomp=unconfined")
    if not security.no_new_privileges and not security.privileged:
        found.append("no-new-privileges=false")
    found += [f"cap-add={name.removeprefix('CAP_')}" for name in security.cap_add]
    found += [f"device={device.path}" for device in config.devices]
    if security.user_hidden:
        found.append("user=root")
    if config.resources.pids_limit == -1:
        found.append("pids-limit=-1")
    return tuple(found)


def _is_shared(mode: str) -> bool:
    """Tell whether a container has no network namespace of its own."""
    return mode == "host" or mode.startswith("container:")
