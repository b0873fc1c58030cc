"""Reach what runs in containers: the link for a browser, a socket within, the drawing of the networks."""

from __future__ import annotations

import socket

from ..errors import InvalidArgument, NotFound, Unavailable, WrongStatus
from ..results_network import Drawing
from ..runtime import wire
from ..spec.browser import browser_url
from ..spec.lifecycle import State
from ..spec.network import PortBinding
from ..views import network as view
from ..views import network_graph
from . import networks
from .host import Host

_PATIENCE_S = 30.0


def url(host: Host, container: str, port: str, path: str = "/") -> str:
    """Return where this browser reaches a published port.

    Raises: NotFound if it is not published; Unavailable where no browser can reach it.
    """
    container_id = host.containers.resolve(container)
    number, _, protocol = port.partition("/")
    key = f"{number}/{protocol or 'tcp'}"
    for binding in host.state(container_id).ports:
        if binding.key == key:
            if binding.protocol != "tcp":
                raise InvalidArgument(f"no browser opens {key}", "`port` says where it is reached.")
            return _link(host, binding, path)
    raise NotFound(
        f"no public port '{key}' published for {container}", "Run it with -p, or use `curl`."
    )


def _link(host: Host, binding: PortBinding, path: str) -> str:
    found = link(host, binding, path)
    if not found:
        raise Unavailable(
            f"no browser reaches port {binding.host_port} of this Hub's server",
            "Install jupyter-server-proxy into the server's environment, or use `curl`.",
        )
    return found


def link(host: Host, binding: PortBinding, path: str = "/") -> str:
    """Return the link to a published port, "" where there is none."""
    environ = host.settings.environ or {}
    if environ.get("COLAB_RELEASE_TAG"):
        return _in_colab(binding.host_port, path)
    from importlib.util import find_spec

    return browser_url(
        binding.host_ip,
        binding.host_port,
        path,
        environ,
        has_proxy=find_spec("jupyter_server_proxy") is not None,
    )


def _in_colab(port: int, path: str) -> str:
    """Return the address that Colab's page gives to a port; only the page itself knows it."""
    try:
        from google.colab.output import eval_js  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return ""
    base = str(eval_js(f"google.colab.kernel.proxyPort({int(port)})"))
    return base.rstrip("/") + "/" + path.lstrip("/")


def links(host: Host, state: State) -> dict[str, str]:
    """Return shown port -> link of a running container, for a table; what asks a page is left out."""
    environ = host.settings.environ or {}
    if environ.get("COLAB_RELEASE_TAG"):
        return {}
    from ..spec.ports import published_text

    return {published_text(b): link(host, b) for b in state.ports if b.protocol == "tcp"}


def running(host: Host, container: str) -> tuple[str, State]:
    """Return a running container's id and state.  Raises: ContainerNotFound, WrongStatus."""
    container_id = host.containers.resolve(container)
    state = host.state(container_id)
    if not state.status.is_alive or not state.sandbox:
        raise WrongStatus(f"container {container_id} is not running", "`start` starts it.")
    return container_id, state


def from_inside(host: Host, state: State, request: wire.Dial | wire.Look) -> socket.socket | str:
    """Return the socket that the container's shim made within its network, or what it says instead."""
    ours, theirs = wire.pair()
    with ours:
        with theirs:
            host.runtime.ask(state.sandbox, request, (theirs.fileno(),))
        ours.settimeout(_PATIENCE_S)
        said, descriptors = wire.receive(ours)
    if descriptors:
        return socket.socket(fileno=descriptors[0])
    return said.decode(errors="replace") or "the connection was not made"


def graph(host: Host) -> Drawing:
    """Return the networks with their containers, addresses and ports as text and as SVG."""
    listing = host.listing()
    rows = []
    for network in networks.everything(host):
        members = [
            network_graph.Member(name, endpoint.address or endpoint.address6, endpoint.interface)
            for _, name, endpoint in view.members_of(network, listing)
        ]
        rows.append(network_graph.Row(network, tuple(members)))
    shared = {"host": [], "none": []}  # type: dict[str, list[str]]
    ports: dict[str, str] = {}
    for config, state, name in listing:
        if not state.status.is_alive:
            continue
        if config.namespaces.network in shared:
            shared[config.namespaces.network].append(name)
        ports[name] = view.published(state)
    return Drawing(*network_graph.drawn(rows, shared, ports))
