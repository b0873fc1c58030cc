"""The command table: how a verb is declared and found.  Parsing is `parse`, help is `help`.

A command is a function of (engine, args) that returns a value of `results`:

    FORMAT = Option("format", "", STRING, "Format output using a custom template: …")

    @command(
        "container ls", "container list", "container ps", "ps",   # the first is canonical
        summary="List containers",
        options=(
            Option("all", "a", BOOL, "Show all containers (default shows just running)"),
            Option("last", "n", INT, "Show n last created containers", default=-1),
            FORMAT,
            *refused("needs the overlay network", "gpus", "publish:p"),
        ),
    )
    def ls(engine: Engine, args: Args) -> Table | Text:
        table = engine.ps(all=args.all, last=args.last, filter=args.filter)
        return formats.formatted(table, args.format)

    @command(
        "container run", "run",
        summary="Create and run a new container from an image",
        options=CREATE_OPTIONS,
        arguments=(
            Argument("image", IMAGE),
            Argument("command", TEXT, least=0, most=None, label="[COMMAND] [ARG...]"),
        ),
        stops=True,              # flags end at the first argument
        body="stdin",            # a cell's body is the program's input; args.body, else None
    )
    def run(engine, args):
        flags = args.chosen(CREATE_OPTIONS)   # only what the user gave, keys as engine.run's keywords
        …

`args.no_trunc` is the flag --no-trunc, `args.image` the argument of that name: a str for exactly one,
"" for at most one (least=0, most=1), a list for more.  `args.given` holds the names of the flags that
were typed.  A flag of Docker's that is not offered stands in the table too, by `refused`, so that it
is refused by name with a reason; nothing is accepted and ignored.

A path such as "container ls" must be found in the module that `MODULES` names for its first word:
a verb is looked up there before anything is imported, so that `run` does not pay for `images`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeVar

from ..errors import UsageError
from .kinds import STRING, TEXT, Kind


def _each(words: str, value: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), value)


# first word -> module of this package
MODULES: dict[str, str] = {
    **_each("create exec plan run", "container_run"),
    "cp": "copy",
    **_each("container attach commit diff export kill logs pause ps", "container"),
    **_each("rename restart rm start stop top unpause wait", "container"),
    **_each("image history images import load pull push rmi save tag", "image"),
    **_each("anatomy stats", "watch"),
    **_each("curl network port", "network"),
    "layers": "layers",
    **_each("login logout manifest registry search", "registry"),
    **_each("volume", "volume"),
    **_each("system doctor events info inspect panel version", "system"),
}

GROUPS: dict[str, str] = {
    "container": "Manage containers",
    "image": "Manage images",
    "manifest": "Look at manifests as registries have them",
    "network": "Manage networks",
    "plan": "Show the steps that a command would take, without taking one",
    "registry": "Run a small registry, and watch it",
    "system": "Manage nbcontainer",
    "volume": "Manage volumes",
}

# Docker's verbs that are not offered, with the reason
ABSENT: dict[str, str] = {
    "trust": "Docker has given up content trust",
    **_each("build builder buildx", "there is no image builder yet"),
    **_each("compose config node secret service stack swarm", "it manages one host"),
    **_each("context plugin checkpoint", "the engine is embedded"),
    **_each("update", "it is not built yet"),
}


class Option(NamedTuple):
    """A flag: long name, one-letter name or "", kind, help line.  `refused` is why it is not offered."""

    name: str
    short: str = ""
    kind: Kind = STRING
    help: str = ""
    default: Any = None
    refused: str = ""
    hidden: bool = False

    @property
    def key(self) -> str:
        """Return the name as Args and Engine spell it."""
        return self.name.replace("-", "_")

    def zero(self) -> Any:
        """Return the value where the flag is not given."""
        return self.kind.zero() if self.default is None else self.default


class Argument(NamedTuple):
    """A positional; `most` None = without end, and then it must be the last.

    `with_body` is the least number where a cell's body comes along (exec: the body is the command).
    """

    name: str
    kind: Kind = TEXT
    least: int = 1
    most: int | None = 1
    label: str = ""
    with_body: int | None = None

    @property
    def usage(self) -> str:
        """Return the argument as a usage line writes it."""
        if self.label:
            return self.label
        word = self.name.upper()
        if self.most == 1:
            return word if self.least else f"[{word}]"
        return f"{word} [{word}...]" if self.least else f"[{word}...]"


class Edge(NamedTuple):
    """What only the edge can reach; the command line fills it in, in a notebook only `ask` is there.

    `stdin` and `stdout` give the standard streams for bytes, `confirm` asks a person yes or no, `ask` for
    a line (True: a secret one, which is not shown as it is typed).
    """

    stdin: Callable[[], BinaryIO] | None = None
    stdout: Callable[[], BinaryIO] | None = None
    confirm: Callable[[str], bool] | None = None
    ask: Callable[[str, bool], str] | None = None
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False


class Args:
    """A parsed command line; flags and arguments are attributes."""

    __slots__ = ("body", "edge", "given", "program", "values")

    def __init__(
        self,
        values: Mapping[str, Any],
        given: Collection[str] = (),
        body: str | None = None,
        program: str = "nbcontainer",
    ) -> None:
        self.values = dict(values)
        self.given = frozenset(given)
        self.body = body
        self.program = program
        self.edge = Edge()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(f"the command declares no {name!r}") from None

    def chosen(self, options: Iterable[Option]) -> dict[str, Any]:
        """Return the flags among `options` that the user gave, keyed as Engine's keywords."""
        return {o.key: self.values[o.key] for o in options if o.key in self.given}


Function = Callable[[Any, Args], Any]
F = TypeVar("F", bound=Function)


class Command:
    """A declared verb.  `paths` are all its names, the canonical one first."""

    __slots__ = ("arguments", "body", "function", "options", "paths", "stops", "summary")

    def __init__(
        self,
        paths: tuple[str, ...],
        function: Function,
        summary: str,
        options: Sequence[Option],
        arguments: tuple[Argument, ...],
        stops: bool,
        body: str,
    ) -> None:
        self.paths = paths
        self.function = function
        self.summary = summary
        self.options = {option.name: option for option in options}
        self.arguments = arguments
        self.stops = stops
        self.body = body

    @property
    def usage(self) -> str:
        """Return what follows the verb in the usage line."""
        words = ["[OPTIONS]"] if self.options else []
        return " ".join(words + [argument.usage for argument in self.arguments])

    def short(self, letter: str) -> Option | None:
        """Return the option with this one-letter name."""
        for option in self.options.values():
            if option.short == letter:
                return option
        return None


_declared: dict[str, Command] = {}


def command(
    *paths: str,
    summary: str,
    options: Sequence[Option] = (),
    arguments: tuple[Argument, ...] = (),
    stops: bool = False,
    body: str = "",
) -> Callable[[F], F]:
    """Declare a command; see the module's docstring.  `body`: "" (a cell's body is refused), "stdin"
    (the program's input) or "file" (read in place of `-`).
    """

    def declare(function: F) -> F:
        made = Command(paths, function, summary, options, arguments, stops, body)
        for path in paths:
            _declared[path] = made
        return function

    return declare


def refused(reason: str, *names: str) -> tuple[Option, ...]:
    """Return options that are refused with `reason`; "publish:p" is --publish and -p."""
    split = [name.partition(":") for name in names]
    return tuple(Option(long, short, refused=reason) for long, _, short in split)


def find(words: Sequence[str], program: str = "nbcontainer") -> tuple[Command, str, list[str]]:
    """Return the command that `words` begin with, the path it was called by, and the words after it.

    Raises: UsageError if there is none.
    """
    first = words[0]
    load(first)
    if first in GROUPS and len(words) > 1:
        path, rest = f"{first} {words[1]}", list(words[2:])
    else:
        path, rest = first, list(words[1:])
    found = _declared.get(path)
    if found is None:
        raise unknown_verb(path, program)
    return found, path, rest


def load(first: str) -> None:
    """Import the module that declares the verbs beginning with `first`, if there is one."""
    name = MODULES.get(first)
    if name is not None:
        # plain __import__ of a known submodule; importlib costs a millisecond more
        __import__(f"{__package__}.{name}")


def load_all() -> dict[str, Command]:
    """Import every module and return the table, path -> command."""
    for first in MODULES:
        load(first)
    return _declared


def verbs(group: str = "") -> list[str]:
    """Return the words that may stand first, or second after `group`."""
    if not group:
        return sorted(MODULES)
    load(group)
    prefix = f"{group} "
    return sorted(path[len(prefix) :] for path in _declared if path.startswith(prefix))


def unknown_verb(path: str, program: str) -> UsageError:
    """Return the error for a verb that is not in the table, with the nearest that is."""
    import difflib

    first, _, second = path.partition(" ")
    reason = ABSENT.get(first) or (ABSENT.get(second) if first in GROUPS else None)
    if reason:
        return UsageError(
            f"'{path}' is a Docker command that nbcontainer does not offer: {reason}",
            f"See '{program} --help'.",
        )
    known = verbs(first) if second and first in GROUPS else verbs()
    near = difflib.get_close_matches(second or first, known, 1)
    hint = f"See '{program} --help'."
    if near:
        hint = f"Did you mean '{first + ' ' if second else ''}{near[0]}'?"
    return UsageError(f"'{path}' is not a command of {program}", hint)
