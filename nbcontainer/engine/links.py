"""The links that Linux has: those inside a container, and this store's own on the host's side."""

from __future__ import annotations

import socket

from ..errors import HostLacks, Unavailable
from ..net import nat, netlink
from ..net.survey import survey
from ..results import Table
from ..runtime import wire
from ..runtime.networks import host_end, open_socket, store_key
from ..spec.network import Interface
from ..views import links as view
from . import networks
from .host import Host
from .reach import from_inside, running


def of_container(host: Host, container: str) -> Table:
    """Return the links that a running container sees.

    Raises: ContainerNotFound, WrongStatus, Unavailable.
    """
    container_id, state = running(host, container)
    config = host.containers.config(container_id)
    made = from_inside(host, state, wire.Look())
    if isinstance(made, str):
        raise Unavailable(f"network links: container {container_id[:12]}: {made}")
    on = {endpoint.interface: endpoint.network for endpoint in state.endpoints}
    with made:
        netlink.prepare(made)
        found = _survey(made)
    return view.table(view.row(each, config.name, on.get(each.name, "")) for each in found)


def of_host(host: Host) -> Table:
    """Return the bridges of this store, and the ends of the cables that lead to containers.

    Raises: HostLacks where no bridge can be; Unavailable.
    """
    features = host.features
    if features.network == "none":
        raise HostLacks(
            f"network links: {features.network_blocker}",
            "`doctor` says what this host lacks.",
            feature="bridge",
        )
    with open_socket(features.network, host.layout.run, netlink.ROUTE) as sock:
        found = _survey(sock)
    ours = nat.prefix(store_key(host.layout.home))
    networks_of = {each.bridge: each.name for each in networks.everything(host) if each.bridge}
    bridges = {name: bridge for bridge, name in networks_of.items()}
    holders = {
        host_end(bridges[endpoint.network], state.pid, endpoint.interface): name
        for _, state, name in host.listing()
        if state.status.is_alive
        for endpoint in state.endpoints
        if endpoint.network in bridges
    }
    return view.table(
        view.row(each, holders.get(each.name, ""), networks_of.get(each.master or each.name, ""))
        for each in found
        if (each.master or each.name).startswith(ours)
    )


def _survey(sock: socket.socket) -> list[Interface]:
    try:
        return survey(sock)
    except OSError as error:
        raise Unavailable(f"network links: {error.strerror or error}") from None
