"""Publish a container's ports: hold the host's sockets, and have what comes there led inside.

The sockets are bound before the program begins and kept by the shim, so that a port is taken from here on
whatever happens.  A forwarder, the shim's child, accepts on them; where nf_tables works, it sees only
what that cannot lead.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

from ..errors import Conflict, Denied, EngineError, InvalidArgument, Unavailable
from ..linux import process, syscalls
from ..net import nat, netlink
from ..spec.codec import decode, encode
from ..spec.network import Endpoint, PortBinding

_BACKLOG = 4096
_TRIES = 20
_LOOPBACK = ("127.0.0.1", 0)


class Publisher:
    """The published ports of one container while it runs."""

    def __init__(self, args: dict[str, Any], endpoints: Sequence[Endpoint]) -> None:
        self.ports: tuple[PortBinding, ...] = ()
        self.pid = 0
        self._args = args
        self._owner = int(args["owner"])
        self._address, self._address6 = _addresses(endpoints)
        self._sockets: list[tuple[socket.socket, PortBinding]] = []
        self._init_pid = 0

    def open(self) -> None:
        """Bind every port, and have what comes there led to the container's address.

        Raises: Conflict in Docker's words for a port that is taken, Denied for one that we may not
        have; then nothing is left.
        """
        try:
            for protocol, host_ip, first, last, port in self._args["ports"]:
                self._sockets += self._bind(protocol, host_ip, first, last, port)
            self.ports = tuple(binding for _, binding in self._sockets)
            self._translate()
        except BaseException:
            self.stop()
            raise

    def forward(self, init_pid: int) -> None:
        """Have a child forward what comes to the sockets into the network of `init_pid`."""
        self._init_pid = init_pid
        self._fork()

    def give(self) -> tuple[dict[str, Any], list[int]]:
        """Return what another process needs to go on with it, as JSON, and the sockets."""
        bindings = [encode(binding) for _, binding in self._sockets]
        given = {"args": self._args, "address": [self._address, self._address6]}
        return given | {"bindings": bindings}, [sock.fileno() for sock, _ in self._sockets]

    @classmethod
    def taken(cls, given: dict[str, Any], descriptors: Sequence[int]) -> Publisher:
        """Return the publisher that another process gave."""
        publisher = cls(given["args"], ())
        publisher._address, publisher._address6 = given["address"]
        publisher.ports = tuple([decode(PortBinding, each) for each in given["bindings"]])
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        publisher._sockets = list(zip(sockets, publisher.ports, strict=True))
        return publisher

    def let_go(self) -> None:
        """Close our own copies of what was given; the ports stay published."""
        for sock, _ in self._sockets:
            sock.close()
        self._sockets, self.ports = [], ()

    def stop(self) -> None:
        """Give the ports back; idempotent."""
        self._end_forwarder()
        if self._args["translate"] and self.ports:
            withdraw(self._args["key"], *self._led())
        for sock, _ in self._sockets:
            sock.close()
        self._sockets, self.ports = [], ()

    def lead_to(self, endpoints: Sequence[Endpoint]) -> None:
        """Lead what comes to the ports to where the container is now; nothing happens if it is there."""
        before = self._address, self._address6
        if before == (now := _addresses(endpoints)):
            return
        if self._args["translate"]:
            withdraw(self._args["key"], *self._led())
        self._address, self._address6 = now
        self._translate()
        self._end_forwarder()
        self._fork()

    def again(self) -> None:
        """Start another forwarder in the place of one that has ended."""
        pid, self.pid = self.pid, 0
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # it was reaped with the rest
        self._fork()

    def _end_forwarder(self) -> None:
        if not self.pid:
            return
        pid, self.pid = self.pid, 0
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended, and was reaped with the rest

    def _bind(
        self, protocol: str, host_ip: str, first: int, last: int, port: int
    ) -> list[tuple[socket.socket, PortBinding]]:
        addresses = _host_addresses(host_ip or self._args["address"])
        numbers = range(first, last + 1) if last > first else [first] * (1 if first else _TRIES)
        for number in numbers:
            try:
                return _bind_all(protocol, addresses, number, port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise _refused(error, protocol, addresses[0], number) from error
        shown = f"{addresses[0]}:{first}" + (f"-{last}" if last > first else "")
        raise Conflict(
            f"failed to set up container networking: Bind for {shown} failed: port is already "
            "allocated",
            self._twice(protocol, numbers)
            or holder_of(protocol, first, self._args["home"])
            or "Choose another port.",
        )

    def _twice(self, protocol: str, numbers: Sequence[int]) -> str:
        """Return in words which port of this container has one of the host's already."""
        for _, binding in self._sockets:
            if binding.protocol == protocol and binding.host_port in numbers:
                return f"Its own port {binding.key} is published at {binding.host_port} already."
        return ""

    def _led(self) -> list[nat.Published]:
        return [
            nat.Published(b.protocol, (b.host_ip, b.host_port), (self._address, b.port))
            for _, b in self._sockets
            if ":" not in b.host_ip
        ]

    def _translate(self) -> None:
        if self._args["translate"] and self._address != _LOOPBACK[0]:
            with netlink.open_socket(netlink.NETFILTER) as sock:
                nat.publish(sock, self._args["key"], *self._led())

    def _fork(self) -> None:
        shim = os.getpid()
        pid = os.fork()
        if pid:
            self.pid = pid
            return
        code = 1
        try:
            self._forward(shim)
            code = 0
        finally:
            os._exit(code)

    def _forward(self, shim: int) -> None:
        """In the child: keep the listening sockets, enter the container's network, forward."""
        network = os.open(f"/proc/{self._init_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        process.close_all_but(network, *(sock.fileno() for sock, _ in self._sockets))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        syscalls.setns(network, syscalls.CLONE_NEWNET)
        os.close(network)
        os.chdir("/")
        if self._owner:
            # whoever the container's root is outside: nobody
            os.setgroups([])
            os.setresgid(self._owner, self._owner, self._owner)
            os.setresuid(self._owner, self._owner, self._owner)
        else:
            syscalls.capset(0, 0, 0)
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            return  # it ended before we asked to be told
        from ..net.forward import Forwarder

        targets = []
        for sock, binding in self._sockets:
            # a socket of version 6 leads there too where the container has such an address only
            address = self._address or self._address6
            targets.append((sock, (address, binding.port)))
        Forwarder(targets).run()


def withdraw(key: str, *led: nat.Published) -> None:
    """Take what is published out of the store's table; a table that is gone is fine."""
    try:
        with netlink.open_socket(netlink.NETFILTER) as sock:
            nat.unpublish(sock, key, *led)
    except OSError:
        return


def withdraw_addresses(key: str, addresses: Sequence[str]) -> None:
    """Take out all that leads to these addresses; for who has the record only."""
    try:
        with netlink.open_socket(netlink.NETFILTER) as sock:
            for address in addresses:
                nat.unpublish(sock, key, *nat.led_to(sock, key, address))
    except OSError:
        return


def _addresses(endpoints: Sequence[Endpoint]) -> tuple[str, str]:
    """Return the container's first address of each version; its loopback where it has none."""
    # from outside nothing comes to an internal network, which has no gateway
    v4 = next((e.address for e in endpoints if e.address and e.gateway), "")
    v6 = next((e.address6 for e in endpoints if e.address6 and e.gateway6), "")
    return (v4 or ("" if v6 else _LOOPBACK[0])), v6


def _host_addresses(asked: str) -> list[str]:
    if asked:
        return [asked]
    return (
        ["0.0.0.0", "::"]
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6")
        else ["0.0.0.0"]
    )


def _bind_all(
    protocol: str, addresses: list[str], number: int, port: int
) -> list[tuple[socket.socket, PortBinding]]:
    """Bind one number on all addresses, or none.  Raises: OSError."""
    found: list[tuple[socket.socket, PortBinding]] = []
    try:
        for address in addresses:
            sock = _bound(protocol, address, number)
            number = sock.getsockname()[1]
            found.append((sock, PortBinding(port, protocol, address, number)))
    except BaseException:
        for sock, _ in found:
            sock.close()
        raise
    return found


def _bound(protocol: str, address: str, number: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, number))
        if kind == socket.SOCK_STREAM:
            sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _refused(error: OSError, protocol: str, address: str, number: int) -> EngineError:
    shown = f"{address}:{number}/{protocol}"
    if error.errno == errno.EACCES:
        return Denied(
            f"cannot expose privileged port {number}: {shown}: permission denied",
            "Use a port of 1024 or above, or as root: sysctl net.ipv4.ip_unprivileged_port_start=80",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidArgument(
            f"failed to bind host port for {shown}: cannot assign requested address",
            "`ip address` shows which addresses this host has.",
        )
    return Unavailable(f"failed to bind host port for {shown}: {(error.strerror or '').lower()}")


def holder_of(protocol: str, port: int, home: str) -> str:
    """Return who has a port of the host, in words; "" where it cannot be known."""
    # only needed by who was refused
    from ..store.containers import Containers
    from ..store.layout import Layout

    for _, state, name in Containers(Layout(home, "")).list():
        if any(b.host_port == port and b.protocol == protocol for b in state.ports):
            return f"Container {name} has port {port}."
    inodes = set()
    for version in ("", "6"):
        try:
            with open(f"/proc/net/{protocol}{version}") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            listens = row[3] == "0A" or protocol == "udp"
            if listens and int(row[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{row[9]}]")
    for entry in os.listdir("/proc") if inodes else ():
        if entry.isdecimal() and _holds(entry, inodes):
            return f"Process {entry} ({_command(entry)}) listens on port {port}."
    return ""


def _holds(pid: str, inodes: set[str]) -> bool:
    try:
        return any(
            os.readlink(f"/proc/{pid}/fd/{name}") in inodes
            for name in os.listdir(f"/proc/{pid}/fd")
        )
    except OSError:
        return False


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"
