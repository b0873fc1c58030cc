"""Networks as values: a definition, a container's wish to be on one, its place there, its published ports."""

from __future__ import annotations

from ..values import field, value

# the names that every store has; "default" is bridge's name in Docker's own files
BRIDGE, HOST, NONE = "bridge", "host", "none"
PREDEFINED = (BRIDGE, HOST, NONE)
# where the store's own proxy listens, on every gateway, where nothing else leads out
PROXY_PORT = 3128
MTU_OPTION = "com.docker.network.driver.mtu"


@value
class Subnet:
    """One range of addresses as "172.18.0.0/16"; `ip_range`: where containers' addresses come from.

    `automatic`: the engine chose it, and may choose another one as long as nobody has an address of it.
    """

    subnet: str
    gateway: str
    ip_range: str = ""
    automatic: bool = False

    @property
    def is_v6(self) -> bool:
        """Tell the version of the addresses."""
        return ":" in self.subnet

    @property
    def prefix(self) -> int:
        """Return how many bits of an address are the network's."""
        return int(self.subnet.rpartition("/")[2])


@value
class Network:
    """A network's definition.  `bridge` is the name of its link; `options` are --opt's."""

    id: str
    name: str
    created_ns: int
    bridge: str
    subnets: tuple[Subnet, ...]
    driver: str = "bridge"
    internal: bool = False
    ipv6: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_predefined(self) -> bool:
        """Tell whether it came with the store, which has no name service on it."""
        return self.name in PREDEFINED

    @property
    def mtu(self) -> int:
        """Return the largest packet asked for, 0 for Linux's own."""
        return int(self.options.get(MTU_OPTION, 0))


@value
class Attachment:
    """A container's wish to be on a network; empty texts leave the choice to the engine."""

    network: str
    aliases: tuple[str, ...] = ()
    address: str = ""
    address6: str = ""
    mac: str = ""


@value
class Endpoint:
    """A running container's place on a network."""

    network: str
    network_id: str
    interface: str
    mac: str
    address: str = ""
    prefix: int = 0
    gateway: str = ""
    address6: str = ""
    prefix6: int = 0
    gateway6: str = ""
    names: tuple[str, ...] = ()


@value
class Interface:
    """A link as rtnetlink(7) tells of it; sizes in bytes, counted since it was made.

    `peer`: the number of a veth's other end, in whatever namespace that is.  `master`: the bridge's name.
    """

    number: int
    name: str
    kind: str
    is_up: bool
    mtu: int
    mac: str
    peer: int
    master: str
    addresses: tuple[str, ...]
    received: int
    sent: int


@value
class PortBinding:
    """One port of a container and where it is to be published.

    `host_port` 0 = a free one; `host_last` above it = the first free one of a range.
    `host_ip` "" = all addresses.
    """

    port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_last: int = 0

    @property
    def key(self) -> str:
        """Return the container's side as Docker writes it: "80/tcp"."""
        return f"{self.port}/{self.protocol}"
