"""What can be done with the lines that are selected: a click is a command line, and shown as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..commands import dispatch, parse
from ..errors import EngineError, InvalidArgument
from ..results import Detail, Text
from ..values import value

PROGRAM = "cont"


@value
class Action:
    """A button.  `words` come before the names; `states`: the lines it applies to, () = all.

    `needs`: "some", "one" or "none" selected.  `confirm`: it is asked again, since it cannot be taken
    back.  `where`: "here" = it is done at once, "cell" = the line is put into a cell of its own,
    "logs" = its output is followed below the table.
    """

    id: str
    label: str
    words: tuple[str, ...]
    states: tuple[str, ...] = ()
    needs: str = "some"
    confirm: bool = False
    where: str = "here"


_ALIVE = ("running", "paused", "restarting")
_ENDED = ("created", "exited", "dead")

ACTIONS: dict[str, tuple[Action, ...]] = {
    "container": (
        Action("start", "Start", ("start",), _ENDED),
        Action("stop", "Stop", ("stop",), _ALIVE),
        Action("restart", "Restart", ("restart",)),
        Action("pause", "Pause", ("pause",), ("running",)),
        Action("unpause", "Unpause", ("unpause",), ("paused",)),
        Action("kill", "Kill", ("kill",), _ALIVE, confirm=True),
        Action("logs", "Logs", ("logs", "-f"), needs="one", where="logs"),
        Action("exec", "Terminal", ("exec", "-it"), ("running",), needs="one", where="cell"),
        Action("rm", "Remove", ("rm", "-f"), confirm=True),
        Action("prune", "Prune", ("container", "prune"), needs="none", confirm=True),
    ),
    "image": (
        Action("run", "Run", ("run", "--rm"), needs="one", where="cell"),
        Action("history", "History", ("history",), needs="one", where="cell"),
        Action("rmi", "Remove", ("rmi",), confirm=True),
        Action("prune", "Prune", ("image", "prune"), needs="none", confirm=True),
    ),
    "volume": (
        Action("inspect", "Inspect", ("volume", "inspect"), needs="one", where="cell"),
        Action("rm", "Remove", ("volume", "rm"), confirm=True),
        Action("prune", "Prune", ("volume", "prune"), needs="none", confirm=True),
    ),
    "network": (
        Action("inspect", "Inspect", ("network", "inspect"), needs="one", where="cell"),
        Action("rm", "Remove", ("network", "rm"), confirm=True),
        Action("prune", "Prune", ("network", "prune"), needs="none", confirm=True),
    ),
    "stats": (
        Action("stop", "Stop", ("stop",)),
        Action("logs", "Logs", ("logs", "-f"), needs="one", where="logs"),
        Action("kill", "Kill", ("kill",), confirm=True),
    ),
}
# what comes after the name where the line is only begun
ENDINGS = {"exec": ("sh",)}


def words(kind: str, action_id: str, names: Sequence[str]) -> list[str]:
    """Return the command line that a click amounts to.

    Raises: InvalidArgument for an action that there is not, or the wrong number of lines.
    """
    for action in ACTIONS.get(kind, ()):
        if action.id == action_id:
            break
    else:
        raise InvalidArgument(f"a {kind} has no action {action_id!r}")
    fits = {"none": not names, "one": len(names) == 1, "some": bool(names)}
    if not fits[action.needs]:
        raise InvalidArgument(
            f"{action.label} is for {action.needs} of the lines, not {len(names)}"
        )
    # a name never begins with a dash, so none is taken for a flag
    return [*action.words, *names, *ENDINGS.get(action_id, ())]


def shown(line: Sequence[str]) -> str:
    """Return the words as they are typed into a cell."""
    return " ".join(["%cont", *line])


@value
class Outcome:
    """What an action came to: `lines` for what succeeded, `errors` one for each of those that did not."""

    lines: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def carry_out(line: Sequence[str], engine: Callable[[], Any]) -> Outcome:
    """Do it; return what a person is told."""
    try:
        result = dispatch.call(parse.parse(list(line), program=PROGRAM), engine)
    except EngineError as error:
        return Outcome(errors=(_told(error),))
    lines = tuple(result.lines) if isinstance(result, (Text, Detail)) else ()
    return Outcome(lines, tuple(_told(each) for each in getattr(result, "errors", ())))


def _told(error: EngineError) -> str:
    return "\n".join(error.lines())
