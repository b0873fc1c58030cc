"""`nbcontainer lab`: open the labs in JupyterLab, or run them headless and say which pass.

An edge, like the command line: it prints.  The labs are those of the checkout in the current
directory, else those that came with the package (`share/nbcontainer/labs`), which are copied to a
folder of the user's first, so that they can be changed.  A headless run uses a store of its own, so
that it neither sees nor touches the user's containers.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from .errors import HostLacks, NotFound, UsageError, flag_error

if TYPE_CHECKING:
    from .engine import Engine

USAGE = """\
Usage:  nbcontainer lab [OPTIONS] [NAME...]

Open the labs in JupyterLab, or run them without a browser

Options:
      --list                List the labs and where they lie
      --run                 Run the labs (all, or those named) and print a line for each
      --timeout seconds     Longest time for one cell with --run (default 300)
      --folder path         Use the labs in this folder
      --no-browser          Start JupyterLab without opening a browser
      --port int            The port for JupyterLab

What stands after -- goes to JupyterLab as it is.
"""

COPY = "nbcontainer-labs"


class Outcome(NamedTuple):
    """How a lab ended: `problem` is empty if it passed."""

    name: str
    problem: str
    seconds: float

    @property
    def line(self) -> str:
        """The line that a person sees."""
        verdict = f"FAILED  {self.problem}" if self.problem else "passed"
        return f"{self.name:<32} {self.seconds:6.1f} s  {verdict}"


class Options(NamedTuple):
    """The command line of `lab`, parsed."""

    names: tuple[str, ...] = ()
    run: bool = False
    listing: bool = False
    timeout_s: float = 300.0
    folder: str = ""
    no_browser: bool = False
    port: int = 0
    rest: tuple[str, ...] = ()


def main(arguments: Sequence[str], out: TextIO | None = None) -> int:
    """Do what `nbcontainer lab ARGUMENTS` asks; return the exit code.

    Raises: UsageError; NotFound for a lab that is not there; HostLacks without JupyterLab.
    """
    out = out or sys.stdout
    if any(argument in ("-h", "--help") for argument in arguments):
        print(USAGE, end="", file=out)
        return 0
    options = parse(arguments)
    folder = options.folder or find()
    if options.listing:
        for name in labs(folder):
            print(f"{name:<32} {folder}", file=out)
        return 0
    if options.run:
        passed = True
        for outcome in run(folder, chosen(folder, options.names), options.timeout_s):
            print(outcome.line, file=out, flush=True)
            passed = passed and not outcome.problem
        return 0 if passed else 1
    names = chosen(folder, options.names[:1]) if options.names else labs(folder)
    return open_lab(writable(folder, out), names[0] if names else "", options)


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line.

    Raises: UsageError in the command line's words.
    """
    values: dict[str, Any] = {}
    names: list[str] = []
    words = list(arguments)
    flags = {"--run": "run", "--list": "listing", "--no-browser": "no_browser"}
    valued: dict[str, tuple[str, Callable[[str], Any]]] = {
        "--timeout": ("timeout_s", float),
        "--folder": ("folder", str),
        "--port": ("port", int),
    }
    while words:
        word = words.pop(0)
        flag, equals, value = word.partition("=")
        if word == "--":
            values["rest"] = tuple(words)
            break
        if word in flags:
            values[flags[word]] = True
        elif flag in valued:
            name, kind = valued[flag]
            if not equals and not words:
                raise flag_error(f"flag needs an argument: {flag}", "See 'nbcontainer lab --help'.")
            try:
                values[name] = kind(value if equals else words.pop(0))
            except ValueError as error:
                raise flag_error(f'invalid argument for "{flag}" flag: {error}') from None
        elif word.startswith("-"):
            raise flag_error(f"unknown flag: {word}", "See 'nbcontainer lab --help'.")
        else:
            names.append(word)
    return Options(names=tuple(names), **values)


def find(start: str = "") -> str:
    """Return the folder of the labs: the checkout's in `start` (or here), else the installed ones.

    Raises: NotFound if this installation has none.
    """
    here = os.path.abspath(start or os.getcwd())
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for checkout in (here, source):
        folder = f"{checkout}/labs"
        if os.path.isdir(f"{checkout}/nbcontainer") and labs(folder):
            return folder
    for base in (sysconfig.get_path("data"), sys.prefix, sysconfig.get_config_var("userbase")):
        folder = f"{base}/share/nbcontainer/labs"
        if labs(folder):
            return folder
    raise NotFound("the labs are not installed", "run it in a checkout, or pass --folder PATH")


def labs(folder: str) -> list[str]:
    """Return the names of the folder's notebooks without their ending, in order; [] if it is none."""
    try:
        entries = os.listdir(folder)
    except OSError:
        return []
    return sorted(entry[:-6] for entry in entries if entry.endswith(".ipynb"))


def chosen(folder: str, names: Sequence[str]) -> list[str]:
    """Return the labs meant by `names`: a whole name, or the start of one ("01"); all for none.

    Raises: NotFound for a name that fits no lab; UsageError for one that fits several.
    """
    known = labs(folder)
    if not names:
        return known
    found = []
    for name in names:
        plain = os.path.basename(name).removesuffix(".ipynb")
        fitting = [lab for lab in known if lab == plain] or [
            lab for lab in known if lab.startswith(plain)
        ]
        if not fitting:
            raise NotFound(f"No such lab: {name}", f"there are {', '.join(known) or 'none'}")
        if len(fitting) > 1:
            raise UsageError(f'"{name}" fits several labs: {", ".join(fitting)}')
        found.append(fitting[0])
    return found


def writable(folder: str, out: TextIO, home: str = "") -> str:
    """Return a folder in which the labs can be changed: `folder` itself, or a copy in `home` (here).

    A lab that is in the copy already is left as it is: it holds somebody's work.
    """
    installed = f"{os.sep}share{os.sep}nbcontainer{os.sep}" in folder
    if not installed and os.access(folder, os.W_OK):
        return folder
    target = os.path.join(home or os.getcwd(), COPY)
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(folder)):
        source, copy = os.path.join(folder, name), os.path.join(target, name)
        if os.path.isfile(source) and not os.path.exists(copy):
            shutil.copyfile(source, copy)
    print(f"The labs are in {target}", file=out, flush=True)
    return target


def open_lab(
    folder: str,
    name: str,
    options: Options,
    execute: Callable[[str, list[str]], Any] = os.execv,
) -> int:
    """Become JupyterLab on `folder` with the lab `name` open.  Does not return if that succeeds.

    Raises: HostLacks if JupyterLab is not installed.
    """
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise HostLacks(
            "JupyterLab is not installed here",
            "pip install 'nbcontainer[lab]'",
            feature="jupyterlab",
        )
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    if name:
        command.append(f"--LabApp.default_url=/lab/tree/{name}.ipynb")
    if os.geteuid() == 0:
        command.append("--allow-root")
    if options.no_browser:
        command.append("--no-browser")
    if options.port:
        command.append(f"--ServerApp.port={options.port}")
    sys.stdout.flush()
    execute(sys.executable, [*command, *options.rest])
    return 0


def run(folder: str, names: Sequence[str], timeout_s: float) -> Iterator[Outcome]:
    """Execute the labs one after another, each as it ends; the notebooks stay as they are."""
    with tempfile.TemporaryDirectory(prefix="nbc-labs-", ignore_cleanup_errors=True) as top:
        for name in names:
            start = time.monotonic()
            with _own_store(os.path.realpath(top)) as environment:
                problem = _execute(f"{folder}/{name}.ipynb", folder, timeout_s, environment)
            yield Outcome(name, problem, time.monotonic() - start)


def _execute(path: str, folder: str, timeout_s: float, environment: Mapping[str, str]) -> str:
    """Run one notebook in a new notebook kernel of this interpreter; return what went wrong."""
    try:
        import nbformat
        from ipykernel.kernelspec import get_kernel_dict
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise HostLacks(
            f"{error.name} is not installed here",
            "pip install 'nbcontainer[lab]'",
            feature="nbclient",
        ) from error
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    # by sockets in a folder of ours: nobody else on the machine can listen in
    channel = f"{os.path.dirname(environment['NBCONTAINER_HOME'])}/kernel"
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=channel)
    # whatever "python3" means to Jupyter here: the labs are for the package of this interpreter
    manager._kernel_spec = KernelSpec(**get_kernel_dict(), env=dict(environment))
    client = NotebookClient(
        notebook, km=manager, timeout=timeout_s, resources={"metadata": {"path": folder}}
    )
    try:
        client.execute(cleanup_kc=True)
    except CellExecutionError as error:
        return f"cell {_failed_cell(notebook)}: {error.ename}: {_first_line(error.evalue)}"
    except CellTimeoutError:
        return f"cell {_failed_cell(notebook)}: no end after {timeout_s:g} s"
    except DeadKernelError:
        return f"cell {_failed_cell(notebook)}: the notebook kernel died"
    return ""


def _failed_cell(notebook: Any) -> int:
    """Return the number, counted from 1 among the code cells, of the last one that was begun."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return max(sum("execution" in cell.metadata for cell in code), 1)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]


def discard(engine: Engine) -> None:
    """Remove the engine's containers, volumes and images, and end its helper process."""
    containers = engine.ps(all=True).ids
    if containers:
        engine.rm(*containers, force=True, volumes=True)
    engine.volume_prune(all=True)
    engine.image_prune(all=True)
    engine.host.runtime.quit()


@contextmanager
def _own_store(top: str) -> Iterator[dict[str, str]]:
    """Give the variables that lead to a new store, and remove it with all that is in it afterwards."""
    from .engine import Engine
    from .settings import Settings

    folder = tempfile.mkdtemp(dir=top)
    os.mkdir(f"{folder}/run", 0o700)
    environment = {"NBCONTAINER_HOME": f"{folder}/home", "XDG_RUNTIME_DIR": f"{folder}/run"}
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if source != sysconfig.get_path("purelib"):
        # a checkout that was not installed: the lab's kernel starts in another folder
        environment["PYTHONPATH"] = source
    try:
        yield environment
    finally:
        if os.path.isdir(environment["NBCONTAINER_HOME"]):
            discard(Engine(Settings.load(environment)))
        shutil.rmtree(folder, ignore_errors=True)
