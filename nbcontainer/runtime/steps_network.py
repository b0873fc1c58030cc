"""The steps outside for a container's networks, and how to undo them.

connect         an address, a cable to the bridge, the way out
register_names  the name service hears of it
publish         ports of the host lead to it
write_hosts     its name means its address
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..store.networks import Leases
from . import names_place, networks
from .keeper_client import Hold, Registration
from .publishing import Publisher, withdraw_addresses

if TYPE_CHECKING:
    from .steps_outside import Outside


def connect(box: Outside, args: dict[str, Any]) -> None:
    cabling = box.cabling
    assert cabling.inside is not None, "init hands it out in network_socket"
    if args["mode"] == "own" and cabling.hold is None:
        cabling.hold = Hold.taken(args["run"], be_keeper("own"))
    made = networks.connect(args, box.sandbox, box.init_pid, cabling.inside)
    cabling.endpoints.append(made)


def register_names(box: Outside, args: dict[str, Any]) -> None:
    cabling = box.cabling
    names_place.take(cabling.name_sockets, args["address"])
    cabling.registration = Registration(
        args["run"], args["servers"], cabling.name_sockets[:2], be_keeper(args["mode"])
    )
    cabling.registration.tell(cabling.endpoints, args["internal"])


def be_keeper(mode: str) -> Callable[[str, int], None]:
    """Return the life of a keeper, whose imports nobody else needs."""

    def live(run: str, ready: int) -> None:
        if mode == "own":
            from .keeper_space import main
        else:
            from .keeper import main
        main(run, ready)

    return live


def publish(box: Outside, args: dict[str, Any]) -> None:
    publisher = Publisher(args, box.cabling.endpoints)
    publisher.open()
    box.cabling.publisher = publisher
    if box.is_shims:
        # the foreman never forks: the shim does it once it has the container
        publisher.forward(box.init_pid)


def write_hosts(box: Outside, args: dict[str, Any]) -> None:
    """Write the container's own addresses into its /etc/hosts, in place of those that stood there."""
    own: list[str] = []
    for endpoint in box.cabling.endpoints:
        addresses = (endpoint.address, endpoint.address6)
        own += [f"{address}\t{args['name']}\n" for address in addresses if address]
    # in place, since it is mounted
    with open(args["path"], "r+", encoding="utf-8", errors="replace") as file:
        kept = [line for line in file if not line.endswith(f"\t{args['name']}\n")]
        file.seek(0)
        file.truncate()
        file.writelines([*kept, *own])


def undo_connect(args: dict[str, Any], sandbox: str) -> None:
    """Give the addresses back; the cable ends with the namespace."""
    networks.release(args, sandbox)


def undo_publish(args: dict[str, Any], sandbox: str) -> None:
    """Take what leads to the sandbox's addresses out of the table; the sockets ended with the shim."""
    if args["translate"]:
        held = Leases(args["run"]).of_sandbox(sandbox).values()
        withdraw_addresses(args["key"], [address for each in held for address in each])
