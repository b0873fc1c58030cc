"""Plan a container's place on its networks, its published ports and the three files of /etc.  Pure."""

from __future__ import annotations

from typing import Any

from ..spec.flags_values import HOST_GATEWAY
from ..spec.host import HostFeatures
from ..spec.network import HOST, NONE, Attachment, Network, PortBinding
from ..spec.runtime import RuntimeConfig
from .plan import ASSEMBLE, CONNECT, STAGE, Places, Step, shared_id

# where Docker's name service answers in a container
NAME_SERVER = "127.0.0.11"


def may_connect(config: RuntimeConfig) -> bool:
    """Tell whether a container has a network namespace that may be on networks, now or later."""
    mode = config.namespaces.network
    return mode not in (HOST, NONE) and not shared_id(mode)


def network_of(wish: Attachment, places: Places) -> Network | None:
    """Return the definition of the network that is wished for."""
    return next((n for n in places.networks if wish.network in (n.name, n.id)), None)


def has_names(config: RuntimeConfig, host: HostFeatures, places: Places) -> bool:
    """Tell whether the name service answers in the container.

    On networks that users made, as in Docker; on the predefined one where the host's own servers cannot
    be reached from it.
    """
    found = [network_of(wish, places) for wish in config.networks]
    if not any(found):
        return False
    if any(network is not None and not network.is_predefined for network in found):
        return True
    servers = config.dns or nameservers(places.resolvers)
    return not config.dns and (host.network == "own" or all(map(is_loopback, servers)))


def is_loopback(address: str) -> bool:
    """Tell whether an address means the asking machine itself."""
    return address.startswith("127.") or address == "::1"


def stage_steps(config: RuntimeConfig) -> list[Step]:
    """Return what init hands out while it has rights over its network namespace.

    The sockets for names are there even where no names are yet: a network may be joined later.  They
    are bound when the name service is told of them.
    """
    if not may_connect(config):
        return []
    return [
        Step(STAGE, "network_socket", {}),
        Step(STAGE, "name_sockets", {}),
    ]


def connect_steps(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    """Return how the container comes onto its networks, in their order; the first open one is its way out."""
    found = [(wish, network_of(wish, places)) for wish in config.networks]
    pairs = [(wish, network) for wish, network in found if network is not None]
    way_out = next((network.id for _, network in pairs if not network.internal), "")
    steps = []
    for number, (wish, network) in enumerate(pairs):
        args = connect_args(config, wish, network, host, places.run)
        own = {"interface": f"eth{number}", "is_way_out": network.id == way_out}
        steps.append(Step(CONNECT, "connect", {**args, **own}))
    if has_names(config, host, places):
        steps.append(Step(CONNECT, "register_names", _names_args(config, host, places)))
    return steps


def _names_args(config: RuntimeConfig, host: HostFeatures, places: Places) -> dict[str, Any]:
    found = [network_of(wish, places) for wish in config.networks]
    return {
        "mode": host.network,
        "run": places.run,
        "address": NAME_SERVER,
        "servers": list(config.dns or nameservers(places.resolvers)),
        # from an internal network nothing leaves, not even a question
        "internal": all(network is not None and network.internal for network in found),
    }


def connect_args(
    config: RuntimeConfig,
    wish: Attachment,
    network: Network,
    host: HostFeatures,
    run: str,
) -> dict[str, Any]:
    """Return the arguments of one connecting.

    On the predefined network nothing in them is a container's own, so that the pool can do it beforehand.
    """
    names: list[str] = []
    if not network.is_predefined:
        own = (config.hostname,) if config.hostname and not config.namespaces.uts else ()
        names = list(dict.fromkeys((config.name, *wish.aliases, config.id[:12], *own)))
    return {
        "mode": host.network,
        "run": run,
        "network": network.id,
        "name": network.name,
        "bridge": network.bridge,
        "subnets": [[s.subnet, s.gateway, s.ip_range] for s in network.subnets],
        "internal": network.internal,
        "mtu": network.mtu,
        "address": wish.address,
        "address6": wish.address6,
        "mac": wish.mac,
        "names": names,
    }


def publish_steps(config: RuntimeConfig, host: HostFeatures, places: Places) -> list[Step]:
    """Return how the container's ports are published; none where there are none.

    Nothing is on the host's network, on none, or on internal networks alone.
    """
    found = [network_of(wish, places) for wish in config.networks]
    if not any(network is not None and not network.internal for network in found):
        return []
    wanted = list(config.publish)
    if config.publish_all:
        known = {binding.key for binding in wanted}
        for text in config.exposed_ports:
            port, _, protocol = text.partition("/")
            if text not in known and protocol in ("tcp", "udp"):
                wanted.append(PortBinding(int(port), protocol))
    if not wanted:
        return []
    ports = [[p.protocol, p.host_ip, p.host_port, p.host_last, p.port] for p in wanted]
    args = {
        "home": places.home,
        "run": places.run,
        "key": places.network_key,
        "translate": host.network == "host" and not host.nat_blocker,
        "address": places.publish_address,
        "owner": host.id_base if config.namespaces.user != "host" else 0,
        "ports": ports,
    }
    return [Step(ASSEMBLE, "publish", args)]


def hosts_text(config: RuntimeConfig, places: Places) -> str:
    """Return /etc/hosts as Docker writes it; a container's own addresses follow once it has them."""
    is_host = config.namespaces.network == HOST
    lines = [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "ff00::0\tip6-mcastprefix",
        "ff02::1\tip6-allnodes",
        "ff02::2\tip6-allrouters",
    ]
    if is_host and places.host_hosts:
        lines = places.host_hosts.splitlines()
    for extra in config.extra_hosts:
        name, _, address = extra.partition(":")
        if address == HOST_GATEWAY:
            address = _host_gateway(config, places)
        lines.append(f"{address}\t{name}")
    if not is_host and not may_connect(config):
        lines.append(f"127.0.0.1\t{host_names(config)}")
    return "\n".join(lines) + "\n"


def _host_gateway(config: RuntimeConfig, places: Places) -> str:
    """Return by which address the container reaches the host: the gateway of its first network."""
    for wish in config.networks:
        network = network_of(wish, places)
        if network is not None and network.subnets:
            return network.subnets[0].gateway
    return "127.0.0.1"


def host_names(config: RuntimeConfig) -> str:
    """Return what /etc/hosts calls the container: its host name, and the first part of one with dots."""
    first, dot, _ = config.hostname.partition(".")
    return f"{config.hostname} {first}" if dot and first else config.hostname


def resolv_text(config: RuntimeConfig, host_text: str, *, own_names: bool = False) -> str:
    """Return /etc/resolv.conf: what was asked for, else the host's.

    `own_names`: the name service is asked, and knows whom to ask in turn.
    """
    servers = config.dns or tuple(nameservers(host_text))
    kept = [
        line
        for line in host_text.splitlines()
        if line.strip()
        and not line.lstrip().startswith(("#", ";"))
        and not line.startswith("nameserver")
        and not (config.dns_search and line.startswith(("search", "domain")))
        and not ((config.dns_options or own_names) and line.startswith("options"))
    ]
    lines = [f"nameserver {NAME_SERVER}"] if own_names else [f"nameserver {a}" for a in servers]
    lines += kept
    if config.dns_search and config.dns_search != (".",):
        lines.append("search " + " ".join(config.dns_search))
    options = [*config.dns_options, *(["ndots:0"] if own_names and not config.dns_options else [])]
    if options:
        lines.append("options " + " ".join(options))
    return "\n".join(lines) + "\n" if lines else ""


def nameservers(text: str) -> list[str]:
    """Return the addresses of the servers that a resolv.conf names."""
    rows = [line.split() for line in text.splitlines()]
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"]


def host_resolvers() -> str:
    """Return the host's resolv.conf; that behind a resolver of its own, which only the host reaches."""
    text = _read("/etc/resolv.conf")
    servers = nameservers(text)
    if servers and all(map(is_loopback, servers)):
        return _read("/run/systemd/resolve/resolv.conf") or text
    return text


def host_hosts() -> str:
    """Return the host's /etc/hosts, for who shares its network."""
    return _read("/etc/hosts")


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return ""
