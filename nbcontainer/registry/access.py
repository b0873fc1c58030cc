"""Access: everything that is chosen about registries, and the clients that follow from it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..errors import (
    ImageNotFound,
    NotFound,
    RateLimited,
    RegistryDenied,
    RegistryUnreachable,
    Unsupported,
)
from ..spec.reference import DEFAULT_REGISTRY
from ..values import field, value
from .auth import Auth, Realms
from .client import Client
from .credentials import Account, Credentials
from .endpoints import HUB_SEARCH, Endpoint, Network, endpoints
from .retry import Policy, Retry
from .transport import Patience, Trust, Wire

T = TypeVar("T")


@value
class Options:
    """`folder` is where Docker's config.json lies; `environ` is for credential helpers."""

    folder: str
    network: Network = Network()
    realms: Realms = Realms()
    trust: Trust = Trust()
    patience: Patience = Patience()
    policy: Policy = Policy()
    agent: str = "nbcontainer"
    environ: Mapping[str, str] = field(default_factory=dict)


class Access:
    """Makes clients, and keeps their connections for the next time."""

    def __init__(self, options: Options, wait: Callable[[float], None] = time.sleep) -> None:
        self.options = options
        self.credentials = Credentials(options.folder, options.environ)
        self._wait = wait
        self._clients: dict[str, list[Client]] = {}
        # what was known of accounts when the clients were made
        self._stamp: object = None

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        for clients in self._clients.values():
            for client in clients:
                client.close()
        self._clients.clear()

    def client(self, endpoint: Endpoint, account: Account | None) -> Client:
        """Return a new client of one endpoint, with or without an account."""
        options = self.options
        wire = Wire(endpoint, options.agent, options.patience, options.trust)
        ring = Retry(Auth(wire, endpoint, account, options.realms), options.policy, self._wait)
        return Client(endpoint, ring, wire.close)

    def clients(self, registry: str) -> list[Client]:
        """Return the clients to try for a registry, mirrors first.  A mirror gets its own account only."""
        stamp = _stamp(self.credentials.path)
        if stamp != self._stamp:
            self.close()
            self._stamp = stamp
        known = self._clients.get(registry)
        if known is None:
            known = [
                self.client(one, self.credentials.get(one.host if one.is_mirror else registry))
                for one in endpoints(registry, self.options.network)
            ]
            self._clients[registry] = known
        return known

    def first(self, registry: str, ask: Callable[[Client], T], *, write: bool = False) -> T:
        """Return what the first client answers that can; `write`: mirrors are not asked.

        A mirror that lacks or refuses something is passed over, as is an address that does not answer.
        Raises: what the last one raised.
        """
        clients = [c for c in self.clients(registry) if not (write and c.endpoint.is_mirror)]
        failure: Exception | None = None
        for client in clients:
            try:
                found = ask(client)
            except (RegistryUnreachable, Unsupported) as error:
                failure = _better(failure, error)
            except (ImageNotFound, NotFound, RegistryDenied, RateLimited) as error:
                if not client.endpoint.is_mirror:
                    raise
                failure = error
            else:
                self._prefer(registry, client)
                return found
        assert failure is not None
        raise failure

    def _prefer(self, registry: str, client: Client) -> None:
        """Ask the address that answered first, the next time: of HTTP and HTTPS a host has one."""
        known = self._clients.get(registry, [])
        if (
            client.endpoint.insecure
            and not client.endpoint.is_mirror
            and registry != DEFAULT_REGISTRY
        ):
            known.sort(key=lambda one: one is not client)

    def search_client(self) -> Client:
        """Return a client of Docker Hub's search, which lives at an address of its own."""
        return self.client(Endpoint(HUB_SEARCH), None)


def _better(old: Exception | None, new: Exception) -> Exception:
    """Return which of two failures tells more: that nobody listens is the least."""
    if old is None or "connection refused" in str(old):
        return new
    little = ("connection refused", "tls:", "HTTP response to HTTPS client")
    return old if any(words in str(new) for words in little) else new


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
