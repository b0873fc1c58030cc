"""The rows of network ls, inspect's document of a network, and a container's networks in Docker's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..spec.lifecycle import State
from ..spec.network import HOST, NONE, Attachment, Endpoint, Network, PortBinding
from ..spec.runtime import RuntimeConfig
from ..units import rfc3339
from .words import created_at, labels_text, short_id

COLUMNS = (("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE"))
# those without a bridge are no file in the store, and their ids are the same everywhere
_FIXED_IDS = {"host": "686f7374".ljust(64, "0"), "none": "6e6f6e65".ljust(64, "0")}
_FIXED_DRIVERS = {"host": "host", "none": "null"}


def fixed(name: str) -> Network:
    """Return host or none as a network, for who lists and inspects."""
    return Network(_FIXED_IDS[name], name, 0, "", (), driver=_FIXED_DRIVERS[name])


def network_row(network: Network, *, no_trunc: bool = False) -> dict[str, Any]:
    """Return every field that a template of network ls may ask for."""
    labels = network.labels
    return {
        "ID": network.id if no_trunc else short_id(network.id),
        "Name": network.name,
        "Driver": network.driver,
        "Scope": "local",
        "IPv4": "true",
        "IPv6": str(network.ipv6).lower(),
        "Internal": str(network.internal).lower(),
        "Labels": labels_text(labels),
        "Label": lambda key: labels.get(key, ""),
        "CreatedAt": created_at(network.created_ns),
    }


def inspect(
    network: Network, members: Iterable[tuple[str, str, Endpoint]], way_out: str = ""
) -> dict[str, Any]:
    """Return inspect's document of a network; members are (container's id, its name, its place).

    "WayOut" is an addition of ours: what carries what leaves the network.
    """
    document: dict[str, Any] = {
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339(network.created_ns),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": None,
            "Config": [_ipam(subnet) for subnet in network.subnets],
        },
        "Internal": network.internal,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            container_id: {
                "Name": name,
                "EndpointID": endpoint_id(container_id, endpoint),
                "MacAddress": endpoint.mac,
                "IPv4Address": _with_prefix(endpoint.address, endpoint.prefix),
                "IPv6Address": _with_prefix(endpoint.address6, endpoint.prefix6),
            }
            for container_id, name, endpoint in members
        },
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }
    if network.bridge:
        document["Bridge"] = network.bridge
        document["WayOut"] = way_out
    return document


def _ipam(subnet: Any) -> dict[str, str]:
    found = {"Subnet": subnet.subnet, "Gateway": subnet.gateway}
    return {**found, "IPRange": subnet.ip_range} if subnet.ip_range else found


def _with_prefix(address: str, prefix: int) -> str:
    return f"{address}/{prefix}" if address else ""


def endpoint_id(container_id: str, endpoint: Endpoint) -> str:
    """Return an id for a container's place on a network: half of either's."""
    return container_id[:32] + endpoint.network_id[:32]


def settings(config: RuntimeConfig, state: State) -> dict[str, Any]:
    """Return the "NetworkSettings" of a container's inspect."""
    places = {endpoint.network: endpoint for endpoint in state.endpoints}
    networks: dict[str, Any] = {}
    mode = config.namespaces.network
    if mode in ("host", "none"):
        networks[mode] = _endpoint(config, None, Attachment(mode), _FIXED_IDS[mode])
    for wish in config.networks:
        networks[wish.network] = _endpoint(config, places.get(wish.network), wish)
    main = _endpoint(config, next(iter(state.endpoints), None), Attachment(""))
    keys = "EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen"
    return {
        "Bridge": "",
        "SandboxID": state.sandbox,
        "SandboxKey": f"/proc/{state.pid}/ns/net" if state.pid else "",
        "Ports": ports(state.ports, config.exposed_ports if state.pid else ()),
        **{key: main[key] for key in (*keys.split(), "IPv6Gateway", "MacAddress")},
        "Networks": networks,
    }


def _endpoint(
    config: RuntimeConfig,
    place: Endpoint | None,
    wish: Attachment,
    network_id: str = "",
) -> dict[str, Any]:
    chosen = {"IPv4Address": wish.address, "IPv6Address": wish.address6}
    at = place or Endpoint("", network_id, "", "")
    return {
        "IPAMConfig": {key: address for key, address in chosen.items() if address} or None,
        "Links": None,
        "Aliases": list(wish.aliases) or None,
        "MacAddress": at.mac,
        "NetworkID": at.network_id,
        "EndpointID": endpoint_id(config.id, at) if place else "",
        "Gateway": at.gateway,
        "IPAddress": at.address,
        "IPPrefixLen": at.prefix,
        "IPv6Gateway": at.gateway6,
        "GlobalIPv6Address": at.address6,
        "GlobalIPv6PrefixLen": at.prefix6,
        "DriverOpts": None,
        "DNSNames": list(at.names) or None,
    }


def ports(published: Iterable[PortBinding], exposed: Iterable[str] = ()) -> dict[str, Any]:
    """Return the "Ports" of inspect: what is published where; null for what is exposed alone."""
    found: dict[str, Any] = dict.fromkeys(exposed)
    for binding in published:
        place = {"HostIp": binding.host_ip, "HostPort": str(binding.host_port)}
        found[binding.key] = [*(found.get(binding.key) or ()), place]
    return found


def bindings(wanted: Iterable[PortBinding]) -> dict[str, Any]:
    """Return the "PortBindings" of inspect's HostConfig: what was asked for."""
    found: dict[str, Any] = {}
    for binding in wanted:
        number = str(binding.host_port) if binding.host_port else ""
        if binding.host_last > binding.host_port:
            number += f"-{binding.host_last}"
        place = {"HostIp": binding.host_ip, "HostPort": number}
        found.setdefault(binding.key, []).append(place)
    return found


def names_of(config: RuntimeConfig) -> str:
    """Return the networks of a container as ps shows them."""
    mode = config.namespaces.network
    is_shared = mode in (HOST, NONE) or mode.startswith("container:")
    return mode if is_shared else ",".join(wish.network for wish in config.networks)


def members_of(
    network: Network, listing: Iterable[tuple[RuntimeConfig, State, str]]
) -> list[tuple[str, str, Endpoint]]:
    """Return the running containers on a network; on the host's and on none they have no addresses."""
    if not network.bridge:
        place = Endpoint(network.name, network.id, "", "")
        return [
            (config.id, name, place)
            for config, state, name in listing
            if state.pid and config.namespaces.network == network.name
        ]
    return [
        (config.id, name, endpoint)
        for config, state, name in listing
        for endpoint in state.endpoints
        if endpoint.network_id == network.id
    ]


def published(state: State) -> str:
    """Return what is published of a running container, each port of the host once."""
    shown = {f"{b.host_port}->{b.key}": None for b in state.ports}
    return ", ".join(shown)
