"""An engine and a session that exist in memory, for tests of what stands above them."""

from __future__ import annotations

import queue
import threading

from nbcontainer.commands import table
from nbcontainer.commands.kinds import BOOL, BYTES, CONTAINER, IMAGE, INT, LIST, RUNNING
from nbcontainer.commands.table import Argument, Option, command, refused
from nbcontainer.results import Chunk, Completed, Container, Table, Text
from nbcontainer.under_way import Live, Stream


class FakeSession:
    """A program that answers what a function of its input says, or what is put into `outputs`."""

    def __init__(self, *outputs: Chunk, code: int = 0, tty: bool = False, ends: bool = True):
        self.container_id = "f" * 64
        self.tty = tty
        self.pid = 1
        self.has_begun = True
        self.code = code
        self.outputs: queue.Queue[Chunk | None] = queue.Queue()
        for chunk in outputs:
            self.outputs.put(chunk)
        if ends:
            self.outputs.put(None)
        self.written = bytearray()
        self.stdin_closed = threading.Event()
        self.signals: list[str | int] = []
        self.sizes: list[tuple[int, int]] = []
        self.detached = False
        self.closed = False
        self.on_read = None
        self.on_signal = None
        self.on_end_of_input = None

    def read(self, timeout=None):
        if self.on_read is not None:
            on_read, self.on_read = self.on_read, None
            on_read()
        try:
            return self.outputs.get(timeout=timeout or 30)
        except queue.Empty:
            raise TimeoutError("nothing came") from None

    def write(self, data):
        self.written += data
        if self.tty and data == b"\x04":
            self.end_of_input()

    def close_stdin(self):
        self.end_of_input()

    def end_of_input(self):
        self.stdin_closed.set()
        if self.on_end_of_input is not None:
            self.on_end_of_input(self)

    def say(self, text: bytes, stream: str = "stdout"):
        self.outputs.put(Chunk(stream, text))

    def end(self):
        self.outputs.put(None)

    def resize(self, rows, cols):
        self.sizes.append((rows, cols))

    def signal(self, signal):
        self.signals.append(signal)
        if self.on_signal is not None:
            self.on_signal(self, signal)

    def detach(self):
        self.detached = True
        self.end()

    def wait(self):
        return self.code

    def close(self):
        self.closed = True


def echoing(session: FakeSession) -> FakeSession:
    """Make the session answer its whole input once that ends, as `cat` would."""

    def answer(ended: FakeSession) -> None:
        ended.say(bytes(ended.written))
        ended.end()

    session.on_end_of_input = answer
    return session


def row(name: str, image: str = "toolbox:latest", **more: object) -> dict[str, object]:
    """Return a row as `ps` gives it."""
    return {"ID": f"{name}id", "Names": name, "Image": image, "Ports": "", **more}


PS = (("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Ports", "PORTS"), ("Names", "NAMES"))


class FakeEngine:
    """Two containers, two images and a volume; `session` is what runs next."""

    def __init__(self) -> None:
        self.session: FakeSession = FakeSession()
        self.calls: list[tuple[str, object]] = []
        self.closed = False

    def close(self):
        self.closed = True

    def ps(self, all=False, **flags):
        self.calls.append(("ps", all))
        rows = [row("web", "nginx:latest"), *([row("old-db")] if all else [])]
        return Table("container", PS, rows)

    def images(self, **flags):
        columns = (("Repository", "REPOSITORY"), ("Tag", "TAG"), ("ID", "IMAGE ID"))
        rows = [
            {"Repository": "toolbox", "Tag": "latest", "ID": "a1"},
            {"Repository": "me/web", "Tag": "v2", "ID": "a2"},
            {"Repository": "<none>", "Tag": "<none>", "ID": "a3"},
        ]
        return Table("image", columns, rows)

    def volume_ls(self, **flags):
        return Table("volume", (("Name", "VOLUME NAME"),), [{"Name": "data"}])

    def network_ls(self, **flags):
        return Table("network", (("Name", "NAME"),), [{"Name": "backend"}])


ALL = Option("all", "a", BOOL, "Show all containers (default shows just running)")
RUN_OPTIONS = (
    Option("detach", "d", BOOL, "Run container in background and print container ID"),
    Option("env", "e", LIST, "Set environment variables"),
    Option("hostname", "h", help="Container host name"),
    Option("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
    Option("memory", "m", BYTES, "Memory limit"),
    Option("name", help="Assign a name to the container"),
    Option("pids-limit", "", INT, "Tune container pids limit (set -1 for unlimited)"),
    Option("sig-proxy", "", BOOL, "Proxy received signals to the process", default=True),
    Option("tty", "t", BOOL, "Allocate a pseudo-TTY"),
    *refused("there are no container networks yet", "publish:p"),
)
REST = Argument("command", least=0, most=None, label="[COMMAND] [ARG...]")


def declare() -> None:
    """Put a few commands into an empty table, as the real modules declare theirs."""

    @command(
        "container run", "run", summary="Create and run a new container from an image",
        options=RUN_OPTIONS, arguments=(Argument("image", IMAGE), REST), stops=True, body="stdin",
    )  # fmt: skip
    def run(engine, args):
        engine.calls.append(("run", args))
        if args.detach:
            return Container(
                engine.session.container_id, args.name or "calm_otter", ["no limit for swap"]
            )
        interactive = args.interactive or args.body is not None
        return Live(engine.session, interactive=interactive, sig_proxy=args.sig_proxy)

    @command(
        "container exec", "exec", summary="Execute a command in a running container",
        options=(Option("tty", "t", BOOL, "Allocate a pseudo-TTY"),),
        arguments=(
            Argument("container", RUNNING),
            Argument("command", most=None, label="COMMAND [ARG...]", with_body=0),
        ),
        stops=True, body="stdin",
    )  # fmt: skip
    def exec_(engine, args):
        engine.calls.append(("exec", args))
        return Live(engine.session, interactive=args.body is not None)

    @command(
        "container ls", "container list", "container ps", "ps", summary="List containers",
        options=(ALL, Option("format", help="Format output"), Option("quiet", "q", BOOL, "Only IDs")),
    )  # fmt: skip
    def ls(engine, args):
        from nbcontainer.commands.formats import formatted

        return formatted(engine.ps(all=args.all), args.format, quiet=args.quiet)

    @command(
        "container rm", "rm", summary="Remove one or more containers",
        options=(Option("force", "f", BOOL, "Force the removal of a running container"),),
        arguments=(Argument("container", CONTAINER, most=None),),
    )  # fmt: skip
    def rm(engine, args):
        from nbcontainer.errors import ContainerNotFound

        known = {"web", "old-db", "webid", "old-dbid"}
        bad = [name for name in args.container if name not in known]
        engine.calls.append(("rm", args.container))
        return Text(
            [name for name in args.container if name in known],
            errors=[ContainerNotFound(f"No such container: {name}") for name in bad],
        )

    @command("image tag", "tag", summary="Create a tag", arguments=(
        Argument("source", IMAGE, label="SOURCE_IMAGE[:TAG]"),
        Argument("target", label="TARGET_IMAGE[:TAG]"),
    ))  # fmt: skip
    def tag(engine, args):
        return None

    @command("system logs", "logs", summary="Fetch the logs of a container", arguments=(
        Argument("container", CONTAINER),
    ))  # fmt: skip
    def logs(engine, args):
        return Stream(iter([Chunk("stdout", b"one\n"), Chunk("stderr", b"two\n"), "three"]))

    @command("system info", "info", summary="Display system-wide information")
    def info(engine, args):
        if engine is not None:
            return Completed(3, b"out\n", b"err\n")
        raise RuntimeError("first line\nsecond line")


MODULES = ("container", "image", "volume", "system", *"run exec ps rm tag logs info".split())


def use_in(monkeypatch) -> None:
    """Replace the table for one test."""
    monkeypatch.setattr(table, "_declared", {})
    monkeypatch.setattr(table, "MODULES", dict.fromkeys(MODULES, "table"))
    declare()
