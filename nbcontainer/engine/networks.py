"""Networks: create, list, describe, remove, prune; connect and disconnect containers; ports."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import (
    Conflict,
    ContainerNotFound,
    Denied,
    EngineError,
    HostLacks,
    InvalidArgument,
    NetworkNotFound,
    NotFound,
    StillInUse,
)
from ..net import nat
from ..results import Pruned, Table, Text
from ..runtime import opening, rewiring, wire
from ..runtime.networks import store_key
from ..runtime.plan import shared_id
from ..runtime.planner_network import may_connect
from ..spec.create import words
from ..spec.filters import NETWORK_KEYS, NETWORK_PRUNE_KEYS, network_test, parse_filters, prune_test
from ..spec.flags_network import (
    DEFAULT,
    check_alias,
    check_ip,
    check_network_name,
    check_wish,
    parse_options,
)
from ..spec.flags_values import parse_labels
from ..spec.network import HOST, NONE, PREDEFINED, Attachment, Endpoint, Network
from ..spec.runtime import RuntimeConfig
from ..store.networks import Leases
from ..values import replace
from ..views import network as view
from . import addressing, networking
from . import create as creating
from .host import Host

_SETTLE_S = 5.0


def create(
    host: Host,
    name: str,
    *,
    driver: str,
    subnet: Any,
    gateway: Any,
    ip_range: Any,
    internal: bool,
    ipv6: bool,
    label: Any,
    opt: Any,
) -> str:
    """Make a network; return its id.

    Raises: Conflict for a name or addresses that are taken, InvalidArgument, HostLacks.
    """
    if driver not in ("", "bridge"):
        raise NotFound(
            f"could not find plugin {driver} in v1 plugin registry: plugin not found",
            "There is one driver: bridge.",
        )
    check_network_name(name)
    if name in (*PREDEFINED, DEFAULT):
        raise Denied(f"operation is not permitted on predefined {name} network")
    if host.features.network == "none":
        raise HostLacks(
            f"network {name}: {host.features.network_blocker}",
            "`doctor` says what this host lacks.",
            feature="bridge",
        )
    options, labels = parse_options(words(opt)), parse_labels(words(label))
    network_id = host.chance.new_id(lambda text: text in {n.id for n in host.networks.list()})
    with Leases(host.layout.run).lock():
        known = host.networks.list()
        if name in [network.name for network in known]:
            raise Conflict(f"network with name {name} already exists")
        asked = addressing.subnets(words(subnet), words(gateway), words(ip_range))
        subnets = addressing.complete(host, asked, known, network_id, ipv6=ipv6)
        bridge = nat.bridge_name(store_key(host.layout.home), network_id, internal=internal)
        made = Network(
            network_id,
            name,
            host.now_ns(),
            bridge,
            subnets,
            internal=internal,
            ipv6=any(each.is_v6 for each in subnets),
            labels=labels,
            options=options,
        )
        host.networks.create(made)
    host.publish("network", "create", network_id, name=name, type="bridge")
    return network_id


def ls(host: Host, *, filter: Any, no_trunc: bool) -> Table:
    """Return the networks by name; host and none are among them."""
    fits = network_test(parse_filters(filter, NETWORK_KEYS))
    used = _users(host)
    found = [network for network in everything(host) if fits(network, network.name in used)]
    rows = [view.network_row(network, no_trunc=no_trunc) for network in found]
    return Table("network", view.COLUMNS, rows)


def everything(host: Host) -> list[Network]:
    """Return every network by name, host and none among them."""
    host.features  # noqa: B018  the zygote makes the predefined one
    found = [*host.networks.list(), view.fixed(HOST), view.fixed(NONE)]
    return sorted(found, key=lambda network: network.name)


def inspect(host: Host, name: str) -> dict[str, Any]:
    """Return Docker's document on a network.  Raises: NetworkNotFound."""
    for fixed in (view.fixed(HOST), view.fixed(NONE)):
        if name == fixed.name or (len(name) > 3 and fixed.id.startswith(name)):
            return view.inspect(fixed, view.members_of(fixed, host.listing()))
    network = networking.resolve(host, name)
    members = view.members_of(network, host.listing())
    return view.inspect(network, members, networking.way_out(host, network))


def rm(host: Host, names: Iterable[str], *, force: bool) -> list[str]:
    """Remove networks that no container is on; with `force` one that is missing is no error.

    Raises: NetworkNotFound, StillInUse, Denied in Docker's words.
    """
    done = []
    for name in names:
        try:
            _remove(host, name)
        except NetworkNotFound:
            if not force:
                raise
            continue
        done.append(name)
    return done


def _remove(host: Host, text: str) -> None:
    if text in PREDEFINED:
        raise Denied(f"{text} is a pre-defined network and cannot be removed")
    network = networking.resolve(host, text)
    leases = Leases(host.layout.run)
    deadline = time.monotonic() + _SETTLE_S
    while True:
        members = view.members_of(network, host.listing())
        with leases.lock():
            if not members and not leases.of_network(network.id):
                host.networks.remove(network.name)
                break
        # who has just ended gives its address back in a moment
        if members or time.monotonic() > deadline:
            raise _still_used(network, members)
        time.sleep(0.005)
    host.publish("network", "destroy", network.id, name=network.name, type="bridge")


def _still_used(network: Network, members: Sequence[tuple[str, str, Endpoint]]) -> StillInUse:
    shown = ", ".join(f'name:"{name}" id:"{container[:12]}"' for container, name, _ in members)
    return StillInUse(
        f"error while removing network: network {network.name} has active endpoints ({shown})",
        "Disconnect or stop those containers first.",
    )


def prune(host: Host, *, filter: Any) -> Pruned:
    """Remove the networks that no container is on, running or not."""
    fits = prune_test(parse_filters(filter, NETWORK_PRUNE_KEYS), host.now_ns())
    used = _users(host)
    removed = []
    for network in host.networks.list():
        if network.is_predefined or network.name in used:
            continue
        if fits(network.labels, network.created_ns):
            try:
                _remove(host, network.name)
            except EngineError:
                continue  # somebody came, or was faster
            removed.append(network.name)
    host.publish("network", "prune", "", reclaimed="0")
    said = ["Deleted Networks:", *removed, ""] if removed else []
    return Pruned("Networks", removed, 0, said)


def _users(host: Host) -> Mapping[str, list[str]]:
    """Return the ids of the containers that are to be on each network."""
    found: dict[str, list[str]] = {}
    for config, _, _ in host.containers.list():
        for wish in networking.current(host, config).networks:
            found.setdefault(wish.network, []).append(config.id)
    return found


def connect(host: Host, network: str, container: str, *, alias: Any, ip: str, ip6: str) -> None:
    """Put a container onto one more network, at once if it runs.

    Raises: NetworkNotFound, ContainerNotFound, Conflict, Denied in Docker's words.
    """
    container_id = host.containers.resolve(container)
    config = networking.current(host, creating.of_today(host, container_id))
    if shared_id(config.namespaces.network):
        raise Denied(
            "container sharing network namespace with another container or host cannot be connected "
            "to any other network"
        )
    if network in (HOST, NONE) or not may_connect(config):
        raise Denied(
            "container cannot be disconnected from host network or connected to host network"
            if HOST in (network, config.namespaces.network)
            else "container cannot be connected to multiple networks with one of the networks "
            "in private (none) mode"
        )
    found = networking.resolve(host, network)
    if any(wish.network == found.name for wish in config.networks):
        raise Denied(
            f"endpoint with name {host.containers.name(container_id)} already exists in network "
            f"{found.name}"
        )
    wish = Attachment(
        found.name,
        tuple(check_alias(text) for text in words(alias)),
        check_ip("--ip", ip, v6=False) if ip else "",
        check_ip("--ip6", ip6, v6=True) if ip6 else "",
    )
    check_wish(wish)
    addressing.check(found, wish)
    _change(host, container_id, config, (*config.networks, wish))
    about = {"container": container_id, "name": found.name, "type": "bridge"}
    host.publish("network", "connect", found.id, **about)


def disconnect(host: Host, network: str, container: str, *, force: bool) -> None:
    """Take a container off a network, at once if it runs; `force`: also if it is not on it.

    Raises: NetworkNotFound, ContainerNotFound, Denied in Docker's words.
    """
    try:
        container_id = host.containers.resolve(container)
    except ContainerNotFound:
        if force:
            return
        raise
    config = networking.current(host, creating.of_today(host, container_id))
    if network == HOST:
        raise Denied("container cannot be disconnected from host network")
    found = networking.resolve(host, network)
    left = tuple(wish for wish in config.networks if wish.network != found.name)
    if len(left) == len(config.networks):
        if force:
            return
        raise Denied(f"container {container_id} is not connected to network {found.name}")
    _change(host, container_id, config, left)
    about = {"container": container_id, "name": found.name, "type": "bridge"}
    host.publish("network", "disconnect", found.id, **about)


def _change(
    host: Host, container_id: str, config: RuntimeConfig, wishes: tuple[Attachment, ...]
) -> None:
    """Write a container's wishes, and have its shim fulfil them; where that fails, they are as before."""
    old = config.networks
    with Leases(host.layout.run).lock():
        networking.write(host, container_id, wishes)
    state = host.settled(container_id)
    if not state.status.is_alive:
        return
    try:
        rewire(host, replace(config, networks=wishes), state.sandbox)
    except BaseException:
        networking.write(host, container_id, old)
        creating.write_plan(host, replace(config, networks=old))
        raise


def rewire(host: Host, config: RuntimeConfig, sandbox: str) -> None:
    """Write a running container's plan anew, and have its shim bring it onto the networks of that."""
    before = opening.load(host.layout.container(config.id), config.id)[1]
    creating.write_plan(host, config)
    host.runtime.ask(sandbox, wire.Rewire(rewiring.resolvers_of(before)[1]))


def port(host: Host, container: str, text: str) -> Text:
    """Return where a container's ports are published: all, or those of "80" or "80/udp".

    Raises: ContainerNotFound, NotFound in Docker's words.
    """
    container_id = host.containers.resolve(container)
    state = host.state(container_id)
    if not text:
        shown = sorted(state.ports, key=lambda b: (b.port, b.protocol, ":" in b.host_ip))
        return Text([f"{b.key} -> {_place(b.host_ip, b.host_port)}" for b in shown])
    number, _, protocol = text.partition("/")
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise InvalidArgument(f"invalid port format: {text}")
    wanted = f"{int(number)}/{(protocol or 'tcp').lower()}"
    places = [_place(b.host_ip, b.host_port) for b in state.ports if b.key == wanted]
    if not places:
        raise NotFound(f"no public port '{wanted}' published for {container}")
    return Text(places)


def _place(address: str, number: int) -> str:
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
