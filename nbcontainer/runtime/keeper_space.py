"""The keeper of a store whose bridges are in a network namespace of the store's own.

An ordinary user may make no bridge beside the host's links, and who has left the host's network cannot
come back.  So the keeper stays outside and has a child inside, the holder, which does two things: it is
there, and it opens sockets, which are handed on.  The namespace outlives both in the descriptors that
shims hold, and is found there by who comes after a kill.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

from ..errors import HelperGone
from ..linux import process, syscalls
from ..net import links, netlink
from . import wire
from .keeper import Answer, Descriptors, Keeper, become
from .keeper_client import space_note
from .loop import READ
from .notes import note
from .sandbox_name import is_owned, owner_of
from .way_out import WayOut

_WAKING_S = 1.0
_NETLINK, _LISTEN, _STREAM = "netlink", "listen", "stream"
_PAUSE_S = 1.0


class Space:
    """The store's network namespace, as its keeper has it."""

    def __init__(self, run: str) -> None:
        self._run = run
        self.descriptor = _living(run)
        self.pid = 0
        self._sock: socket.socket | None = None
        self.begin()

    def begin(self) -> None:
        """Start the holder, in the namespace that is there or in a new one."""
        ours, theirs = wire.pair()
        pid = os.fork()
        if pid == 0:
            try:
                process.close_all_but(
                    theirs.fileno(), *([self.descriptor] if self.descriptor > 0 else [])
                )
                _hold(theirs, self.descriptor)
            except BaseException as error:
                note("holder", error, trace=True)
            os._exit(0)
        theirs.close()
        if wire.receive(ours)[0] != b"ready":
            os.waitpid(pid, 0)
            ours.close()
            raise HelperGone("no network namespace could be made for this store")
        self.pid, self._sock = pid, ours
        if self.descriptor < 0:
            self.descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            with open(space_note(self._run), "w") as file:
                file.write(str(os.fstat(self.descriptor).st_ino))

    def show(self) -> str:
        """Return a path by which helpers may open the namespace: a mount that only our own tree has."""
        path = f"{self._run}/space.net"
        try:
            # that of a keeper that was killed
            syscalls.umount2(path, syscalls.MNT_DETACH)
        except OSError:
            pass  # there is none
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        source = f"/proc/self/fd/{self.descriptor}"
        syscalls.mount(source, path, None, syscalls.MS_BIND)
        return path

    def fileno(self) -> int:
        """Return the descriptor that can be read once the holder has gone."""
        assert self._sock is not None
        return self._sock.fileno()

    def again(self) -> None:
        """Start another holder in the place of one that was killed."""
        if self._sock is not None:
            self._sock.close()
        os.waitpid(self.pid, 0)
        self.begin()

    def netlink_socket(self, protocol: int) -> int:
        """Return a netlink socket of the namespace."""
        return self._ask([_NETLINK, protocol])

    def listener(self, port: int) -> socket.socket:
        """Return a TCP socket that listens on all addresses of the namespace."""
        return socket.socket(fileno=self._ask([_LISTEN, port]))

    def stream_socket(self, *, v6: bool) -> int:
        """Return a TCP socket of the namespace that is not connected yet."""
        return self._ask([_STREAM, socket.AF_INET6 if v6 else socket.AF_INET])

    def _ask(self, request: list[Any]) -> int:
        assert self._sock is not None
        wire.send_bytes(self._sock, json.dumps(request).encode())
        data, descriptors = wire.receive(self._sock)
        if not descriptors:
            raise OSError(int(data or b"5"), os.strerror(int(data or b"5")), str(request))
        return descriptors[0]


def _hold(sock: socket.socket, descriptor: int) -> None:
    """Be the holder: enter or make the namespace, then open what is asked for until the keeper has gone."""
    if descriptor >= 0:
        syscalls.setns(descriptor, syscalls.CLONE_NEWNET)
        os.close(descriptor)
    else:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        with netlink.open_socket(netlink.ROUTE) as route:
            links.set_up(route, links.index_of(route, "lo"))
        try:
            with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
                file.write("1")
        except OSError:
            pass  # /proc/sys is read-only: containers reach one another all the same
    wire.send_bytes(sock, b"ready")
    while True:
        data, _ = wire.receive(sock)
        if not data:
            return
        kind, *args = json.loads(data)
        try:
            if kind == _NETLINK:
                made = socket.socket(
                    socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, args[0]
                )
                made.bind((0, 0))
            elif kind == _STREAM:
                made = socket.socket(args[0], socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            else:
                made = socket.create_server(("", args[0]), backlog=256)
        except OSError as error:
            wire.send_bytes(sock, str(error.errno or 5).encode())
            continue
        with made:
            wire.send_bytes(sock, b"0", (made.fileno(),))


def _living(run: str) -> int:
    """Return the namespace that living shims hold, -1 if there is none."""
    try:
        with open(space_note(run)) as file:
            wanted = f"net:[{int(file.read())}]"
        names = [name for name in os.listdir(f"{run}/c") if is_owned(name)]
    except (OSError, ValueError):
        return -1
    for name in names:
        if (found := _held(name, wanted)) >= 0:
            return found
    for name in names:
        # a quiet one has not yet taken what the foreman gave it; to be called on wakes it
        try:
            wire.connect(f"{run}/c/{name}").close()
        except OSError:
            continue  # it ended meanwhile
    deadline = time.monotonic() + _WAKING_S
    while names and time.monotonic() < deadline:
        for name in names:
            if (found := _held(name, wanted)) >= 0:
                return found
        time.sleep(0.01)
    return -1


def _held(sandbox: str, wanted: str) -> int:
    """Open what a shim holds of that name in /proc; -1 if it holds no such thing."""
    folder = f"/proc/{owner_of(sandbox)[0]}/fd"
    try:
        for entry in os.listdir(folder):
            if os.readlink(f"{folder}/{entry}") == wanted:
                return os.open(f"{folder}/{entry}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        pass  # it ended meanwhile
    return -1


class SpaceKeeper(Keeper):
    """A keeper that also has a holder inside, and something that leads out."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._space = Space(run)
        super().__init__(run)
        self._out = self._lead_out()
        self.answers("netlink", self._open_netlink)
        self.answers("space", self._hand_out)
        self.answers("way_out", self._tell_way)
        self.answers("neighbour", self._reach_neighbour)
        self._watch_space()
        self._watch_out()

    def _open_netlink(self, request: Any, number: int, extra: Descriptors) -> Answer:
        return None, [self._space.netlink_socket(int(request["protocol"]))]

    def _hand_out(self, request: Any, number: int, extra: Descriptors) -> Answer:
        return None, [os.dup(self._space.descriptor)]

    def _tell_way(self, request: Any, number: int, extra: Descriptors) -> Answer:
        return self._out.name, []

    def _reach_neighbour(self, request: Any, number: int, extra: Descriptors) -> Answer:
        """Hand the proxy a socket inside, for what a container asks of its neighbours by way of it."""
        host = str(request["host"])
        address = self.names.neighbour(str(request["client"]), host)
        if not address:
            # the same address may be somebody's outside, who is not meant
            return (host if self._is_inside(host) else ""), []
        return address, [self._space.stream_socket(v6=":" in address)]

    def _is_inside(self, host: str) -> bool:
        """Tell whether this is an address of one of the store's networks."""
        import ipaddress  # seldom needed

        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        with socket.socket(fileno=self._space.netlink_socket(netlink.ROUTE)) as sock:
            netlink.prepare(sock)
            return any(address in ipaddress.ip_network(r.destination) for r in links.routes(sock))

    def _watch_space(self) -> None:
        descriptor = self._space.fileno()
        self.loop.watch(descriptor, READ, lambda events: self._holder_ended(descriptor))

    def _holder_ended(self, descriptor: int) -> None:
        self.loop.forget(descriptor)
        self._space.again()
        self._watch_space()

    def _watch_out(self) -> None:
        if self._out.pid:
            pidfd = syscalls.pidfd_open(self._out.pid)
            self.loop.watch(pidfd, READ, lambda events: self._out_ended(pidfd))

    def _out_ended(self, pidfd: int) -> None:
        self.loop.forget(pidfd)
        os.close(pidfd)
        os.waitpid(self._out.pid, 0)
        # not at once: what fails at every start must not keep a processor busy
        self.loop.after(_PAUSE_S, self._lead_out_again)

    def _lead_out_again(self) -> None:
        self._out = self._lead_out()
        self._watch_out()

    def _lead_out(self) -> WayOut:
        space = self._space
        return WayOut(self._run, space.show, space.netlink_socket, space.listener)


def main(run: str, ready: int) -> None:
    """Be the keeper of a store whose bridges are in its own network namespace."""
    try:
        become(ready)
        keeper = SpaceKeeper(run)
        os.write(ready, b"r")
        os.close(ready)
        keeper.run()
    except BaseException as error:
        note("keeper", error, trace=True)
    os._exit(0)
