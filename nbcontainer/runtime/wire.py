"""The packets of notebook kernel, foreman and shim.

What passes between foreman, zygote, shim and init stands in the docstrings of `waiting`, `adoption`,
`ending` and `init`.  Nothing else crosses a process boundary.

Every socket is AF_UNIX/SOCK_SEQPACKET: one send is one packet, and descriptors travel with it.

    to the foreman         descriptors            answer
      Spawn                session                foreman, then shim, answer on the session
      Job                  reply, then the job's  Done or Failed on `reply`
      Quit                 -                      end of file
    to a shim (one request a connection)
      Signal Stop Pause    -                      Done or Failed
      Top                  -                      Done or Failed
      Rewire               -                      Done or Failed
      Dial Look            session                Done or Failed; the socket on the session
      Wait                 -                      Exited, when it has
      Exec Attach          session                Done or Failed; the rest on the session
    on a session, from the shim
      Started              -                      the program runs
      'O' 'E' + bytes      -                      its standard output, standard error
      Exited | Failed      -                      always the last packet
    on a session, to the shim
      'I' + bytes          -                      its standard input; an empty one closes it
      Resize               -                      of its terminal
      Detach               -                      the client lets go of what it owns
      (end of file)        -                      the client left; the program goes on, unless owned

A message is `J` + JSON of [class name, fields]; a class name that is not in the table is refused.
Packets hold at most PACKET_LIMIT bytes.  A worker's longer answer, and longer orders for init, lie in a file
without a name, whose descriptor comes along with the packet `F`.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

from ..errors import EngineError, HelperGone, StateUnreadable, from_wire, to_wire
from ..spec import codec
from ..values import field, value

PACKET_LIMIT = 160_000
CHUNK = 65_536
MAX_DESCRIPTORS = 253  # SCM_MAX_FD of Linux

STDIN, STDOUT, STDERR, MESSAGE, IN_FILE = b"I", b"O", b"E", b"J", b"F"
# init's last word: what ends it from here on ends the program
EXECUTING = b"X"


@value
class Spawn:
    """Start the container whose plan is on disk.

    `owned`: it runs in the client's foreground, and ends if the client vanishes without a Detach.
    """

    container_id: str
    owned: bool = False


@value
class Job:
    """Run `store.jobs.<function>(layout, **arguments)` in a worker."""

    function: str
    arguments: dict[str, Any]


@value
class Quit:
    """Leave as soon as the pool is put away; containers go on."""


@value
class Signal:
    """Send a signal to the container's first process, or to the exec that is named."""

    number: int
    exec_id: str = ""


@value
class Stop:
    """Ask with `number`, insist with SIGKILL after `timeout_s` (negative: wait for ever).

    `again`: start anew afterwards, as `restart` does.
    """

    number: int
    timeout_s: float
    again: bool = False


@value
class Pause:
    """Freeze or thaw."""

    on: bool


@value
class Wait:
    """Answer when the container has exited.

    `started_ns`: the run that is meant, by its start; a restart may have begun another one since.  0: any.
    """

    started_ns: int = 0


@value
class Top:
    """Answer with the pids, as the host counts, of all that runs in the container."""


@value
class Rewire:
    """Be on the networks of the plan that is on disk now; `resolvers`: the resolv.conf of the one before."""

    resolvers: str


@value
class Dial:
    """Connect to a port from within the container's network, and hand over the socket."""

    port: int


@value
class Look:
    """Hand over a netlink socket of the container's network namespace."""


@value
class Exec:
    """Run one more process inside.  `env` and `cwd` are complete; `detach`: no session follows."""

    exec_id: str
    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    tty: bool = False
    stdin: bool = False
    privileged: bool = False
    detach: bool = False
    rows: int = 0
    columns: int = 0


@value
class Attach:
    """Join the streams of the first process."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True


@value
class Detach:
    """Let go: what the client ran in its foreground goes on without it."""


@value
class Resize:
    """Set the size of a terminal, in characters."""

    rows: int
    columns: int


@value
class Started:
    """The program was executed.  `pid` as the host counts."""

    pid: int


@value
class Exited:
    """The program ended.  128 + n for signal n, as a shell counts."""

    exit_code: int
    oom_killed: bool = False


@value
class Done:
    """The request was carried out."""

    value: Any = None


@value
class Failed:
    """The request was refused; `error` as `errors.to_wire` makes it."""

    error: dict[str, Any] = field(default_factory=dict)


MESSAGES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *(
            Spawn,
            Job,
            Quit,
            Signal,
            Stop,
            Pause,
            Wait,
            Top,
            Rewire,
            Dial,
            Look,
            Exec,
            Attach,
            Detach,
            Resize,
        ),
        *(Started, Exited, Done, Failed),
    )
}


def pack(message: Any) -> bytes:
    """Return the bytes of a message."""
    text = json.dumps([type(message).__name__, codec.encode(message)], separators=(",", ":"))
    return MESSAGE + text.encode()


def unpack(data: bytes) -> Any:
    """Return the message in `data`.

    Raises: StateUnreadable for anything that `pack` did not make.
    """
    try:
        name, fields = json.loads(data[1:])
        cls = MESSAGES[name]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateUnreadable("unreadable packet") from error
    return codec.decode(cls, fields)


def send(sock: socket.socket, message: Any, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message with descriptors.

    Raises: OSError as sendmsg does; the peer keeps its own copies of the descriptors.
    """
    data = pack(message)
    if len(data) > PACKET_LIMIT:
        raise EngineError(f"a request of {len(data)} bytes is over the limit of {PACKET_LIMIT}")
    send_bytes(sock, data, descriptors)


def answer(sock: socket.socket, message: Any) -> None:
    """Send one message of any length."""
    send_long(sock, pack(message))


def answered(sock: socket.socket) -> Any:
    """Return the message that `answer` sent, None if the peer left without one."""
    data, descriptors = receive_long(sock)
    for descriptor in descriptors:
        os.close(descriptor)
    return unpack(data) if data else None


def send_long(sock: socket.socket, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send bytes of any length, with descriptors; for `receive_long`."""
    if len(data) <= PACKET_LIMIT:
        send_bytes(sock, data, descriptors)
        return
    with open(os.memfd_create("packet", os.MFD_CLOEXEC), "wb", buffering=0) as file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]
        send_bytes(sock, IN_FILE, (file.fileno(), *descriptors))


def receive_long(sock: socket.socket) -> tuple[bytes, tuple[int, ...]]:
    """Return what `send_long` sent, with its descriptors; empty bytes at end of file."""
    data, descriptors = receive(sock)
    if data == IN_FILE and descriptors:
        with open(descriptors[0], "rb") as file:
            file.seek(0)
            data = file.read()
        descriptors = descriptors[1:]
    return data, descriptors


def send_bytes(sock: socket.SocketType, data: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet of bytes with descriptors."""
    if descriptors:
        rights = array.array("i", descriptors).tobytes()
        sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_NOSIGNAL)
    else:
        sock.send(data, socket.MSG_NOSIGNAL)


def receive(sock: socket.SocketType) -> tuple[bytes, tuple[int, ...]]:
    """Return the next packet and its descriptors (close-on-exec); empty bytes at end of file."""
    data, ancillary, _, _ = sock.recvmsg(
        PACKET_LIMIT + 4096, socket.CMSG_SPACE(4 * MAX_DESCRIPTORS), socket.MSG_CMSG_CLOEXEC
    )
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % 4])
    return data, tuple(descriptors)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected packet sockets."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def failure(error: BaseException) -> Failed:
    """Return the packet that carries an error; a foreign one travels as its text alone."""
    if not isinstance(error, EngineError):
        error = EngineError(f"{type(error).__name__}: {error}")
    return Failed(to_wire(error))


def ask(sock: socket.socket, message: Any, descriptors: tuple[int, ...] = ()) -> Any:
    """Send a request and return the value of its answer.

    Raises: the error that the peer sent; HelperGone if it left without an answer.
    """
    try:
        send(sock, message, descriptors)
        answer, extra = receive(sock)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise HelperGone("the helper process ended before it answered") from error
    for descriptor in extra:
        os.close(descriptor)
    if not answer:
        raise HelperGone("the helper process ended before it answered")
    reply = unpack(answer)
    if isinstance(reply, Failed):
        raise from_wire(reply.error)
    return reply.value if isinstance(reply, Done) else reply


def connect(path: str) -> socket.socket:
    """Connect to the packet socket at `path`, however long the path is.

    sun_path holds 107 bytes, so the directory is reached by a descriptor.
    Raises: OSError as connect does.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with _short(path) as short:
            sock.connect(short)
    except BaseException:
        sock.close()
        raise
    return sock


def listen(path: str) -> socket.socket:
    """Listen on a packet socket at `path` (mode 0600), replacing a dead one."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with _short(path) as short:
        try:
            sock.bind(short)
        except OSError:
            os.unlink(path)
            sock.bind(short)
    os.chmod(path, 0o600)
    sock.listen(64)
    return sock


class _short:
    """A path of at most 107 bytes for a socket's address, valid inside the `with`."""

    __slots__ = ("descriptor", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self.path)) <= 107:
            return self.path
        directory, name = os.path.split(self.path)
        self.descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self.descriptor}/{name}"

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
