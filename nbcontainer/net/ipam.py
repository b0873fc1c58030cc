"""Which addresses are whose: pools of subnets, a free address of a subnet, and clashes.  Pure.

Addresses are texts outside and numbers inside; `ipaddress` costs more to import than a container's whole
network does.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator

from ..errors import InvalidArgument, Unavailable
from ..spec.network import Subnet
from ..values import replace

# Docker's own pools, in its order: each is cut into networks of the second number's size
POOLS = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
    ("10.201.0.0/16", 24),
)
# unique local addresses (RFC 4193): the network's id gives the bits that are to be random
POOL6 = "fd00::"
PREFIX6 = 64

# what is no host's address on any link (RFC 6890); Linux would take some of them and lead nothing there
NOBODYS = ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/127", "ff00::/8")

Range = tuple[int, int, int]  # version's bits, first, last


def to_number(address: str) -> int:
    """Return an address as a number.  Raises: InvalidArgument."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return int.from_bytes(socket.inet_pton(family, address))
    except (OSError, ValueError):
        raise InvalidArgument(f"invalid IP address: {address}") from None


def to_text(number: int, bits: int) -> str:
    """Return a number as an address of 32 or 128 bits."""
    family = socket.AF_INET if bits == 32 else socket.AF_INET6
    return socket.inet_ntop(family, number.to_bytes(bits // 8))


def span(subnet: str) -> Range:
    """Return (bits, first, last) of "172.17.0.0/16"; host bits are cut off.  Raises: InvalidArgument."""
    address, slash, length = subnet.partition("/")
    bits = 128 if ":" in address else 32
    if not (slash and length.isascii() and length.isdigit() and int(length[:4]) <= bits):
        raise InvalidArgument(f"invalid CIDR address: {subnet}")
    mask = (1 << bits - int(length)) - 1
    first = to_number(address) & ~mask
    return bits, first, first | mask


def overlap(one: str, other: str) -> bool:
    """Tell whether two subnets share an address."""
    a, b = span(one), span(other)
    return a[0] == b[0] and a[1] <= b[2] and b[1] <= a[2]


def contains(outer: str, inner: str) -> bool:
    """Tell whether a subnet, or an address, lies within a subnet."""
    a = span(outer)
    b = span(inner if "/" in inner else f"{inner}/{128 if ':' in inner else 32}")
    return a[0] == b[0] and a[1] <= b[1] and b[2] <= a[2]


def check_subnet(subnet: str, gateway: str = "", ip_range: str = "") -> Subnet:
    """Return the subnet as it will be used, with the first address as gateway where none is named.

    Raises: InvalidArgument in Docker's words.
    """
    bits, first, last = span(subnet)
    length = int(subnet.partition("/")[2])
    if last - first < 3:
        raise InvalidArgument(f"invalid subnet {subnet}: it holds no container's address")
    network = f"{to_text(first, bits)}/{length}"
    if any(overlap(network, other) for other in NOBODYS):
        raise InvalidArgument(
            f"invalid subnet {subnet}: it holds addresses that no container can have",
            "Take it from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fd00::/8.",
        )
    if network.partition("/")[0] != to_text(to_number(subnet.partition("/")[0]), bits):
        raise InvalidArgument(
            f"invalid subnet {subnet}: it should be {network}", f"Write --subnet {network}."
        )
    gateway = gateway or to_text(first + 1, bits)
    if not contains(network, gateway) or to_number(gateway) == first:
        raise InvalidArgument(f"no matching subnet for gateway {gateway}")
    if ip_range and not contains(network, ip_range):
        raise InvalidArgument(f"no matching subnet for range {ip_range}")
    return Subnet(network, to_text(to_number(gateway), bits), ip_range)


def free_subnet(taken: Iterable[str]) -> Subnet:
    """Return the first subnet of the pools that none of `taken` overlaps.

    Raises: Unavailable in Docker's words.
    """
    spans = [span(each) for each in taken if ":" not in each]
    for candidate in _candidates():
        _, first, last = span(candidate)
        if all(last < its_first or its_last < first for _, its_first, its_last in spans):
            return replace(check_subnet(candidate), automatic=True)
    raise Unavailable(
        "could not find an available, non-overlapping IPv4 address pool among the defaults to "
        "assign to the network",
        "Remove a network that is not used, or choose the addresses with --subnet.",
    )


def _candidates() -> Iterator[str]:
    for pool, length in POOLS:
        bits, first, last = span(pool)
        for start in range(first, last + 1, 1 << bits - length):
            yield f"{to_text(start, bits)}/{length}"


def subnet6(network_id: str) -> Subnet:
    """Return the subnet of version 6 that belongs to a network: fd, 40 bits of its id, subnet 0."""
    first = 0xFD << 120 | int(network_id[:10], 16) << 80
    return replace(check_subnet(f"{to_text(first, 128)}/{PREFIX6}"), automatic=True)


def free_address(subnet: Subnet, taken: Collection[str], wanted: str = "") -> str:
    """Return an address that nobody has: the lowest, or the one that is wanted.

    Raises: InvalidArgument for one that lies outside, Unavailable in Docker's words for one that is
    taken or where none is left.
    """
    bits, first, last = span(subnet.subnet)
    # the network's own address and the broadcast are no host's
    first, last = first + 1, last - 1 if bits == 32 else last
    gateway = to_number(subnet.gateway)
    used = {to_number(each) for each in taken if (":" in each) == (bits == 128)}
    if wanted:
        number = to_number(wanted)
        if not contains(subnet.subnet, wanted) or not first <= number <= last:
            raise InvalidArgument(
                f"invalid address {wanted}: it does not belong to {subnet.subnet}"
            )
        if number in used or number == gateway:
            raise Unavailable("Address already in use", f"{wanted} belongs to another.")
        return to_text(number, bits)
    if subnet.ip_range:
        _, low, high = span(subnet.ip_range)
        first, last = max(first, low), min(last, high)
    for number in range(first, last + 1):
        if number != gateway and number not in used:
            return to_text(number, bits)
    raise Unavailable(
        f"no available IPv{4 if bits == 32 else 6} addresses on this network's address pools: "
        f"{subnet.subnet}",
        "Remove containers that are not used, or use a network with a larger subnet.",
    )


def mac_of(address: str) -> str:
    """Return the MAC address that Docker gives to who has this address."""
    number = to_number(address) & 0xFFFFFFFF
    return "02:42:" + number.to_bytes(4).hex(":")


def clash(subnet: str, routes: Iterable[tuple[str, str]]) -> str:
    """Return in words which of the host's routes (destination, link) a subnet clashes with; "" for none."""
    for destination, link in routes:
        if overlap(subnet, destination):
            return f"{destination} on {link}"
    return ""
