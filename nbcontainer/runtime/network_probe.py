"""What this host lets a store's networks be, by trying it; and the network that every store has.

For the zygote, which is single-threaded and root of the namespaces it is in.
"""

from __future__ import annotations

import json
import os

from ..errors import Conflict, EngineError
from ..linux import probe, rootless, syscalls
from ..net import ipam, links, nat, netlink, nft
from ..spec.host import HostFeatures
from ..spec.network import BRIDGE, Network
from ..store.layout import Layout
from ..store.networks import Leases, Networks
from ..values import replace
from . import keeper_client, networks
from .steps_network import be_keeper
from .way_out import candidates

_TRIAL_KEY = "00000"


def with_networks(host: HostFeatures, run: str) -> HostFeatures:
    """Return the features with what networks can be here; the store's own namespace is there afterwards.

    Its keeper stays while the calling process, or a child of it, does.
    """
    blocker, nat_blocker = _tried()
    if blocker:
        where = "none"
    else:
        with netlink.open_socket(netlink.ROUTE) as sock:
            where = "host" if not host.is_rootless and links.may_change(sock) else "own"
    found = replace(host, network=where, network_blocker=blocker, nat_blocker=nat_blocker)
    if where != "own":
        return found
    try:
        keeper_client.dismiss_foreign(run)
        keeper = keeper_client.connect(run, be_keeper("own"))
        way_out, _ = keeper_client.ask(keeper, {"op": "way_out"})
    except EngineError as error:
        return replace(found, network="none", network_blocker=error.message)
    # never closed: who is connected keeps the keeper
    keeper.detach()
    return replace(found, way_out=str(way_out))


def _tried() -> tuple[str, str]:
    """Make a bridge, a cable and the rules in a network namespace of their own; return why not."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        blocker = nat_blocker = ""
        try:
            blocker = _try_bridge()
            nat_blocker = blocker or _try_rules()
        finally:
            os.write(write_end, f"{blocker}\n{nat_blocker}".encode()[:4000])
            os._exit(0)
    os.close(write_end)
    said = b""
    while part := os.read(read_end, 4096):
        said += part
    os.close(read_end)
    os.waitpid(pid, 0)
    blocker, _, nat_blocker = said.decode(errors="replace").partition("\n")
    return blocker, nat_blocker


def _try_bridge() -> str:
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
    except OSError as error:
        return f"network namespaces are refused ({probe.words(error)})"
    try:
        with netlink.open_socket(netlink.ROUTE) as sock:
            index = links.make_bridge(sock, nat.prefix(_TRIAL_KEY), ipam.mac_of("10.0.0.1"))
            links.add_address(sock, index, "10.0.0.1", 24)
            links.make_veth(
                sock, "try", bridge=index, pid=os.getpid(), peer="peer", mac="02:42:0a:00:00:02"
            )
    except OSError as error:
        return f"bridges are refused ({probe.words(error)})"
    return ""


def _try_rules() -> str:
    try:
        with netlink.open_socket(netlink.NETFILTER) as sock:
            nat.make(sock, _TRIAL_KEY)
    except OSError as error:
        return f"nf_tables is refused ({probe.words(error)})"
    return ""


class DefaultNetwork:
    """The network `bridge` of a store: its addresses are nobody else's on this host.

    Several stores may choose at one moment.  So a bridge is made first and then looked for others with
    the same addresses: of two that see each other, the one whose name comes first keeps them.
    """

    def __init__(self, layout: Layout, mode: str) -> None:
        self._networks = Networks(layout)
        self._leases = Leases(layout.run)
        self._run = layout.run
        self._mode = mode
        self._key = networks.store_key(layout.home)

    def settle(self, new_id: str, now_ns: int) -> Network:
        """Return the definition, made or made anew where its addresses are somebody else's by now.

        Nothing changes while a container is on it.
        """
        with self._leases.lock():
            known = {network.name: network for network in self._networks.list()}
            old = known.pop(BRIDGE, None)
            if old is not None and self._leases.of_network(old.id):
                return old
            taken = [s.subnet for network in known.values() for s in network.subnets]
            if old is not None and self._is_free(old, taken):
                return old
            network_id = old.id if old is not None else new_id
            bridge = nat.bridge_name(self._key, network_id, internal=False)
            while True:
                subnet = ipam.free_subnet([*taken, *self._others(bridge)])
                made = Network(network_id, BRIDGE, now_ns, bridge, (subnet,))
                if self._is_free(made, taken):
                    break
                taken.append(subnet.subnet)
            self._networks.replace(made)
            return made

    def _is_free(self, network: Network, taken: list[str]) -> bool:
        """Tell whether a network's addresses are ours; its bridge is there then, beside the host's links."""
        subnet = network.subnets[0].subnet
        if any(ipam.overlap(subnet, other) for other in taken):
            return False
        if self._mode != "host":
            return not any(ipam.overlap(subnet, other) for other in self._others(network.bridge))
        try:
            networks.raise_bridge(network, self._mode, self._run)
        except Conflict:
            return False
        others = self._others(network.bridge)
        stronger = [
            name
            for destination, name in others.items()
            if ipam.overlap(subnet, destination)
            and not (name.startswith("nbc") and name > network.bridge)
        ]
        if stronger:
            with netlink.open_socket(netlink.ROUTE) as sock:
                links.remove(sock, network.bridge)
        return not stronger

    def _others(self, own_bridge: str) -> dict[str, str]:
        """Return the host's routes but our own, with their links."""
        with netlink.open_socket(netlink.ROUTE) as sock:
            return {where: name for where, name in links.routed(sock) if name != own_bridge}


def main() -> None:
    """Print as JSON what networks can be here, for the doctor; in a fresh process without threads."""
    if not rootless.is_root():
        rootless.enter(syscalls.CLONE_NEWNS)
    blocker, nat_blocker = _tried()
    found = {"network": "none", "network_blocker": blocker, "nat_blocker": nat_blocker}
    if not blocker:
        with netlink.open_socket(netlink.ROUTE) as sock:
            is_host = rootless.is_root() and links.may_change(sock)
        found["network"] = "host" if is_host else "own"
        found["way_out"] = "" if is_host else candidates()[0]
        if is_host and not nat_blocker:
            with netlink.open_socket(netlink.NETFILTER) as sock:
                found["closed"] = "; ".join(nft.closed_to_forwarding(sock))
    os.write(1, json.dumps(found).encode())
