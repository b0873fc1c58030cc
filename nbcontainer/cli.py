"""nbcontainer VERB …: the command language in a shell.

Streams are bytes on descriptors 1 and 2, stdin is pumped with -i, and with -t the terminal is in raw
mode, follows its size, and is put back whatever happens.  Exit codes are Docker's: the program's own, 126
and 127 where it could not be started, 125 where `run` fails before it or a flag is wrong, else 1.
"""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

from .errors import CannotWrite, EngineError, UsageError, flag_error
from .outlet import write_all

PROGRAM = "nbcontainer"
_OURS = 125
_BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; without `argv` this is the program, and it exits."""
    if argv is not None:
        return run(argv)
    _open_missing()
    code = run(sys.argv[1:])
    # the interpreter's own ending costs as much as a small command; everything is written already
    os._exit(code)


def _open_missing() -> None:
    """Open /dev/null in place of a standard stream that the caller closed.

    A socket of ours would get its number, and be taken for it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # the lowest number that is free is this one
            os.open("/dev/null", os.O_RDWR)


def run(words: list[str]) -> int:
    """Run one command; every error becomes lines on stderr and an exit code."""
    debug = False
    try:
        words, chosen = _global_flags(words)
        debug = bool(chosen.get("debug"))
        return _command(words, chosen)
    except EngineError as error:
        _write(2, "\n".join(error.lines()) + "\n")
        return _exit_code(error, words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _BROKEN_PIPE
    except Exception as error:
        return _internal(error, debug)


def _exit_code(error: EngineError, words: list[str]) -> int:
    is_run = words[:1] == ["run"] or words[:2] == ["container", "run"]
    if is_run and error.exit_code == 1 and not isinstance(error, UsageError):
        return _OURS
    return error.exit_code


def _internal(error: Exception, debug: bool) -> int:
    if not debug:
        try:
            from .settings import Settings

            debug = Settings.load().debug
        except Exception:
            pass
    if debug:
        import traceback

        _write(2, "".join(traceback.format_exception(error)))
        return _OURS
    lines = f"{type(error).__name__}: {error}".splitlines()
    _write(2, f"internal error: {lines[0]}\n  See all of it with NBCONTAINER_DEBUG=1.\n")
    return _OURS


def _global_flags(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Take the flags before the verb: --home DIR, --debug, --version."""
    rest = list(words)
    chosen: dict[str, Any] = {}
    while rest and rest[0].startswith("-") and rest[0] not in ("--help", "-h"):
        name, equals, value = rest.pop(0).partition("=")
        if name in ("-D", "--debug"):
            chosen["debug"] = True
        elif name in ("-v", "--version"):
            return ["--version"], chosen
        elif name == "--home":
            if not equals and not rest:
                raise flag_error("flag needs an argument: --home", f"See '{PROGRAM} --help'.")
            chosen["home"] = os.path.abspath(value if equals else rest.pop(0))
        else:
            raise flag_error(f"unknown flag: {name}", f"See '{PROGRAM} --help'.")
    return rest, chosen


def _command(words: list[str], chosen: dict[str, Any]) -> int:
    if words[:1] == ["--version"]:
        from . import __version__

        _write(1, f"nbcontainer version {__version__}\n")
        return 0
    if words[:1] == ["lab"]:
        from .labs_runner import main as lab

        return lab(words[1:])
    from .commands import dispatch, parse
    from .commands.table import Edge

    parsed = parse.parse(words, program=PROGRAM)
    if not parsed.path.endswith("create"):
        _needs_terminal(parsed.args.values)
    with _Streams() as streams:
        parsed.args.edge = Edge(
            stdin=streams.stdin,
            stdout=streams.stdout,
            confirm=_confirm,
            ask=_ask if os.isatty(0) else None,
            stdout_is_terminal=os.isatty(1),
            stderr_is_terminal=os.isatty(2),
        )
        return show(dispatch.call(parsed, lambda: _engine(chosen)))


class _Streams:
    """The standard streams as files of bytes, for what reads or writes a tar; flushed on leaving."""

    def __init__(self) -> None:
        self._open: list[BinaryIO] = []

    def stdin(self) -> BinaryIO:
        return self._keep(open(0, "rb", closefd=False))

    def stdout(self) -> BinaryIO:
        return self._keep(open(1, "wb", closefd=False))

    def _keep(self, stream: BinaryIO) -> BinaryIO:
        self._open.append(stream)
        return stream

    def __enter__(self) -> _Streams:
        return self

    def __exit__(self, *exception: object) -> None:
        for stream in self._open:
            try:
                stream.close()
            except BrokenPipeError:
                raise
            except OSError as error:
                # what is in flight says it already
                if exception[0] is None:
                    why = os.strerror(error.errno or 0).lower()
                    raise CannotWrite(f"write /dev/stdout: {why}") from error


def _engine(chosen: dict[str, Any]) -> Any:
    from .engine import Engine
    from .settings import Settings

    return Engine(Settings.load(home=chosen.get("home")))


def _confirm(question: str) -> bool:
    _write(1, question)
    answer = b""
    while not answer.endswith(b"\n") and (data := os.read(0, 1024)):
        answer += data
    return answer.strip().lower() in (b"y", b"yes")


def _ask(prompt: str, is_secret: bool) -> str:
    if is_secret:
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            _write(1, "\n")
            return ""  # as if Enter had been pressed: whoever asked says what is missing
    _write(1, prompt)
    answer = b""
    while not answer.endswith(b"\n") and (data := os.read(0, 1024)):
        answer += data
    return answer.decode(errors="surrogateescape").strip()


def _needs_terminal(flags: dict[str, Any]) -> None:
    """Refuse -it before anything is made, where there is no terminal to attach."""
    wanted = flags.get("tty") and flags.get("interactive") and not flags.get("detach")
    if wanted and not os.isatty(0):
        raise UsageError("the input device is not a TTY", "Leave -t out where stdin is a pipe.")


def show(result: Any) -> int:
    """Write a result and return the exit code."""
    from .results import Completed, Container, Table, Text
    from .results_network import Fetched
    from .under_way import Live, Stream, Transfer

    if isinstance(result, Live):
        from .terminal import attach

        return attach(result)
    if isinstance(result, Transfer):
        _carry(result)
        return show(result.then()) if result.then is not None else 0
    if isinstance(result, Stream):
        return _follow(result)
    if isinstance(result, Completed):
        write_all(1, result.stdout)
        write_all(2, result.stderr)
        return result.exit_code
    if isinstance(result, Container):
        for warning in result.warnings:
            _write(2, f"WARNING: {warning}\n")
    if isinstance(result, Fetched) and not os.isatty(1):
        write_all(1, bytes(result))
        return 0
    if isinstance(result, Text) and not os.isatty(1):
        # a program reads this; what it must not see is a person's terminal's business
        text = str(result)
    elif result is None:
        return 0
    else:
        from .render.text import plain

        text = plain(result)
    # Docker prints nothing for no change
    if text or not isinstance(result, (Table, Text)):
        _write(1, f"{text}\n")
    errors = getattr(result, "errors", ())
    for error in errors:
        _write(2, "\n".join(error.lines()) + "\n")
    return 1 if getattr(result, "has_failed", errors) else 0


def _carry(transfer: Any) -> None:
    """Carry a pull or a push out; who watches at a terminal sees bars."""
    from .progress import in_terminal, plainly

    fd = 2 if transfer.aside else 1
    if os.isatty(fd):
        in_terminal(transfer, fd)
    else:
        plainly(transfer, lambda text: _write(fd, f"{text}\n"))


def _follow(stream: Any) -> int:
    from .results import Chunk

    try:
        for item in stream:
            if isinstance(item, Chunk):
                write_all(2 if item.stream == "stderr" else 1, item.data)
            else:
                _write(1, f"{item}\n")
    except KeyboardInterrupt:
        return 130
    finally:
        stream.close()
    return 0


def _write(fd: int, text: str) -> None:
    write_all(fd, text.encode("utf-8", "surrogateescape"))
