"""%cont and %%cont: the command language in a notebook.

    %cont run --rm toolbox echo hello       streams arrive as they come
    x = %cont ps -a                         the value
    %%cont exec web                         the cell is the program's input
    %cont rm -f {x.ids[0]}                  {…} is Python; {{.Names}} and $HOME are not
    %cont config live off                   and changes, lab, home, check (%config ContMagics)

An interrupt goes to the container's program; a second one kills it, a third lets go of it.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Bool, Int, Unicode, observe

from .errors import ContainerFailed, Interrupted
from .results import Completed, Container, Text
from .under_way import Live, Stream, Transfer

_COPIES = ("container commit", "image load", "image save", "image import", "container export")
PROGRAM = "cont"


class Streamed(Completed):
    """A program whose output was shown as it came: as a cell's value it shows a bad exit code only."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        if self.exit_code:
            print_error(f"exit code {self.exit_code}")


class Said(Text):
    """Lines that were shown as they came: as a cell's value they are not shown again."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        return


def _ask(prompt: str, is_secret: bool) -> str:
    """Ask the person at the notebook for a line, where its front end lets us."""
    import getpass

    return getpass.getpass(prompt) if is_secret else input(prompt)


def print_error(line: str) -> None:
    """Write a line where the notebook shows stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@magics_class
class ContMagics(Magics):
    """The magics; `%config ContMagics` shows what can be set."""

    home = Unicode("", help="The store's folder; empty = as in the environment.").tag(config=True)
    lab = Bool(None, allow_none=True, help="Lab mode: the same names on every machine.").tag(
        config=True
    )
    check = Bool(False, help="A program's exit code other than 0 is an error of the cell.").tag(
        config=True
    )
    live = Bool(True, help="Tables follow the engine where somebody looks at them.").tag(
        config=True
    )
    changes = Bool(True, help="After a cell that touched a container, say what it changed.").tag(
        config=True
    )
    max_output = Int(10_000_000, help="Show at most so many characters of one command.").tag(
        config=True
    )

    _engine: Any = None
    _views: Any = None
    _watch: Any = None
    hooked: tuple[Any, ...] = ()

    @property
    def engine(self) -> Any:
        """Return the engine, made on first use."""
        if self._engine is None:
            from .engine import Engine
            from .settings import Settings
            from .values import replace

            settings = Settings.load(home=self.home or None)
            if self.lab is not None:
                settings = replace(settings, lab=self.lab)
            self._engine = Engine(settings)
            if self._watch is not None and self._says_changes():
                # the cell that uses it first is watched from here on
                self._watch.begin(self._engine)
        return self._engine

    @observe("home", "lab")
    def forget_engine(self, change: Any = None) -> None:
        """Let go of the engine; the next command makes one from what is then configured."""
        views, self._views = self._views, None
        if views is not None:
            views.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    @property
    def views(self) -> Any:
        """Return the live views of the engine."""
        if self._views is None:
            from .panels.live import Live as Views

            # in lab mode ages stand still, so that they are the same on every machine
            self._views = Views(lambda: self.engine, ticks=not self.engine.host.settings.lab)
        return self._views

    def watch_cells(self) -> tuple[Any, Any]:
        """Return what the shell is to call before and after each cell."""
        from .panels.cell import CellWatch, hooks

        self._watch = CellWatch()
        return hooks(
            self._watch,
            lambda: self._engine if self._says_changes() else None,
            _display,
            looks=lambda: self.live and self._has_person(),
        )

    def _says_changes(self) -> bool:
        return self.changes and self._has_person()

    def _has_person(self) -> bool:
        """Tell whether somebody looks at this notebook.

        Who executes notebooks without a person allows no questions (execute_request, allow_stdin).
        """
        kernel = getattr(self.shell, "kernel", None)
        return bool(getattr(kernel, "_allow_stdin", False))

    @no_var_expand
    @line_cell_magic
    def cont(self, line: str, cell: str | None = None) -> Any:
        """Run a container command; see %cont --help."""
        from .commands import words

        line, silent = words.without_semicolon(line)
        try:
            shown = self._result(
                line, cell, looks=not silent and self._has_person() and _fate() != "kept"
            )
        except KeyboardInterrupt:
            raise Interrupted from None
        errors = getattr(shown, "errors", ())
        # what did succeed is shown before the error that ends the cell
        if shown is not None and not silent and (errors or _fate() == "lost"):
            if len(shown) if errors else True:
                _display(shown)
            shown = None
        for error in errors[1:]:
            print_error("\n".join(error.lines()))
        if errors:
            raise errors[0]
        return None if silent else shown

    def _result(self, line: str, cell: str | None, *, looks: bool) -> Any:
        """Return what the line gives; `looks`: somebody will see it in a notebook."""
        from .commands import dispatch, parse, words
        from .commands.interpolate import evaluator
        from .commands.table import Edge

        shell: Any = self.shell
        split = words.split(line, evaluator(shell.user_ns, shell.user_ns_hidden))
        if split[:1] == ["lab"]:
            return self._lab(split[1:])
        if split[:1] == ["config"]:
            from .configure import configure

            return configure(self, split[1:])
        parsed = parse.parse(split, program=PROGRAM, body=cell)
        parsed.args.edge = Edge(ask=_ask)
        if looks and self.live:
            from .panels.wanted import wanted

            if method := wanted(parsed):
                return self._followed(method, parsed, line)
        with self._waiting(parsed, line):
            result = dispatch.call(parsed, lambda: self.engine)
        if looks and self.live and cell is None and _wants_terminal(result):
            from .panels.page import show_terminal

            container = result.session.container_id
            # one more program is lost once it is let go of, as in Docker; the first can be joined again
            is_exec = parsed.path.endswith("exec")
            again = None if is_exec else lambda: self.engine.attach(container)
            show_terminal(result, f"%cont {line}", again)
            if self._watch is not None:
                self._watch.forget()
            return None
        return self._show(result, cell)

    def _waiting(self, parsed: Any, line: str) -> AbstractContextManager[None]:
        """Say that a verb which copies whole trees and tells nothing meanwhile is under way."""
        is_long = parsed.command is not None and parsed.command.paths[0] in _COPIES
        if not is_long or parsed.help or not self._has_person() or self.engine.host.settings.lab:
            return nullcontext()
        from . import progress

        return progress.waiting(f"%cont {line}", progress.widget)

    def _followed(self, method: str, parsed: Any, line: str) -> Any:
        """Show the widget that follows the engine; return the value that stands still below it."""
        from .commands import dispatch
        from .panels.page import show_beside, show_board, show_following

        make = getattr(self.views, method)
        if method not in ("table", "panel", "layers"):
            show_following(make(parsed), f"%cont {line}")
            return None
        if method == "layers":
            parsed.args.values["tree"] = True  # the explorer opens each layer
        result = dispatch.call(parsed, lambda: self.engine)
        board = make(parsed, result)
        if parsed.args.values.get("beside"):
            show_beside(board, "Containers")
            return None
        show_board(board)
        return result

    def _lab(self, rest: list[str]) -> Any:
        from .errors import UsageError

        if rest not in ([], ["on"], ["off"]):
            raise UsageError(
                f"lab is on or off, not {' '.join(rest)}",
                "In lab mode names, ids and ages are the same on every machine: %cont lab on",
            )
        self.lab = rest != ["off"]
        return Text([f"lab mode is {'on' if self.lab else 'off'}"])

    def _show(self, result: Any, cell: str | None) -> Any:
        """Pump what streams; return the value of the magic."""
        if isinstance(result, Transfer):
            said = self._carry(result)
            if result.then is None:
                return said
            result = result.then()
        if isinstance(result, Live):
            from .pump import pump

            result = pump(result, cell, self.max_output)
            if isinstance(result, Completed):
                return self._checked(result)
        if isinstance(result, Stream):
            from .pump import follow

            return self._checked(follow(result, self.max_output))
        if isinstance(result, Container):
            for warning in result.warnings:
                print_error(f"WARNING: {warning}")
        return result

    def _carry(self, transfer: Transfer) -> Said:
        """Carry a pull or a push out, with a widget while it takes long; in lab mode with its lines alone."""
        from . import progress

        stream = sys.stderr if transfer.aside else sys.stdout
        lines: list[str] = []

        def line(text: str) -> None:
            lines.append(text)
            stream.write(f"{text}\n")
            stream.flush()

        is_lab = self.engine.host.settings.lab
        try:
            progress.in_notebook(transfer, line, None if is_lab else progress.widget)
        finally:
            transfer.close()
        return Said(lines)

    def _checked(self, done: Completed) -> Streamed:
        if self.check and done.exit_code:
            raise ContainerFailed(
                f"the program ended with exit code {done.exit_code}", exit_code=done.exit_code
            )
        return Streamed(done.exit_code, done.stdout, done.stderr, done.container)


def _page() -> str:
    from .commands.help import program_help

    return f"{__doc__}\n{program_help('%cont')}"


# IPython asks an object for `getdoc` before it reads its docstring: %cont? is the whole help
ContMagics.cont.getdoc = _page  # type: ignore[union-attr,unused-ignore]


def _fate() -> str:
    """Return what becomes of the magic's value: "lost" (IPython shows a cell's last value only, and
    `%cont ps` in the middle of a cell, or in a loop, is meant to be seen), "shown", or "kept" in a name
    or an expression.
    """
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_name not in ("run_line_magic", "run_cell_magic"):
        frame = frame.f_back
    if frame is None or frame.f_back is None:
        return "kept"
    import dis

    caller = frame.f_back
    for instruction in dis.get_instructions(caller.f_code):
        if instruction.offset > caller.f_lasti and instruction.opname != "CACHE":
            if instruction.opname == "POP_TOP":
                return "lost"
            # what shows a value: Python 3.11, and from 3.12 on
            shows = instruction.opname == "PRINT_EXPR" or "INTRINSIC_PRINT" in instruction.argrepr
            return "shown" if shows else "kept"
    return "kept"


def _display(value: Any) -> None:
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]


def _wants_terminal(result: Any) -> bool:
    return isinstance(result, Live) and result.session.tty and result.interactive


def load(shell: Any) -> ContMagics:
    """Register the magics; a second time changes nothing.  Returns them."""
    known = shell.magics_manager.registry.get("ContMagics")
    if isinstance(known, ContMagics):
        return known
    magics = ContMagics(shell)
    shell.register_magics(magics)
    if hasattr(shell, "kernel"):
        before, after = magics.watch_cells()
        shell.events.register("pre_run_cell", before)
        shell.events.register("post_run_cell", after)
        magics.hooked = (before, after)
    return magics


def unload(shell: Any) -> None:
    """Take the magics away; the engine's containers go on."""
    magics = shell.magics_manager.registry.pop("ContMagics", None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("cont", None)
    if isinstance(magics, ContMagics):
        for name, hook in zip(("pre_run_cell", "post_run_cell"), magics.hooked, strict=False):
            shell.events.unregister(name, hook)
        magics.forget_engine()
        # Magics puts itself there, for %config
        shell.configurables.remove(magics)
