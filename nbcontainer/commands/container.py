"""The verbs about containers that exist; those that start programs stand in `container_run`."""

from __future__ import annotations

from typing import Any

from ..errors import ContainerNotFound, InvalidArgument
from ..results import Image, Table, Text
from ..under_way import Live, Stream
from .formats import formatted
from .kinds import BOOL, CONTAINER, IMAGE, INT, LIST, PATH, RUNNING, STRING
from .shared import FILTER_BY, FORMAT, NO_LIVE, NO_TRUNC, agreed, each
from .table import Args, Argument, Option, command, refused

MANY = Argument("container", CONTAINER, most=None)
MANY_RUNNING = Argument("container", RUNNING, most=None)
ONE = Argument("container", CONTAINER)
DETACH_KEYS = Option(
    "detach-keys",
    "",
    STRING,
    "Override the key sequence for detaching a container",
    default="ctrl-p,ctrl-q",
)


@command(
    "container ls",
    "container list",
    "container ps",
    "ps",
    summary="List containers",
    options=(
        Option("all", "a", BOOL, "Show all containers (default shows just running)"),
        FILTER_BY,
        FORMAT,
        Option("last", "n", INT, "Show n last created containers (all states)", default=-1),
        Option("latest", "l", BOOL, "Show the latest created container (all states)"),
        NO_LIVE,
        NO_TRUNC,
        Option("quiet", "q", BOOL, "Only display container IDs"),
        Option("size", "s", BOOL, "Display total file sizes"),
    ),
)
def ls(engine: Any, args: Args) -> Table | Text:
    """List containers."""
    table = engine.ps(
        all=args.all,
        filter=args.filter,
        last=args.last,
        latest=args.latest,
        no_trunc=args.no_trunc,
        # measuring costs a walk over the files, so only where it is shown
        size=args.size or ".Size" in args.format,
    )
    return formatted(table, args.format, quiet=args.quiet)


@command(
    "container start",
    "start",
    summary="Start one or more stopped containers",
    options=(
        Option("attach", "a", BOOL, "Attach STDOUT/STDERR and forward signals"),
        DETACH_KEYS,
        Option("interactive", "i", BOOL, "Attach container's STDIN"),
        *refused("containers are not checkpointed", "checkpoint", "checkpoint-dir"),
    ),
    arguments=(MANY,),
)
def start(engine: Any, args: Args) -> Text | Live:
    """Start containers again; with -a or -i one, whose streams are shown."""
    if not (args.attach or args.interactive):
        return each(args.container, engine.start)
    if len(args.container) > 1:
        raise InvalidArgument("you cannot start and attach multiple containers at once")
    session = engine.start_session(args.container[0], interactive=args.interactive)
    return Live(session, interactive=args.interactive, detach_keys=args.detach_keys)


STOP_OPTIONS = (
    Option("signal", "s", STRING, "Signal to send to the container"),
    Option("timeout", "t", INT, "Seconds to wait before killing the container"),
    Option("time", "", INT, hidden=True),
)


def _patience(args: Args) -> dict[str, Any]:
    asked = args.chosen(STOP_OPTIONS)
    if "timeout" in asked:
        asked["time"] = asked.pop("timeout")
    return asked


@command(
    "container stop",
    "stop",
    summary="Stop one or more running containers",
    options=STOP_OPTIONS,
    arguments=(MANY_RUNNING,),
)
def stop(engine: Any, args: Args) -> Text:
    """Ask containers to end, and kill those that do not."""
    asked = _patience(args)
    return each(args.container, lambda name: engine.stop(name, **asked), at_once=True)


@command(
    "container restart",
    "restart",
    summary="Restart one or more containers",
    options=STOP_OPTIONS,
    arguments=(MANY,),
)
def restart(engine: Any, args: Args) -> Text:
    """Stop containers, where they run, and start them."""
    asked = _patience(args)
    return each(args.container, lambda name: engine.restart(name, **asked), at_once=True)


@command(
    "container kill",
    "kill",
    summary="Kill one or more running containers",
    options=(Option("signal", "s", STRING, "Signal to send to the container", default="KILL"),),
    arguments=(MANY_RUNNING,),
)
def kill(engine: Any, args: Args) -> Text:
    """Send a signal."""
    return each(args.container, lambda name: engine.kill(name, signal=args.signal))


@command(
    "container pause",
    "pause",
    summary="Pause all processes within one or more containers",
    arguments=(MANY_RUNNING,),
)
def pause(engine: Any, args: Args) -> Text:
    """Freeze containers."""
    return each(args.container, engine.pause)


@command(
    "container unpause",
    "unpause",
    summary="Unpause all processes within one or more containers",
    arguments=(MANY_RUNNING,),
)
def unpause(engine: Any, args: Args) -> Text:
    """Let frozen containers go on."""
    return each(args.container, engine.unpause)


@command(
    "container wait",
    "wait",
    summary="Block until one or more containers stop, then print their exit codes",
    arguments=(MANY,),
)
def wait(engine: Any, args: Args) -> Text:
    """Wait for containers; a line each with its exit code."""
    return each(
        args.container, engine.wait, at_once=True, line=lambda name, codes: str(_first(codes))
    )


def _first(codes: Any) -> Any:
    return codes[0] if isinstance(codes, list) else codes


@command(
    "container rm",
    "container remove",
    "rm",
    summary="Remove one or more containers",
    options=(
        Option("force", "f", BOOL, "Force the removal of a running container (uses SIGKILL)"),
        Option("volumes", "v", BOOL, "Remove anonymous volumes associated with the container"),
        *refused("containers are not linked", "link:l"),
    ),
    arguments=(MANY,),
)
def rm(engine: Any, args: Args) -> Text:
    """Remove containers.  With --force one that does not exist is an error and no failure."""
    return each(
        args.container,
        lambda name: engine.rm(name, force=args.force, volumes=args.volumes),
        at_once=True,
        forgiven=(ContainerNotFound,) if args.force else (),
    )


@command(
    "container rename",
    "rename",
    summary="Rename a container",
    arguments=(ONE, Argument("new_name")),
)
def rename(engine: Any, args: Args) -> Text:
    """Give a container another name."""
    engine.rename(args.container, args.new_name)
    return Text()


@command(
    "container logs",
    "logs",
    summary="Fetch the logs of a container",
    options=(
        Option("details", "", BOOL, "Show extra details provided to logs"),
        Option("follow", "f", BOOL, "Follow log output"),
        NO_LIVE,
        Option(
            "since", "", STRING, 'Show logs since timestamp ("2013-01-02T13:23:37Z") or "42m" ago'
        ),
        Option(
            "tail",
            "n",
            STRING,
            "Number of lines to show from the end of the logs",
            default="all",
        ),
        Option("timestamps", "t", BOOL, "Show timestamps"),
        Option(
            "until", "", STRING, 'Show logs before timestamp ("2013-01-02T13:23:37Z") or "42m" ago'
        ),
    ),
    arguments=(ONE,),
)
def logs(engine: Any, args: Args) -> Stream:
    """Show what a container wrote, and with --follow what it writes."""
    return Stream(
        engine.logs(
            args.container,
            follow=args.follow,
            since=args.since,
            until=args.until,
            tail=args.tail,
            timestamps=args.timestamps,
            details=args.details,
        )
    )


@command(
    "container attach",
    "attach",
    summary="Attach local standard input, output, and error streams to a running container",
    options=(
        DETACH_KEYS,
        Option("no-stdin", "", BOOL, "Do not attach STDIN"),
        Option("sig-proxy", "", BOOL, "Proxy all received signals to the process", default=True),
    ),
    arguments=(Argument("container", RUNNING),),
    body="stdin",
)
def attach(engine: Any, args: Args) -> Live:
    """Join the streams of a running container's first program."""
    session = engine.attach(args.container, no_stdin=args.no_stdin)
    return Live(
        session,
        # in a notebook nobody types, and to close the program's input is not what attach means
        interactive=not args.no_stdin and (args.body is not None or args.edge.stdin is not None),
        sig_proxy=args.sig_proxy,
        detach_keys=args.detach_keys,
    )


@command(
    "container top",
    "top",
    summary="Display the running processes of a container",
    arguments=(
        Argument("container", RUNNING),
        Argument("ps_options", least=0, most=None, label="[ps OPTIONS]"),
    ),
    stops=True,
)
def top(engine: Any, args: Args) -> Table:
    """Show a container's processes."""
    table: Table = engine.top(args.container, " ".join(args.ps_options))
    return table


@command(
    "container diff",
    "diff",
    summary="Inspect changes to files or directories on a container's filesystem",
    arguments=(ONE,),
)
def diff(engine: Any, args: Args) -> Table:
    """Show what a container added (A), changed (C) and deleted (D)."""
    table: Table = engine.diff(args.container)
    return table


@command(
    "container commit",
    "commit",
    summary="Create a new image from a container's changes",
    options=(
        Option("author", "a", STRING, 'Author ("John Hannibal Smith <hannibal@a-team.com>")'),
        Option("change", "c", LIST, "Apply Dockerfile instruction to the created image"),
        Option("message", "m", STRING, "Commit message"),
        Option("pause", "p", BOOL, "Pause container during commit", default=True),
    ),
    arguments=(ONE, Argument("reference", IMAGE, least=0, label="[REPOSITORY[:TAG]]")),
)
def commit(engine: Any, args: Args) -> Image:
    """Make an image of a container."""
    made: Image = engine.commit(
        args.container,
        args.reference,
        author=args.author,
        message=args.message,
        change=args.change,
        pause=args.pause,
    )
    return made


@command(
    "container export",
    "export",
    summary="Export a container's filesystem as a tar archive",
    options=(Option("output", "o", PATH, "Write to a file, instead of STDOUT"),),
    arguments=(ONE,),
)
def export(engine: Any, args: Args) -> Stream | Text:
    """Write a container's files as a tar."""
    from .archives import written

    return written(args, lambda output: engine.export(args.container, output))


@command(
    "container inspect",
    summary="Display detailed information on one or more containers",
    options=(
        Option("format", "f", STRING, "Format output using a custom template"),
        Option("size", "s", BOOL, "Display total file sizes"),
    ),
    arguments=(MANY,),
)
def inspect(engine: Any, args: Args) -> Any:
    """Show everything known about containers."""
    from .system import inspected

    return inspected(engine, args.container, args.format, type="container", size=args.size)


@command(
    "container prune",
    summary="Remove all stopped containers",
    options=(
        FILTER_BY._replace(short=""),
        Option("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
)
def prune(engine: Any, args: Args) -> Text:
    """Remove what has stopped."""
    if not agreed(args, "This will remove all stopped containers."):
        return Text()
    removed: Text = engine.container_prune(filter=args.filter)
    return removed


# "container run", "container cp" and "container stats" begin with a word that is looked up here
from . import container_run as _container_run  # noqa: E402, F401
from . import copy as _copy  # noqa: E402, F401
from . import network as _network  # noqa: E402, F401
from . import watch as _watch  # noqa: E402, F401
