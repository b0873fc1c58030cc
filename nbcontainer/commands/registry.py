"""The verbs about registries: accounts, search, manifests, and a small registry of one's own."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError
from ..results import Detail, Table, Text
from ..under_way import Stream
from .formats import formatted
from .kinds import BOOL, IMAGE, INT, REGISTRY, STRING
from .shared import FILTER_BY, FORMAT, NO_TRUNC
from .table import Args, Argument, Option, command

SERVER = Argument("server", REGISTRY, least=0, label="[SERVER]")
_SECRET_BYTES = 1 << 20


@command(
    "login",
    summary="Log in to a registry",
    options=(
        Option("password", "p", STRING, "Password"),
        Option("password-stdin", "", BOOL, "Take the password from stdin"),
        Option("username", "u", STRING, "Username"),
    ),
    arguments=(SERVER,),
    body="stdin",
)
def login(engine: Any, args: Args) -> Text:
    """Have a registry judge an account, and keep it where Docker keeps it."""
    secret, warnings = _secret(args)
    user = args.username
    if not user and (secret or not engine.known_user(args.server)):
        user = _asked(args, "Username: ", False)
    if user and not secret:
        secret = _asked(args, "Password: ", True)
    said: Text = engine.login(args.server, username=user, password=secret)
    return Text([*warnings, *said])


def _secret(args: Args) -> tuple[str, list[str]]:
    """Return the password as far as the command line tells it, and what is to be said of that."""
    if args.password and args.password_stdin:
        raise UsageError("--password and --password-stdin are mutually exclusive")
    if args.password:
        warning = "WARNING! Using --password via the CLI is insecure. Use --password-stdin."
        return args.password, [warning]
    if not args.password_stdin:
        if args.body is not None:
            raise UsageError("the cell's body is read with --password-stdin only")
        return "", []
    if not args.username:
        raise UsageError("Must provide --username with --password-stdin")
    if args.body is not None:
        return args.body.rstrip("\r\n"), []
    if args.edge.stdin is None:
        raise UsageError(
            "there is no standard input", "In a notebook the cell is the input: %%cont"
        )
    data = args.edge.stdin().read(_SECRET_BYTES)
    return data.decode(errors="surrogateescape").rstrip("\r\n"), []


def _asked(args: Args, prompt: str, is_secret: bool) -> str:
    if args.edge.ask is None:
        raise UsageError(
            "Cannot perform an interactive login from a non TTY device",
            "Give the account with --username and --password-stdin.",
        )
    return args.edge.ask(prompt, is_secret)


@command("logout", summary="Log out from a registry", arguments=(SERVER,))
def logout(engine: Any, args: Args) -> Text:
    """Forget the account for a registry."""
    said: Text = engine.logout(args.server)
    return said


@command(
    "search",
    summary="Search Docker Hub, or a registry's repositories, for images",
    options=(
        FILTER_BY,
        FORMAT,
        Option("limit", "", INT, "Max number of search results", default=25),
        NO_TRUNC,
    ),
    arguments=(Argument("term", label="TERM"),),
)
def search(engine: Any, args: Args) -> Table | Text:
    """Look for images by a word."""
    found = engine.search(args.term, filter=args.filter, limit=args.limit, no_trunc=args.no_trunc)
    return formatted(found, args.format)


@command(
    "manifest inspect",
    summary="Display an image manifest, or manifest list",
    options=(
        Option(
            "insecure", "", BOOL, refused="name the registry in NBCONTAINER_INSECURE_REGISTRIES"
        ),
        Option("verbose", "v", BOOL, "Output additional info including layers and platform"),
    ),
    arguments=(Argument("image", IMAGE, label="MANIFEST"),),
)
def manifest_inspect(engine: Any, args: Args) -> Detail:
    """Show a manifest as its registry has it."""
    found: Detail = engine.manifest_inspect(args.image, verbose=args.verbose)
    return found


# a registry of one's own


@command(
    "registry start",
    summary="Start a small registry of your own on this machine",
    options=(
        Option("auth", "", STRING, "Let only this account in (user:password)"),
        Option("port", "p", INT, "Port on 127.0.0.1", default=5000),
        Option("rate-limit", "", INT, "Let so many manifests be read a minute"),
        Option("readonly", "", BOOL, "Let nobody push"),
        Option("token", "", BOOL, "Hand out tokens, as Docker Hub does, in place of a password"),
    ),
)
def start(engine: Any, args: Args) -> Text:
    """Run a registry whose every request can be watched; the built-in images stand there as library/*."""
    said: Text = engine.registry_start(
        port=args.port,
        auth=args.auth,
        token=args.token,
        readonly=args.readonly,
        rate_limit=args.rate_limit,
    )
    return said


@command(
    "registry stop",
    summary="Stop the registry; what it holds stays",
    options=(Option("volumes", "v", BOOL, "Remove what it holds, too"),),
)
def stop(engine: Any, args: Args) -> Text:
    """End the registry of this store."""
    said: Text = engine.registry_stop(volumes=args.volumes)
    return said


@command(
    "registry log",
    summary="Show each request to the registry, and what it means",
    options=(
        Option("follow", "f", BOOL, "Show requests as they come"),
        FORMAT,
        Option("tail", "n", STRING, "Number of requests to show from the end", default="all"),
    ),
)
def log(engine: Any, args: Args) -> Table | Text | Stream:
    """Watch pulls, pushes and logins request by request."""
    if args.follow:
        from ..views.registry import log_line

        return Stream(log_line(entry) for entry in engine.registry_follow(tail=args.tail))
    return formatted(engine.registry_log(tail=args.tail), args.format)


@command(
    "registry ls",
    summary="List what the registry holds",
    options=(FORMAT,),
)
def ls(engine: Any, args: Args) -> Table | Text:
    """List the registry's repositories and tags."""
    return formatted(engine.registry_ls(), args.format)
