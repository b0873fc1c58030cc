"""run, create, exec and plan: the verbs that start programs, and the one that shows how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidArgument, UsageError
from ..results import Container, Table, Text
from ..spec.create import attached_streams
from ..under_way import Live, Transfer
from .create_options import CREATE_OPTIONS, EXEC_OPTIONS, REFUSED
from .formats import formatted
from .kinds import BOOL, IMAGE, RUNNING, STRING
from .shared import FORMAT, NO_TRUNC
from .table import Args, Argument, Option, command

RUN_OPTIONS = (
    Option("detach", "d", BOOL, "Run container in background and print container ID"),
    Option("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
    Option("sig-proxy", "", BOOL, "Proxy received signals to the process", default=True),
)
IMAGE_AND_COMMAND = (
    Argument("image", IMAGE),
    Argument("command", least=0, most=None, label="[COMMAND] [ARG...]"),
)
DETACH_KEYS = "ctrl-p,ctrl-q"


def create_flags(args: Args) -> dict[str, Any]:
    """Return the flags that were given, keyed as Engine's keywords; --net is --network.

    What --pull says was done by `after_pull`.
    """
    flags = args.chosen(CREATE_OPTIONS)
    for key in ("pull", "quiet"):
        flags.pop(key, None)
    if "net" in flags:
        flags["network"] = flags.get("network", []) + flags.pop("net")
    return flags


def after_pull(engine: Any, args: Args, make: Callable[[], Any]) -> Any:
    """Return what `make` makes, or the pull that must come before it and then makes it."""
    pulling: Transfer | None = engine.missing_session(
        args.image, pull=args.pull, platform=args.platform, quiet=args.quiet
    )
    if pulling is None:
        return make()
    pulling.then = make
    return pulling


@command(
    "container run",
    "run",
    summary="Create and run a new container from an image",
    options=(*CREATE_OPTIONS, *RUN_OPTIONS, *REFUSED),
    arguments=IMAGE_AND_COMMAND,
    stops=True,
    body="stdin",
)
def run(engine: Any, args: Args) -> Container | Live | Transfer:
    """Run a container: in the background its id comes back, else the running program."""
    flags = create_flags(args)
    asked = attached_streams(flags.pop("attach", []))
    if args.detach:
        if asked:
            raise InvalidArgument(
                "conflicting options: cannot specify both --attach and --detach",
                "Leave one of them out.",
            )
        if args.body is not None:
            raise UsageError(
                "a container in the background has nobody to read the cell's body",
                "Leave --detach out, or put the program into a file and mount it.",
            )
        flags["pull"] = "never"
        made: Container | Transfer = after_pull(
            engine, args, lambda: engine.run(args.image, args.command, detach=True, **flags)
        )
        return made
    if args.body is not None:
        flags["interactive"] = True
    interactive = bool(flags.get("interactive"))
    # as in Docker: without -a all that is open, with -a what is named
    reads = interactive and (not asked or "stdin" in asked)
    attached = [s for s in ("stdout", "stderr") if not asked or s in asked]
    streams = (["stdin"] if reads else []) + attached
    flags |= {"attach": streams, "pull": "never"}

    def live() -> Live:
        return Live(
            engine.run_session(args.image, args.command, **flags),
            interactive=reads,
            sig_proxy=args.sig_proxy,
            detach_keys=args.detach_keys or DETACH_KEYS,
            attached=attached,
        )

    started: Live | Transfer = after_pull(engine, args, live)
    return started


@command(
    "container create",
    "create",
    summary="Create a new container",
    options=(*CREATE_OPTIONS, *REFUSED),
    arguments=IMAGE_AND_COMMAND,
    stops=True,
)
def create(engine: Any, args: Args) -> Container | Transfer:
    """Make a container that `start` starts."""
    flags = create_flags(args) | {"pull": "never"}
    made: Container | Transfer = after_pull(
        engine, args, lambda: engine.create(args.image, args.command, **flags)
    )
    return made


@command(
    "container exec",
    "exec",
    summary="Execute a command in a running container",
    options=EXEC_OPTIONS,
    arguments=(
        Argument("container", RUNNING),
        Argument("command", least=1, most=None, label="COMMAND [ARG...]", with_body=0),
    ),
    stops=True,
    body="stdin",
)
def exec_(engine: Any, args: Args) -> Live | Text:
    """Run one more program in a container; a cell's body is its input, and sh reads it by default."""
    flags = args.chosen(EXEC_OPTIONS)
    for key in ("detach", "detach_keys"):
        flags.pop(key, None)
    words = args.command or ["sh"]
    if args.detach:
        if args.body is not None:
            raise UsageError(
                "a program in the background has nobody to read the cell's body",
                "Leave --detach out.",
            )
        engine.exec(args.container, words, detach=True, **flags)
        return Text()
    if args.body is not None:
        flags["interactive"] = True
    session = engine.exec_session(args.container, words, **flags)
    return Live(
        session,
        interactive=bool(flags.get("interactive")),
        # Docker sends no signal on to an exec; in a notebook an interrupt would then reach nobody
        sig_proxy=True,
        detach_keys=args.detach_keys or DETACH_KEYS,
    )


@command(
    "plan run",
    "plan create",
    summary="Show the steps that would make a container, without taking one",
    options=(*CREATE_OPTIONS, *RUN_OPTIONS, FORMAT, NO_TRUNC, *REFUSED),
    arguments=IMAGE_AND_COMMAND,
    stops=True,
)
def plan(engine: Any, args: Args) -> Table | Text:
    """Show what run would do: every step in order, each with its reason."""
    flags = create_flags(args)
    flags.pop("attach", None)
    from ..views.plan import COLUMNS, plan_rows

    steps = engine.plan(args.image, args.command, **flags).steps
    rows = plan_rows(steps, no_trunc=args.no_trunc)
    return formatted(Table("step", COLUMNS, rows, min_width=3), args.format)
