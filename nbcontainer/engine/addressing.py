"""A network's addresses: those that were asked for, those that are chosen, those that are taken by now."""

from __future__ import annotations

from ..errors import Conflict, InvalidArgument
from ..net import ipam, links, netlink
from ..runtime import networks
from ..spec.network import Attachment, Network, Subnet
from ..store.networks import Leases
from ..values import replace
from .host import Host


def subnets(texts: list[str], gateways: list[str], ranges: list[str]) -> list[Subnet]:
    """Pair each subnet with its gateway and its range, of which each must find one."""
    found = []
    for subnet in texts:
        ipam.span(subnet)
        mine = [g for g in gateways if ipam.contains(subnet, g)]
        its_ranges = [r for r in ranges if ipam.contains(subnet, r)]
        if len(mine) > 1:
            raise InvalidArgument(f"duplicate gateway for subnet {subnet}")
        if len(its_ranges) > 1:
            raise InvalidArgument(f"multiple overlapping ranges are not supported: {subnet}")
        gateways = [g for g in gateways if g not in mine]
        ranges = [r for r in ranges if r not in its_ranges]
        found.append(ipam.check_subnet(subnet, "".join(mine), "".join(its_ranges)))
    if gateways:
        raise InvalidArgument(f"no matching subnet for gateway {gateways[0]}")
    if ranges:
        raise InvalidArgument(f"no matching subnet for range {ranges[0]}")
    versions = [each.is_v6 for each in found]
    if len(set(versions)) < len(versions):
        raise InvalidArgument("a network has one subnet of each version of addresses at most")
    return sorted(found, key=lambda each: each.is_v6)


def complete(
    host: Host, asked: list[Subnet], known: list[Network], network_id: str, *, ipv6: bool
) -> tuple[Subnet, ...]:
    """Add what was not asked for; refuse what is taken, with the name of who has it."""
    taken = [(s.subnet, f"network {n.name}") for n in known for s in n.subnets]
    bridges = {network.bridge for network in known}
    taken += [(d, f"the host's link {link}") for d, link in _routes() if link not in bridges]
    for subnet in asked:
        if owner := ipam.clash(subnet.subnet, taken):
            raise Conflict(
                f"Pool overlaps with other one on this address space: {subnet.subnet} and {owner}",
                "Choose another --subnet.",
            )
    found = list(asked)
    if not any(not each.is_v6 for each in found):
        found.insert(0, ipam.free_subnet(each for each, _ in taken))
    if ipv6 and not any(each.is_v6 for each in found):
        found.append(ipam.subnet6(network_id))
    return tuple(found)


def _routes() -> list[tuple[str, str]]:
    """Return the host's routes as (destination, link)."""
    with netlink.open_socket(netlink.ROUTE) as sock:
        return links.routed(sock)


def check(network: Network, wish: Attachment) -> None:
    """Refuse an address that no subnet holds that the user chose.  Raises: InvalidArgument as Docker does."""
    for address in filter(None, (wish.address, wish.address6)):
        chosen = [
            s.subnet for s in network.subnets if s.is_v6 == (":" in address) and not s.automatic
        ]
        if any(ipam.contains(subnet, address) for subnet in chosen):
            continue
        problem = (
            f"no configured subnet or ip-range contain the IP address {address}"
            if chosen
            else "user specified IP address is supported only when connecting to networks with user "
            "configured subnets"
        )
        raise InvalidArgument(
            f"invalid config for network {network.name}: invalid endpoint settings: {problem}",
            "`network inspect` shows its subnets; `network create --subnet` chooses one.",
        )


def hold(host: Host, network: Network) -> Network:
    """Have a network's bridge stand before a container comes onto it, so that its addresses are ours.

    As long as nobody is on it nothing holds those that were chosen for it: where they are somebody else's
    by now, others are chosen.  What the user chose stays.  Returns the definition as it is then.
    """
    is_ours = network.is_predefined or not network.subnets[0].automatic
    if is_ours or host.features.network != "host":
        return network
    leases = Leases(host.layout.run)
    with leases.lock():
        # somebody else may have chosen others since it was read
        network = host.networks.get(network.name)
        if leases.of_network(network.id):
            return network
        try:
            networks.raise_bridge(network, "host", host.layout.run)
            return network
        except Conflict:
            others = [n for n in host.networks.list() if n.id != network.id]
            taken = [s.subnet for n in others for s in n.subnets]
            taken += [where for where, link in _routes() if link != network.bridge]
            chosen = ipam.free_subnet(taken)
            made = replace(network, subnets=(chosen, *network.subnets[1:]))
            networks.raise_bridge(made, "host", host.layout.run)
            host.networks.replace(made)
            return made
