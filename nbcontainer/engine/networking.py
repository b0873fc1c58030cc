"""What a container's wishes for networks come to on this host, decided when it is created and started."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import HostLacks
from ..runtime.plan import shared_id
from ..runtime.planner_network import may_connect
from ..spec.codec import decode, encode
from ..spec.flags_network import DEFAULT
from ..spec.network import BRIDGE, HOST, NONE, PROXY_PORT, Attachment, Network
from ..spec.runtime import RuntimeConfig
from ..store.files import dump_json, read_json, write_atomic
from ..values import replace
from . import addressing
from .host import Host

# beside config.json, which is never changed
_FILE = "networks.json"


def settle(host: Host, config: RuntimeConfig) -> tuple[str, tuple[Attachment, ...]]:
    """Return the network mode and the wishes, with each network by its name.

    Where the host lets no bridge be made, who asked for none gets none: `info` and `doctor` say why.
    Raises: NetworkNotFound; HostLacks where a network was asked for that cannot be.
    """
    mode = config.namespaces.network
    if mode in (HOST, NONE) or shared_id(mode):
        return mode, ()
    features = host.features
    if features.network == "none":
        if mode == DEFAULT:
            return NONE, ()
        raise HostLacks(
            f"network {mode}: {features.network_blocker}",
            "Use --network none or host; `doctor` says what this host lacks.",
            feature="bridge",
        )
    wishes = []
    for wish in config.networks:
        network = resolve(host, wish.network)
        addressing.check(network, wish)
        wishes.append(replace(wish, network=network.name))
    return (BRIDGE if mode == DEFAULT else wishes[0].network), tuple(wishes)


def resolve(host: Host, text: str) -> Network:
    """Return a network by name, id or the start of an id.  Raises: NetworkNotFound."""
    host.features  # noqa: B018  the zygote makes the predefined network
    return host.networks.resolve(text)


def definitions(host: Host, config: RuntimeConfig) -> tuple[Network, ...]:
    """Return the definitions of a container's networks.

    Raises: NetworkNotFound for one that was removed since the container was created.
    """
    return tuple([resolve(host, wish.network) for wish in config.networks])


def publish_address(host: Host) -> str:
    """Return where ports are published that name no address; "" is every address of both versions."""
    chosen = host.settings.publish_address
    return "" if chosen in ("0.0.0.0", "::") else chosen


def warnings(host: Host, config: RuntimeConfig) -> list[str]:
    """Return what a container's place on networks does not give although it was asked for."""
    mode, found = config.namespaces.network, []
    if mode in (HOST, NONE) and (config.publish or config.publish_all):
        found.append(f"Published ports are discarded when using {mode} network mode")
    is_limited = not host.features.is_rootless and config.namespaces.user != "host"
    if mode == HOST and is_limited and (first := _first_free_port()) > 1:
        found.append(
            f"Ports below {first} of the host cannot be bound with --network host: root inside is "
            "nobody there. Add --userns host, or publish them with -p on a bridge."
        )
    return found


def _first_free_port() -> int:
    """Return the first port that every user of this host may bind."""
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def current(host: Host, config: RuntimeConfig) -> RuntimeConfig:
    """Return the configuration with the networks as `connect` and `disconnect` left them."""
    if not may_connect(config):
        return config
    try:
        found = read_json(host.layout.container(config.id, _FILE))
        wishes = tuple([decode(Attachment, each, lenient=True) for each in found])
    except (FileNotFoundError, TypeError):
        return config
    return replace(config, networks=wishes)


def write(host: Host, container_id: str, wishes: tuple[Attachment, ...]) -> None:
    """Write down a container's networks, which from now on count in place of its configuration's."""
    path = host.layout.container(container_id, _FILE)
    write_atomic(path, dump_json([encode(wish) for wish in wishes]), sync=True)


def way_out(host: Host, network: Network) -> str:
    """Return in words what carries what leaves a network."""
    features = host.features
    if network.internal:
        return "none: the network is internal"
    if features.network == "host":
        if features.nat_blocker:
            return f"none: {features.nat_blocker}"
        return "the host's own routes, under its address (nf_tables)"
    if features.way_out == "proxy":
        return f"HTTP and HTTPS by a proxy at {network.subnets[0].gateway}:{PROXY_PORT}"
    return features.way_out or "none: nothing leads out of the store's network namespace"


def environment(
    host: Host, config: RuntimeConfig, networks: Iterable[Network] | None = None
) -> tuple[str, ...]:
    """Return the variables that lead a container's programs out, where a proxy is the only way.

    `networks`: the container's, looked up where they are not given.  What the image or the user set, in
    whichever letters, stays as it is.
    """
    if host.features.way_out != "proxy":
        return ()
    found = definitions(host, config) if networks is None else networks
    open_networks = [n for n in found if not n.internal]
    if not open_networks:
        return ()
    url = f"http://{open_networks[0].subnets[0].gateway}:{PROXY_PORT}"
    local = "localhost,127.0.0.1,::1"
    wanted = {"http_proxy": url, "https_proxy": url, "no_proxy": local}
    known = {line.partition("=")[0].lower() for line in config.env}
    if known & wanted.keys():
        return ()
    pairs = [*wanted.items(), *((name.upper(), value) for name, value in wanted.items())]
    return tuple(f"{name}={value}" for name, value in pairs)
