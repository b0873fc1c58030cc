"""Help in Docker's layout, made from the table."""

from __future__ import annotations

from collections.abc import Iterable

from ..results import Text
from .kinds import BOOL
from .parse import Parsed
from .table import GROUPS, MODULES, Command, Option, load, load_all

COMMON = ("run", "exec", "ps", "images", "commit", "plan", "doctor", "version", "info")
OWN = {
    "config": "In a notebook: what can be chosen, such as live tables",
    "lab": "Open or run the labs; in a notebook: the same names and ids everywhere",
}
WIDTH = 79
SHELL = "nbcontainer"
GLOBAL_OPTIONS = (
    "  -D, --debug         Show the traceback of an internal error",
    "      --home string   The store's folder (default NBCONTAINER_HOME)",
    "  -v, --version       Print version information and quit",
)


def help_for(parsed: Parsed) -> Text:
    """Return the page that `parsed` asks for."""
    program = parsed.args.program
    if parsed.command is not None:
        return command_help(parsed.command, parsed.path, program)
    return group_help(parsed.path, program) if parsed.path else program_help(program)


def command_help(command: Command, path: str, program: str) -> Text:
    """Return the page of one verb, as called by `path`."""
    lines = ["", f"Usage:  {program} {path} {command.usage}".rstrip(), "", command.summary]
    if len(command.paths) > 1:
        aliases = ", ".join(f"{program} {name}" for name in command.paths)
        lines += ["", "Aliases:", f"  {aliases}"]
    shown = [o for o in command.options.values() if not o.hidden and not o.refused]
    if shown:
        lines += ["", "Options:", *option_lines(shown)]
    missing = sorted(f"--{o.name}" for o in command.options.values() if o.refused)
    if missing:
        lines += ["", "Docker's flags that are not supported:", *_wrapped(" ".join(missing), 2)]
    return Text(lines)


def group_help(group: str, program: str) -> Text:
    """Return the page of a noun."""
    load(group)
    found = {}
    for path, command in sorted(load_all().items()):
        noun, _, verb = path.partition(" ")
        if noun == group and verb and command.paths[0] == path:
            found[verb] = command.summary
    return Text(
        [
            "",
            f"Usage:  {program} {group} COMMAND",
            "",
            GROUPS[group],
            "",
            "Commands:",
            *_pairs(found.items()),
            "",
            f"Run '{program} {group} COMMAND --help' for more information on a command.",
        ]
    )


def program_help(program: str) -> Text:
    """Return the page of the whole program."""
    table = load_all()
    summaries = {word: table[word].summary for word in MODULES if word in table} | OWN
    common = [(word, summaries.pop(word)) for word in COMMON if word in summaries]
    return Text(
        [
            "",
            f"Usage:  {program} [OPTIONS] COMMAND",
            "",
            "Containers from Python, in the words of Docker",
            "",
            "Common Commands:",
            *_pairs(common),
            "",
            "Management Commands:",
            *_pairs(sorted(GROUPS.items())),
            "",
            "Commands:",
            *_pairs(sorted(summaries.items())),
            *(["", "Global Options:", *GLOBAL_OPTIONS] if program == SHELL else []),
            "",
            f"Run '{program} COMMAND --help' for more information on a command.",
        ]
    )


def option_lines(options: Iterable[Option]) -> list[str]:
    """Return the table of flags, wrapped as Docker's."""
    rows = []
    for option in sorted(options, key=lambda o: o.name):
        start = f"  -{option.short}, --" if option.short else "      --"
        kind = f" {option.kind.name}" if option.kind.name else ""
        rows.append((f"{start}{option.name}{kind}", f"{option.help}{_default(option)}"))
    indent = max(len(left) for left, _ in rows) + 3
    lines = []
    for left, right in rows:
        first, *more = _wrapped(right, indent) or [""]
        lines += [left.ljust(indent) + first.strip(), *more]
    return [line.rstrip() for line in lines]


def _default(option: Option) -> str:
    value = option.default
    if value in (None, "", 0, False, []):
        return ""
    if option.kind is BOOL:
        return " (default true)"
    return f' (default "{value}")' if isinstance(value, str) else f" (default {value})"


def _wrapped(text: str, indent: int) -> list[str]:
    import textwrap

    pad = " " * indent
    width = max(WIDTH, indent + 24)
    return [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(
            part, width, initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False
        )
    ]


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(pairs)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name.ljust(width)}   {summary}" for name, summary in rows]
