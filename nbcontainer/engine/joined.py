"""The namespaces that a container takes from others: whose they are, and whether they can be joined."""

from __future__ import annotations

from ..errors import ContainerNotFound, InvalidArgument, WrongStatus
from ..runtime.plan import shared_id
from ..spec.runtime import Namespaces, RuntimeConfig
from ..values import replace
from .host import Host

_WORDS = {"pid": "PID", "ipc": "IPC", "uts": "UTS", "user": "user namespace", "network": "network"}


def joins(spaces: Namespaces) -> bool:
    """Tell whether a container takes a namespace from another one."""
    return any(shared_id(getattr(spaces, kind)) for kind in _WORDS)


def resolve(host: Host, spaces: Namespaces) -> Namespaces:
    """Put the id in place of each container's name, and say what that means for the user namespace.

    Raises: ContainerNotFound; InvalidArgument where nobody could have rights in all of them.
    """
    found = {}
    for kind in _WORDS:
        if target := shared_id(getattr(spaces, kind)):
            found[kind] = host.containers.resolve(target)
    if not found:
        return spaces
    modes = {kind: f"container:{target}" for kind, target in found.items()}
    if spaces.user != "host":
        owners = {_user_owner(host, target) for target in found.values()}
        if len(owners) > 1:
            raise InvalidArgument(
                "cannot join containers that have different user namespaces",
                "Start one of them with --userns container:NAME of the other.",
            )
        if owners == {"host"}:
            modes["user"] = "host"
    return replace(spaces, **modes)


def _user_owner(host: Host, container_id: str) -> str:
    """Return the container whose user namespace a container lives in, "host" if it has none."""
    try:
        spaces = host.containers.config(container_id).namespaces
    except ContainerNotFound:
        return container_id
    if spaces.user == "host":
        return "host"
    for kind in _WORDS:
        if target := shared_id(getattr(spaces, kind)):
            return _user_owner(host, target)
    return container_id


def with_its_hostname(host: Host, config: RuntimeConfig, target: str) -> RuntimeConfig:
    """Return a configuration with the host name of the container whose network is joined, if any."""
    if not target or config.namespaces.uts:
        return config
    name = host.containers.config(target).hostname
    before, after = f"HOSTNAME={config.hostname}", f"HOSTNAME={name}"
    env = tuple(after if line == before else line for line in config.env)
    return replace(config, hostname=name, env=env)


def network_files(host: Host, config: RuntimeConfig) -> str:
    """Return whose directory has the files of /etc that belong to a joined network; "" for one's own."""
    owner = ""
    while target := shared_id(config.namespaces.network):
        owner, config = target, host.containers.config(target)
    return host.layout.container(owner) if owner else ""


def require_running(host: Host, spaces: Namespaces) -> None:
    """Raise WrongStatus, in Docker's words, where a container that is to be joined has no process."""
    for kind, word in _WORDS.items():
        target = shared_id(getattr(spaces, kind))
        if target and not host.state(target).pid:
            raise WrongStatus(
                f"cannot join {word} of a non running container: {target}",
                "Start that container first.",
            )
