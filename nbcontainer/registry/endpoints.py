"""Which addresses a registry's name stands for, and whether they may be asked without encryption.

Plain HTTP is for loopback, and for registries that were named as insecure; nobody else is ever asked
without TLS.  docker.io has another address than its name says, and may have mirrors, which are asked
first and are never given docker.io's credentials.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from ..errors import InvalidArgument
from ..spec.reference import DEFAULT_REGISTRY
from ..values import value

HUB = "https://registry-1.docker.io"
HUB_SEARCH = "https://index.docker.io"


@value
class Endpoint:
    """`url` has no path.  `insecure`: named as such, so that HTTP and unknown certificates are let pass."""

    url: str
    insecure: bool = False
    is_mirror: bool = False

    @property
    def host(self) -> str:
        """Host and port, as the URL has them."""
        return urlsplit(self.url).netloc


@value
class Network:
    """What was chosen: mirrors of docker.io, and registries without TLS (hosts or networks)."""

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()


def endpoints(registry: str, network: Network) -> tuple[Endpoint, ...]:
    """Return where to ask for a registry's images, in the order to try.

    Raises: InvalidArgument for a mirror that is no address.
    """
    if registry == DEFAULT_REGISTRY:
        return (*(_mirror(text, network) for text in network.mirrors), Endpoint(HUB))
    if not is_insecure(registry, network):
        return (Endpoint(f"https://{registry}"),)
    # as Docker does: TLS first, since a registry on loopback may have it
    if is_loopback(host_of(registry)):
        return Endpoint(f"http://{registry}", True), Endpoint(f"https://{registry}", True)
    return Endpoint(f"https://{registry}", True), Endpoint(f"http://{registry}", True)


def _mirror(text: str, network: Network) -> Endpoint:
    address = urlsplit(text if "://" in text else f"https://{text}")
    if address.scheme not in ("http", "https") or not address.hostname or address.username:
        raise InvalidArgument(
            f"invalid mirror: {without_account(text)!r}",
            "Write it as https://HOST or http://HOST:PORT.",
        )
    if address.path.strip("/") or address.query or address.fragment:
        raise InvalidArgument(
            f'invalid mirror: path, query, or fragment at end of the URI "{without_account(text)}"',
            "Write it as https://HOST or http://HOST:PORT.",
        )
    insecure = is_insecure(address.netloc, network)
    if address.scheme == "http" and not insecure:
        raise InvalidArgument(
            f"the mirror {text} would be asked without TLS",
            f"Name it in NBCONTAINER_INSECURE_REGISTRIES too: {address.netloc}",
        )
    return Endpoint(f"{address.scheme}://{address.netloc}", insecure, True)


def without_account(text: str) -> str:
    """Return an address without the account that somebody wrote into it: an error may be read by others."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1***@", text, flags=re.IGNORECASE | re.DOTALL)


def is_insecure(registry: str, network: Network) -> bool:
    """Tell whether a registry may be asked without TLS: it is on loopback, or was named."""
    host = host_of(registry)
    return is_loopback(host) or any(
        entry in (registry, host) or _in_network(host, entry) for entry in network.insecure
    )


def host_of(registry: str) -> str:
    """Return a registry's name without its port and brackets."""
    return urlsplit(f"//{registry}").hostname or ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its name: nobody is asked."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_link_local(host: str) -> bool:
    """Tell whether a host is where clouds keep a machine's own secrets (169.254.169.254 and the like)."""
    address = _address(host)
    return address is not None and (address.is_link_local or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _in_network(host: str, entry: str) -> bool:
    address = _address(host)
    if address is None or "/" not in entry:
        return False
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
