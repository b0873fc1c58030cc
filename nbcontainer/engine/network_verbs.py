"""The verbs about networks and ports, which Engine has among its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..results import Table, Text
from .border import in_words
from .host import Host

if TYPE_CHECKING:
    from ..results_network import Drawing, Fetched


@in_words
class NetworkVerbs:
    """One method a verb, as Engine's others."""

    host: Host

    def network_connect(
        self, network: str, container: str, *, alias: Any = (), ip: str = "", ip6: str = ""
    ) -> None:
        """Put a container onto one more network, at once if it runs."""
        from . import networks

        networks.connect(self.host, network, container, alias=alias, ip=ip, ip6=ip6)

    def network_create(
        self,
        name: str,
        *,
        driver: str = "bridge",
        subnet: Any = (),
        gateway: Any = (),
        ip_range: Any = (),
        internal: bool = False,
        ipv6: bool = False,
        label: Any = (),
        opt: Any = (),
    ) -> str:
        """Make a network; return its id."""
        from . import networks

        return networks.create(
            self.host,
            name,
            driver=driver,
            subnet=subnet,
            gateway=gateway,
            ip_range=ip_range,
            internal=internal,
            ipv6=ipv6,
            label=label,
            opt=opt,
        )

    def network_disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        """Take a container off a network, at once if it runs."""
        from . import networks

        networks.disconnect(self.host, network, container, force=force)

    def network_graph(self) -> Drawing:
        """Return the networks with their containers, addresses and ports, as text and as a picture."""
        from . import reach

        return reach.graph(self.host)

    def network_links(self, container: str = "") -> Table:
        """Return the links that a running container sees; without one, this store's on the host's side."""
        from . import links

        return links.of_container(self.host, container) if container else links.of_host(self.host)

    def network_ls(self, *, filter: Any = None, no_trunc: bool = False) -> Table:
        """Return the networks by name."""
        from . import networks

        return networks.ls(self.host, filter=filter, no_trunc=no_trunc)

    def network_prune(self, *, filter: Any = None) -> Text:
        """Remove the networks that no container is on."""
        from . import networks

        return networks.prune(self.host, filter=filter)

    def network_rm(self, *names: str, force: bool = False) -> list[str]:
        """Remove networks that no container is on; with `force` one that is missing is no error."""
        from . import networks

        return networks.rm(self.host, names, force=force)

    def port(self, container: str, port: int | str = "") -> Text:
        """Return where a container's ports, or one of them, are published."""
        from . import networks

        return networks.port(self.host, container, str(port))

    def url(self, container: str, port: int | str = 80, path: str = "/") -> str:
        """Return where this browser, or this terminal's user, reaches a published port.

        Raises: NotFound if the port is not published.
        """
        from . import reach

        return reach.url(self.host, container, str(port), path)

    def curl(
        self,
        url: str,
        *,
        method: str = "",
        headers: Any = (),
        data: str | bytes | Mapping[str, Any] | None = None,
        timeout: str | float = "",
        include: bool = False,
    ) -> Fetched:
        """Fetch from a container's server, published or not: "web:80/path".

        A mapping is sent as a form.  `timeout`: seconds, or a duration, for all of it.
        Raises: ContainerNotFound, WrongStatus, Unavailable where nobody answers.
        """
        from . import curl

        return curl.curl(
            self.host,
            url,
            method=method,
            headers=headers,
            data=data,
            timeout=timeout,
            include=include,
        )
