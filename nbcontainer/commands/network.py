"""The verbs about networks and ports."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument
from ..results import Table, Text
from .formats import formatted
from .kinds import BOOL, CONTAINER, LIST, NETWORK, PATH, RUNNING, SECONDS, STRING, choice
from .shared import FILTER_BY, FORMAT, NO_LIVE, NO_TRUNC, agreed, each
from .table import Args, Argument, Option, command, refused

MANY = Argument("network", NETWORK, most=None)
_SWARM = "it manages one host"


@command(
    "network create",
    summary="Create a network",
    options=(
        Option("driver", "d", choice("bridge"), "Driver to manage the Network", default="bridge"),
        Option("gateway", "", LIST, "IPv4 or IPv6 Gateway for the subnet"),
        Option("internal", "", BOOL, "Restrict external access to the network"),
        Option("ip-range", "", LIST, "Allocate container ip from a sub-range"),
        Option("ipv6", "", BOOL, "Enable IPv6 address assignment"),
        Option("label", "", LIST, "Set metadata on a network"),
        Option("opt", "o", LIST, "Set driver specific options"),
        Option("subnet", "", LIST, "Subnet in CIDR format that represents a network segment"),
        *refused("every network here may be joined by hand", "attachable"),
        *refused(_SWARM, "config-from", "config-only", "ingress", "scope"),
        *refused("addresses are kept by the engine", "ipam-driver", "ipam-opt", "aux-address"),
        *refused("a network without addresses of version 4 cannot be made", "ipv4"),
    ),
    arguments=(Argument("network"),),
)
def create(engine: Any, args: Args) -> Text:
    """Make a network; its id comes back."""
    options = (
        "driver", "gateway", "internal", "ip_range", "ipv6", "label", "opt", "subnet",
    )  # fmt: skip
    return Text([engine.network_create(args.network, **{key: args.values[key] for key in options})])


@command(
    "network ls",
    "network list",
    summary="List networks",
    options=(
        FILTER_BY,
        FORMAT,
        NO_TRUNC,
        Option("quiet", "q", BOOL, "Only display network IDs"),
        NO_LIVE,
    ),
)
def ls(engine: Any, args: Args) -> Table | Text:
    """List networks."""
    table = engine.network_ls(filter=args.filter, no_trunc=args.no_trunc)
    return formatted(table, args.format, quiet=args.quiet)


@command(
    "network inspect",
    summary="Display detailed information on one or more networks",
    options=(
        Option("format", "f", STRING, "Format output using a custom template"),
        Option("verbose", "v", BOOL, refused="there are no swarm services to say more of"),
    ),
    arguments=(MANY,),
)
def inspect(engine: Any, args: Args) -> Any:
    """Show everything known about networks: who is on them, and what carries what leaves them."""
    from .system import inspected

    return inspected(engine, args.network, args.format, type="network")


@command(
    "network rm",
    "network remove",
    summary="Remove one or more networks",
    options=(Option("force", "f", BOOL, "Do not error if the network does not exist"),),
    arguments=(MANY,),
)
def rm(engine: Any, args: Args) -> Text:
    """Remove networks that no container is on."""
    done = each(args.network, lambda name: engine.network_rm(name, force=args.force), line=_gone)
    return Text([line for line in done.lines if line], errors=done.errors)


def _gone(name: str, removed: list[str]) -> str:
    return name if removed else ""


@command(
    "network prune",
    summary="Remove all unused networks",
    options=(
        FILTER_BY._replace(short=""),
        Option("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
)
def prune(engine: Any, args: Args) -> Text:
    """Remove the networks that no container is on."""
    warning = "This will remove all custom networks not used by at least one container."
    if not agreed(args, warning):
        return Text()
    removed: Text = engine.network_prune(filter=args.filter)
    return removed


@command(
    "network connect",
    summary="Connect a container to a network",
    options=(
        Option("alias", "", LIST, "Add network-scoped alias for the container"),
        Option("ip", "", STRING, "IPv4 address (e.g., 172.30.100.104)"),
        Option("ip6", "", STRING, "IPv6 address (e.g., 2001:db8::33)"),
        *refused("it changes nothing that could be seen", "driver-opt", "gw-priority"),
        *refused("name the other by its name", "link"),
        *refused("its addresses cannot be chosen", "link-local-ip"),
    ),
    arguments=(Argument("network", NETWORK), Argument("container", CONTAINER)),
)
def connect(engine: Any, args: Args) -> Text:
    """Put a container, running or not, onto one more network."""
    engine.network_connect(args.network, args.container, alias=args.alias, ip=args.ip, ip6=args.ip6)
    return Text()


@command(
    "network disconnect",
    summary="Disconnect a container from a network",
    options=(Option("force", "f", BOOL, "Force the container to disconnect from a network"),),
    arguments=(Argument("network", NETWORK), Argument("container", CONTAINER)),
)
def disconnect(engine: Any, args: Args) -> Text:
    """Take a container, running or not, off a network."""
    engine.network_disconnect(args.network, args.container, force=args.force)
    return Text()


@command(
    "network graph",
    summary="Draw the networks with their containers, addresses and ports",
    options=(Option("html", "", BOOL, "Print a static SVG in place of the drawing in characters"),),
)
def graph(engine: Any, args: Args) -> Any:
    """Draw the networks: in a notebook as a picture, in a terminal as text."""
    drawn = engine.network_graph()
    return Text(drawn.picture) if args.html else drawn


@command(
    "network links",
    summary="Show the links that Linux has: a container's, or the bridges and cables on the host's side",
    options=(FORMAT,),
    arguments=(Argument("container", RUNNING, least=0),),
)
def links(engine: Any, args: Args) -> Table | Text:
    """List links with their addresses and counters, as `ip address` would."""
    return formatted(engine.network_links(args.container or ""), args.format)


@command(
    "container port",
    "port",
    summary="List port mappings or a specific mapping for the container",
    arguments=(
        Argument("container", CONTAINER),
        Argument("port", least=0, label="[PRIVATE_PORT[/PROTO]]"),
    ),
)
def port(engine: Any, args: Args) -> Text:
    """List where a container's ports are published."""
    found: Text = engine.port(args.container, args.port)
    return found


@command(
    "curl",
    summary="Fetch from a container's port, from the notebook kernel's side",
    options=(
        Option("include", "i", BOOL, "Show the status and the headers too"),
        Option("head", "I", BOOL, "Fetch the headers only"),
        Option("request", "X", STRING, "The method to use"),
        Option("header", "H", LIST, "Send a header"),
        Option("data", "d", LIST, "Send data in a POST"),
        Option("max-time", "m", SECONDS, "How many seconds it may take at most"),
        Option("output", "o", PATH, "Write what comes to a file"),
        Option("silent", "s", BOOL, "No progress is shown anyway"),
        Option("show-error", "S", BOOL, "Errors are shown anyway"),
        Option("verbose", "v", BOOL, "As --include"),
        *refused("it follows no redirects", "location:L"),
        *refused("it speaks HTTP without TLS", "insecure:k", "cacert", "cert:E"),
        *refused("use -H", "user:u", "user-agent:A", "cookie:b", "referer:e", "json"),
        *refused("use -d", "form:F", "data-binary", "data-raw", "data-urlencode", "upload-file:T"),
        *refused("the status is shown by -i", "fail:f", "write-out:w"),
        *refused("it asks from within the container's network", "proxy:x", "resolve", "interface"),
    ),
    arguments=(Argument("url", RUNNING, label="CONTAINER[:PORT][/PATH]"),),
    body="file",
)
def curl(engine: Any, args: Args) -> Any:
    """Fetch a page of a container's server, whether or not its port is published."""
    fetched = engine.curl(
        args.url,
        method=args.request or ("HEAD" if args.head else ""),
        headers=args.header,
        data="&".join(args.data) if args.data else args.body,
        timeout=args.max_time,
        include=args.include or args.head or args.verbose,
    )
    if args.output in ("", "-"):
        return fetched
    try:
        with open(args.output, "wb") as file:
            file.write(bytes(fetched))
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise InvalidArgument(f"curl: open {args.output}: {words}") from error
    return Text()
