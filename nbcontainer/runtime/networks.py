"""A store's bridges as they come and go: made with the first address that is leased, removed with the last.

What is done to Linux is `net`'s, who has which address is `store.networks`'; here the two meet, under
one lock, so that no bridge is removed under somebody who is just coming.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from ..errors import Conflict, HostLacks
from ..net import ipam, links, nat, netlink
from ..spec.network import PROXY_PORT, Endpoint, Network, Subnet
from ..store.networks import Leases
from . import keeper_client

_CONF6 = "/proc/sys/net/ipv6/conf"


def store_key(home: str) -> str:
    """Return the five digits that tell a store's links from those of others."""
    value = 2166136261  # FNV-1a: no need to load a library of hash functions for this
    for byte in os.fsencode(home):
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return f"{value & 0xFFFFF:05x}"


def key_of(bridge: str) -> str:
    """Return the key in a bridge's name."""
    return bridge[3:8]


def open_socket(mode: str, run: str, protocol: int) -> socket.socket:
    """Return a netlink socket in the network namespace where the store's bridges are."""
    if mode == "host":
        return netlink.open_socket(protocol)
    return keeper_client.netlink_socket(run, protocol)


def claim_addresses(args: dict[str, Any], sandbox: str) -> list[tuple[str, Subnet]]:
    """Claim an address of each of a network's subnets; see that its bridge is there.

    Raises: Unavailable, InvalidArgument, Conflict, HostLacks; then nothing is claimed.
    """
    leases = Leases(args["run"])
    subnets = [Subnet(*row) for row in args["subnets"]]
    found = []
    with leases.lock():
        try:
            for subnet in subnets:
                wanted = args["address6"] if subnet.is_v6 else args["address"]

                def choose(taken: list[str], subnet: Subnet = subnet, wanted: str = wanted) -> str:
                    return ipam.free_address(subnet, taken, wanted)

                found.append((leases.claim(args["network"], sandbox, choose), subnet))
            _ensure_bridge(args, subnets)
        except BaseException:
            _release(leases, args["mode"], args["run"], args["network"], args["bridge"], sandbox)
            raise
    return found


def raise_bridge(network: Network, mode: str, run: str) -> None:
    """Make a network's bridge before anybody is on it; for who holds the lock.

    Raises: Conflict where its addresses are the host's.
    """
    args = {
        "mode": mode,
        "run": run,
        "network": network.id,
        "name": network.name,
        "bridge": network.bridge,
        "internal": network.internal,
        "mtu": network.mtu,
    }
    _ensure_bridge(args, list(network.subnets))


def _ensure_bridge(args: dict[str, Any], subnets: list[Subnet]) -> None:
    mode, run, bridge = args["mode"], args["run"], args["bridge"]
    with open_socket(mode, run, netlink.ROUTE) as sock:
        if links.index_of(sock, bridge):
            return
        if mode == "host":
            _refuse_clash(sock, args["name"], subnets)
        index = links.make_bridge(sock, bridge, ipam.mac_of(subnets[0].gateway), mtu=args["mtu"])
        try:
            for subnet in subnets:
                links.add_address(sock, index, subnet.gateway, subnet.prefix)
            _make_rules(mode, run, bridge, args["internal"], any(s.is_v6 for s in subnets))
            _take_back(sock, index, args)
        except BaseException:
            links.remove(sock, bridge)
            raise


def _refuse_clash(sock: socket.socket, name: str, subnets: list[Subnet]) -> None:
    routes = links.routed(sock)
    for subnet in subnets:
        if found := ipam.clash(subnet.subnet, routes):
            raise Conflict(
                f"the subnet {subnet.subnet} of network {name} clashes with the host's route {found}",
                "Make the network anew with another --subnet.",
            )


def _make_rules(mode: str, run: str, bridge: str, internal: bool, has_v6: bool) -> None:
    """Make the store's rules; where Linux refuses them nothing is forwarded, so nothing is open."""
    key = key_of(bridge)
    try:
        with open_socket(mode, run, netlink.NETFILTER) as sock:
            nat.make(sock, key, proxy_port=PROXY_PORT if mode == "own" else 0)
            nat.add_bridge(sock, key, bridge)
    except OSError:
        return
    if mode == "host":
        # the host's own 127.0.0.1 may be led to a container; the table's first rule closes the way back
        _write(f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet", "1")
        if not internal:
            _write("/proc/sys/net/ipv4/ip_forward", "1")
        if has_v6 and not internal:
            forward_v6()


def forward_v6() -> None:
    """Have version 6 forwarded; links that learn their routes from advertisements go on doing so.

    Linux stops that where it forwards, unless it is told otherwise (accept_ra 2).
    """
    try:
        names = [name for name in os.listdir(_CONF6) if name != "all"]
    except OSError:
        return  # this host has no version 6
    for name in names:
        _write(f"{_CONF6}/{name}/accept_ra", "2", instead_of="1")
    _write(f"{_CONF6}/all/forwarding", "1")


def _write(path: str, text: str, *, instead_of: str = "") -> None:
    """Write a value where it is another one; `instead_of`: only where it is this one."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # /proc/sys is read-only here: what it says must do
    try:
        now = os.pread(descriptor, 16, 0).strip().decode()
        if now == instead_of or (now != text and not instead_of):
            os.pwrite(descriptor, text.encode(), 0)
    except OSError:
        pass  # Linux refuses it to this user: as above
    finally:
        os.close(descriptor)


def _take_back(sock: socket.socket, index: int, args: dict[str, Any]) -> None:
    """Put the links of those who were on a bridge that somebody removed onto the new one."""
    for link in list(links.links(sock)):
        if link.group != _group(args["network"]) or link.kind != "veth" or link.master:
            continue
        try:
            links.add_to_bridge(sock, link.number, index)
        except OSError as error:
            # its container has ended, and Linux took it down since we looked
            if error.errno != errno.ENODEV:
                raise


def connect(args: dict[str, Any], sandbox: str, pid: int, inside: socket.socket) -> Endpoint:
    """Put the namespace of process `pid` onto a network; `inside` is a socket of that namespace.

    Raises: OSError; what `claim_addresses` raises.  What was made by then is for `release`.
    """
    if args["mode"] == "none":
        raise HostLacks("this host lets no bridge be made", feature="bridge")
    found = claim_addresses(args, sandbox)
    mac = args["mac"] or ipam.mac_of(found[0][0])
    make_cable(args, pid, mac)
    index = links.index_of(inside, args["interface"])
    leads_out = args["is_way_out"] and not args["internal"]
    gateways = [subnet.gateway for _, subnet in found] if leads_out else []
    links.configure(inside, index, [(a, subnet.prefix) for a, subnet in found], gateways)
    return endpoint(args, found, mac)


def make_cable(args: dict[str, Any], pid: int, mac: str) -> None:
    """Make the pair of links between a bridge and a namespace."""
    with open_socket(args["mode"], args["run"], netlink.ROUTE) as sock:
        bridge = links.index_of(sock, args["bridge"])
        name = host_end(args["bridge"], pid, args["interface"])
        # one that had this pid before may have ended so recently that Linux still takes it down
        if links.index_of(sock, name):
            links.remove(sock, name)
        links.make_veth(
            sock,
            name,
            bridge=bridge,
            pid=pid,
            peer=args["interface"],
            mac=mac,
            mtu=args["mtu"],
            group=_group(args["network"]),
        )


def _group(network_id: str) -> int:
    """Return the number by which a network's links are known when their bridge has gone."""
    return int(network_id[:7], 16)


def host_end(bridge: str, pid: int, interface: str) -> str:
    """Return the name of a container's link on the host's side: by its store, init and interface."""
    return f"v{key_of(bridge)}{pid:x}.{interface.removeprefix('eth')}"


def endpoint(args: dict[str, Any], found: list[tuple[str, Subnet]], mac: str) -> Endpoint:
    """Return the container's place on a network as its state tells it."""
    fields: dict[str, Any] = {}
    for address, subnet in found:
        end = "6" if subnet.is_v6 else ""
        fields |= {
            f"address{end}": address,
            f"prefix{end}": subnet.prefix,
            f"gateway{end}": "" if args["internal"] else subnet.gateway,
        }
    return Endpoint(
        args["name"], args["network"], args["interface"], mac, names=tuple(args["names"]), **fields
    )


def make_way_out(inside: socket.socket, at: Endpoint) -> None:
    """Let what leaves go by this network from now on."""
    index = links.index_of(inside, at.interface)
    links.lead_out(inside, index, [g for g in (at.gateway, at.gateway6) if g])


def disconnect(args: dict[str, Any], sandbox: str, inside: socket.socket, at: Endpoint) -> None:
    """Take a namespace off a network: its end of the cable goes, and the other with it; idempotent."""
    links.remove(inside, at.interface)
    release(args, sandbox)


def release(args: dict[str, Any], sandbox: str) -> None:
    """Give back a sandbox's addresses on one network, and what only they kept; idempotent."""
    leases = Leases(args["run"])
    with leases.lock():
        _release(leases, args["mode"], args["run"], args["network"], args["bridge"], sandbox)


def _release(
    leases: Leases, mode: str, run: str, network_id: str, bridge: str, sandbox: str
) -> None:
    leases.release(network_id, sandbox)
    if leases.of_network(network_id):
        return
    try:
        with open_socket(mode, run, netlink.ROUTE) as sock:
            links.remove(sock, bridge)
        with open_socket(mode, run, netlink.NETFILTER) as sock:
            nat.forget_bridge(sock, key_of(bridge), bridge)
            if not leases.networks():
                nat.remove(sock, key_of(bridge))
    except OSError:
        return  # no rights here, or its namespace has gone: swept by who has them


def sweep(run: str, key: str, mode: str, is_gone: Callable[[str], bool]) -> None:
    """Take back what sandboxes left whose owners were killed: addresses, ports, bridges, the table."""
    leases = Leases(run)
    with leases.lock():
        for sandbox in leases.sandboxes():
            if is_gone(sandbox):
                for network_id in leases.of_sandbox(sandbox):
                    leases.release(network_id, sandbox)
        held = {network_id: leases.of_network(network_id) for network_id in leases.networks()}
        if mode == "none":
            return
        try:
            _sweep_links(run, key, mode, held)
            _sweep_rules(run, key, mode, held)
        except OSError:
            return  # no rights, or no namespace: nothing of ours is there


def _sweep_links(run: str, key: str, mode: str, held: dict[str, dict[str, str]]) -> None:
    used = {network_id[:6] for network_id, addresses in held.items() if addresses}
    with open_socket(mode, run, netlink.ROUTE) as sock:
        for link in list(links.links(sock)):
            is_ours = link.kind == "bridge" and link.name.startswith(nat.prefix(key))
            if is_ours and link.name[len(nat.prefix(key)) + 1 :] not in used:
                links.remove(sock, link.name)
                with open_socket(mode, run, netlink.NETFILTER) as rules:
                    nat.forget_bridge(rules, key, link.name)


def _sweep_rules(run: str, key: str, mode: str, held: dict[str, dict[str, str]]) -> None:
    addresses = {address for each in held.values() for address in each}
    with open_socket(mode, run, netlink.NETFILTER) as rules:
        if not addresses:
            nat.remove(rules, key)
            return
        lost = [port for port in nat.published(rules, key) if port.to[0] not in addresses]
        nat.unpublish(rules, key, *lost)
