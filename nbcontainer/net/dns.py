"""Answer questions about containers' names; the packets are dnslib's.  Pure: bytes in, bytes out.

Who asks sees the names on its own networks and no others.  What is no container's name is for the host's
own servers; on internal networks there is nobody to ask.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

import dnslib

from ..spec.network import Endpoint

# short: a container that comes back may have another address
TTL_S = 5
LARGEST_UDP = 512
_HEADER = 12
_CACHED = 4096
_V4, _V6, _PTR, _ANY = 1, 28, 12, 255
_NOERROR, _FORMERR, _SERVFAIL, _NXDOMAIN, _NOTIMP = 0, 1, 2, 3, 4
_IN = 1
_REVERSE4, _REVERSE6 = ".in-addr.arpa", ".ip6.arpa"


class Names:
    """Who is called what on which network."""

    def __init__(self, shuffle: Callable[[list[Any]], None] = random.shuffle) -> None:
        # network id -> name in lower case -> who -> addresses
        self._networks: dict[str, dict[str, dict[object, tuple[str, ...]]]] = {}
        # network id -> address -> its first name
        self._addresses: dict[str, dict[str, str]] = {}
        self._owners: dict[object, list[tuple[str, str]]] = {}
        self._known: dict[tuple[tuple[str, ...], bytes], bytes] = {}
        self._shuffle = shuffle

    def add(self, who: object, endpoints: Sequence[Endpoint]) -> None:
        """Let a container be found."""
        self._known.clear()
        for endpoint in endpoints:
            addresses = tuple(filter(None, (endpoint.address, endpoint.address6)))
            names = self._networks.setdefault(endpoint.network_id, {})
            for name in endpoint.names:
                for form in (name, f"{name}.{endpoint.network}"):
                    names.setdefault(form.lower(), {})[who] = addresses
            known = self._addresses.setdefault(endpoint.network_id, {})
            for address in addresses:
                shown = f"{endpoint.names[0]}.{endpoint.network}" if endpoint.names else ""
                known[address] = shown
                self._owners.setdefault(who, []).append((endpoint.network_id, address))

    def remove(self, who: object) -> None:
        """Forget a container; idempotent."""
        self._known.clear()
        for network_id, address in self._owners.pop(who, ()):
            self._addresses[network_id].pop(address, None)
            if not self._addresses[network_id]:
                del self._addresses[network_id]
        for network_id, names in list(self._networks.items()):
            for name, owners in list(names.items()):
                owners.pop(who, None)
                if not owners:
                    del names[name]
            if not names:
                del self._networks[network_id]

    def neighbour(self, asker: str, host: str) -> str:
        """Return the address that a container means by a host's name or address, "" for one outside.

        It means its neighbours on all its networks, whichever it asks from, and itself by localhost.
        """
        networks = {
            network_id: None
            for own in self._owners.values()
            if any(address == asker for _, address in own)
            for network_id, _ in own
        }
        if not networks:
            return ""
        host = host.rstrip(".").lower()
        if host in ("localhost", "::1") or host.startswith("127."):
            return asker
        if any(host in self._addresses[network_id] for network_id in networks):
            return host
        found = self._look_up(host, tuple(networks))
        return found[0] if found else ""

    def answer(self, packet: bytes, networks: tuple[str, ...]) -> bytes | None:
        """Return the answer for who is on these networks; None where others are to be asked.

        What is no question is answered as RFC 1035 says, and hostile bytes never raise.
        """
        if len(packet) < _HEADER or packet[2] & 0x80:
            return b""  # no question: silence
        key = (networks, packet[2:])
        known = self._known.get(key)
        if known is not None:
            return packet[:2] + known
        try:
            question = dnslib.DNSRecord.parse(packet)
        except Exception:
            # dnslib raises whatever its parsing ran into
            return _code(packet, _FORMERR)
        if len(question.questions) != 1:
            return _code(packet, _FORMERR)
        if question.header.opcode:
            return _code(packet, _NOTIMP)
        return self._reply(question, networks, key)

    def _reply(
        self, question: Any, networks: tuple[str, ...], key: tuple[tuple[str, ...], bytes]
    ) -> bytes | None:
        asked = question.q
        name = str(asked.qname).rstrip(".").lower()
        found = self._look_up(name, networks) if asked.qclass in (_IN, _ANY) else None
        pointer = self._pointer(name, networks) if asked.qtype in (_PTR, _ANY) else ""
        if found is None and not pointer:
            return None
        reply = question.reply()
        reply.header.ra = 1
        if pointer:
            reply.add_answer(
                dnslib.RR(asked.qname, _PTR, rdata=dnslib.PTR(pointer + "."), ttl=TTL_S)
            )
        addresses = list(found or ())
        self._shuffle(addresses)
        for address in addresses:
            kind = _V6 if ":" in address else _V4
            if asked.qtype in (kind, _ANY):
                data = dnslib.AAAA(address) if kind == _V6 else dnslib.A(address)
                reply.add_answer(dnslib.RR(asked.qname, kind, rdata=data, ttl=TTL_S))
        packed = bytes(reply.pack())
        # several addresses take turns, so that answer is made anew each time
        if len(addresses) < 2:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[key] = packed[2:]
        return packed

    def _look_up(self, name: str, networks: Sequence[str]) -> list[str] | None:
        for network_id in networks:
            owners = self._networks.get(network_id, {}).get(name)
            if owners:
                return [address for addresses in owners.values() for address in addresses]
        return None

    def _pointer(self, name: str, networks: Sequence[str]) -> str:
        address = _reversed(name)
        for network_id in networks:
            if found := self._addresses.get(network_id, {}).get(address):
                return found
        return ""


def _reversed(name: str) -> str:
    """Return the address that a name of the reverse tree means, "" for others."""
    if name.endswith(_REVERSE4):
        return ".".join(reversed(name.removesuffix(_REVERSE4).split(".")))
    if name.endswith(_REVERSE6):
        digits = "".join(reversed(name.removesuffix(_REVERSE6).split(".")))
        if len(digits) == 32 and set(digits) <= set("0123456789abcdef"):
            from .ipam import to_text

            return to_text(int(digits, 16), 128)
    return ""


def fits(reply: bytes) -> bytes:
    """Return a reply as it may go by UDP: one that is too long says that TCP is to be used."""
    if len(reply) <= LARGEST_UDP:
        return reply
    return _code(reply, reply[3] & 0x0F, truncated=True)


def failure(packet: bytes) -> bytes:
    """Return the answer where nobody could be asked."""
    return _code(packet, _SERVFAIL)


def no_such_name(packet: bytes) -> bytes:
    """Return the answer that there is no such name."""
    return _code(packet, _NXDOMAIN)


def _code(packet: bytes, code: int, *, truncated: bool = False) -> bytes:
    """Return a reply without records: the question's id and flags, with a result code."""
    flags = 0x8000 | (packet[2] & 0x79) << 8 | 0x80 | code | (0x0200 if truncated else 0)
    question = _question(packet)
    counts = struct.pack(">4H", 1 if question else 0, 0, 0, 0)
    return packet[:2] + struct.pack(">H", flags) + counts + question


def _question(packet: bytes) -> bytes:
    """Return the bytes of the first question, nothing if it is damaged."""
    position = _HEADER
    while position < len(packet) and packet[position]:
        if packet[position] & 0xC0:
            return b""
        position += 1 + packet[position]
    end = position + 5
    return packet[_HEADER:end] if end <= len(packet) else b""
