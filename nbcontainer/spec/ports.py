"""The grammar of -p, and how Docker shows ports.  Pure.

    80                          a port of the container on a free port of the host
    8080:80/udp                 the host's port, the container's port, the protocol
    127.0.0.1:8080:80           on one address of the host only; [::1]:8080:80 likewise
    127.0.0.1::80               a free port of that address
    8000-8010:80-90             as many ports on either side
    8000-8010:80                the first of these that is free
    published=8080,target=80    the long form

See: docker-run(1), and go-connections/nat, whose sentences the errors are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import InvalidArgument, Unsupported
from .flags_values import is_address
from .network import PortBinding

PROTOCOLS = ("tcp", "udp")
_MOST = 65535


def parse_publish(texts: Iterable[str]) -> tuple[PortBinding, ...]:
    """Read every -p; equal ones count once.  Raises: InvalidArgument in Docker's words."""
    return tuple(dict.fromkeys(binding for text in texts for binding in _parse(text.strip())))


def _parse(text: str) -> list[PortBinding]:
    if "=" in text:
        text = _standard(text)
    rest, slash, protocol = text.partition("/")
    protocol = _protocol(protocol, text) if slash else "tcp"
    address, host, inside = _split(rest, text)
    if not inside:
        raise InvalidArgument(f"no port specified: {text}<empty>")
    first, last = _range(inside, "containerPort", 1)
    if not host:
        return [PortBinding(port, protocol, address) for port in range(first, last + 1)]
    # port 0 asks for a free one, as an empty text does
    low, high = _range(host, "hostPort", 0)
    if high - low != last - first:
        if first != last:
            raise InvalidArgument(
                f"invalid ranges specified for container and host Ports: {inside} and {host}"
            )
        return [PortBinding(first, protocol, address, low, high)]
    return [
        PortBinding(port, protocol, address, low + step if low else 0)
        for step, port in enumerate(range(first, last + 1))
    ]


def _standard(text: str) -> str:
    """Return the short form of `published=8080,target=80,protocol=tcp`."""
    parts = {}
    for part in text.split(","):
        key, equals, item = part.partition("=")
        if not equals:
            problem = f"invalid publish opts format (should be name=value but got '{part}')"
            raise InvalidArgument(problem)
        parts[key.strip().lower()] = item.strip()
    unknown = parts.keys() - {"published", "target", "protocol", "mode"}
    if unknown:
        raise InvalidArgument(f"invalid field key {sorted(unknown)[0]}")
    if parts.get("mode", "host") not in ("host", "ingress"):
        raise InvalidArgument(f"invalid publish mode: {parts['mode']}")
    host = parts.get("published", "")
    inside = f"{parts.get('target', '')}/{parts.get('protocol', 'tcp')}"
    return f"{host}:{inside}" if host else inside


def _protocol(text: str, whole: str) -> str:
    protocol = text.lower()
    if protocol == "sctp":
        raise Unsupported(
            f"{whole}: the protocol sctp is not supported by nbcontainer", "Use tcp or udp."
        )
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {text}")
    return protocol


def _split(text: str, whole: str) -> tuple[str, str, str]:
    """Return (address, host's ports, container's ports) as texts."""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise InvalidArgument(f"invalid IP address: {whole}")
        rest = rest[1:]
        # the address alone says nothing of the host's port
        host, colon, inside = rest.rpartition(":")
        host, inside = (host, inside) if colon else ("", rest)
    else:
        # an address of version 6 may stand without brackets where both ports follow
        address, host, inside = (["", "", *text.rsplit(":", 2)])[-3:]
    if address and not is_address(address):
        raise InvalidArgument(f"invalid IP address: {address}")
    return address, host, inside


def _range(text: str, what: str, least: int) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    for number in (first, last) if dash else (first,):
        if not (number.isascii() and number.isdigit() and len(number) < 6):
            raise InvalidArgument(f"invalid {what}: {text}")
    low, high = int(first), int(last or first)
    if not least <= low <= high <= _MOST:
        raise InvalidArgument(f"invalid {what}: {text}")
    return low, high


def published_text(binding: PortBinding) -> str:
    """Return one published port as `ps` writes it: "0.0.0.0:8080->80/tcp"."""
    address = f"[{binding.host_ip}]" if ":" in binding.host_ip else binding.host_ip
    return f"{address}:{binding.host_port}->{binding.key}"


def ports_text(published: Sequence[PortBinding], exposed: Iterable[str] = ()) -> str:
    """Return PORTS of `ps`: neighbours are joined to ranges, exposed ones stand without an address."""
    hidden = {binding.key for binding in published}
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for binding in published:
        pairs = groups.setdefault((binding.host_ip, binding.protocol), [])
        pairs.append((binding.port, binding.host_port))
    for text in exposed:
        if text not in hidden:
            number, _, protocol = text.partition("/")
            groups.setdefault(("", protocol), []).append((int(number), 0))
    found = []
    for (address, protocol), pairs in groups.items():
        for run in _runs(sorted(set(pairs))):
            found.append((run[0][0], protocol, address, _run_text(run, address, protocol)))
    # all addresses of version 4 come before those of version 6, as in Docker
    found.sort(key=lambda each: (each[0], each[1], ":" in each[2], each[2]))
    return ", ".join(text for *_, text in found)


def _runs(pairs: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    runs: list[list[tuple[int, int]]] = []
    for port, host in pairs:
        if runs:
            before, its_host = runs[-1][-1]
            if port == before + 1 and (host == its_host + 1 if host else not its_host):
                runs[-1].append((port, host))
                continue
        runs.append([(port, host)])
    return runs


def _run_text(run: list[tuple[int, int]], address: str, protocol: str) -> str:
    def numbers(side: int) -> str:
        first, last = run[0][side], run[-1][side]
        return str(first) if first == last else f"{first}-{last}"

    inside = f"{numbers(0)}/{protocol}"
    if not run[0][1]:
        return inside
    shown = f"[{address}]" if ":" in address else address
    return f"{shown}:{numbers(1)}->{inside}"
