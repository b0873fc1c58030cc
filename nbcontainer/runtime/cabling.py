"""What a shim holds of its container's networks: init's sockets, endpoints, published ports, the name."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..net import netlink
from ..spec.codec import decode, encode
from ..spec.network import Endpoint, PortBinding

if TYPE_CHECKING:
    from .keeper_client import Hold, Registration
    from .publishing import Publisher


class Cabling:
    """The network side of one sandbox; empty for one that shares or has none."""

    __slots__ = ("endpoints", "hold", "inside", "name_sockets", "publisher", "registration")

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []
        self.hold: Hold | None = None
        self.inside: socket.socket | None = None
        self.name_sockets: tuple[int, ...] = ()
        self.publisher: Publisher | None = None
        self.registration: Registration | None = None

    def took(self, descriptors: tuple[int, ...]) -> None:
        """Keep what init handed out: a netlink socket of its network, then those of `names_place`."""
        if descriptors:
            self.inside = socket.socket(fileno=descriptors[0])
            netlink.prepare(self.inside)
            self.name_sockets = descriptors[1:]

    @property
    def ports(self) -> tuple[PortBinding, ...]:
        """Return what is published, with the host's ports as they were chosen."""
        return self.publisher.ports if self.publisher is not None else ()

    def give(self) -> tuple[dict[str, Any], list[int]]:
        """Return what the shim needs to go on with it, as JSON, and the descriptors; a name's comes first."""
        registration = self.registration.fileno() if self.registration is not None else -1
        hold = self.hold.descriptors if self.hold is not None else []
        publisher, sockets = self.publisher.give() if self.publisher is not None else (None, [])
        given = {
            "endpoints": [encode(endpoint) for endpoint in self.endpoints],
            "registration": self.registration.give() if self.registration is not None else None,
            "is_registered": registration >= 0,
            "has_inside": self.inside is not None,
            "hold": len(hold),
            "names": len(self.name_sockets),
            "publisher": publisher,
        }
        first = [registration] if registration >= 0 else []
        inside = [self.inside.fileno()] if self.inside is not None else []
        return given, [*first, *inside, *hold, *self.name_sockets, *sockets]

    def take(self, given: dict[str, Any], descriptors: Sequence[int], mode: str) -> None:
        """Go on with what the foreman made; the forwarder is still to be started."""
        from .keeper_client import Hold, Registration
        from .publishing import Publisher
        from .steps_network import be_keeper

        rest = list(descriptors)
        self.endpoints = [decode(Endpoint, each) for each in given["endpoints"]]
        registered = rest.pop(0) if given["is_registered"] else -1
        if given["has_inside"]:
            self.inside = socket.socket(fileno=rest.pop(0))
            netlink.prepare(self.inside)
        if given["hold"]:
            holder, self.hold = rest.pop(0), None
            self.hold = Hold(socket.socket(fileno=holder), rest.pop(0))
        self.name_sockets = tuple(rest[: given["names"]])
        del rest[: given["names"]]
        if given["registration"] is not None:
            self.registration = Registration(
                given["registration"]["run"],
                given["registration"]["servers"],
                self.name_sockets[:2],
                be_keeper(mode),
            )
            if registered >= 0:
                self.registration.take(registered)
        if given["publisher"] is not None:
            self.publisher = Publisher.taken(given["publisher"], rest)

    def let_go(self) -> None:
        """Close our own copies of what was given; nothing is taken back."""
        if self.publisher is not None:
            self.publisher.let_go()
            self.publisher = None
        self.close()

    def unpublish(self) -> None:
        """Give the published ports back; idempotent."""
        if self.publisher is not None:
            self.publisher.stop()

    def close(self) -> None:
        """Let go of everything; idempotent."""
        self.unpublish()
        if self.registration is not None:
            self.registration.close()
        if self.hold is not None:
            self.hold.close()
        if self.inside is not None:
            self.inside.close()
        for descriptor in self.name_sockets:
            os.close(descriptor)
        self.publisher = self.registration = self.inside = self.hold = None
        self.name_sockets = ()
        self.endpoints = []
