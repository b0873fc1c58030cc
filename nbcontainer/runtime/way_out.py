"""How what leaves the store's own network namespace gets out: by pasta or slirp4netns, else by a proxy.

All three run beside the host's links as this user, and end with the keeper.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable

from ..linux import process, rootless, syscalls
from ..net import links, netlink
from ..spec.network import PROXY_PORT
from . import keeper_client
from .notes import note

PASTA, SLIRP, PROXY = "pasta", "slirp4netns", "proxy"
_TAP = "tap0"
_SETTLE_S = 5.0
_PAUSE_S = 0.01


def candidates() -> list[str]:
    """Return what this host has, the best first; the proxy is always there."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return [PROXY]
    return [*(name for name in (PASTA, SLIRP) if rootless.which(name)), PROXY]


def arguments(name: str, path: str, namespace: str) -> list[str]:
    """Return the command that leads a network namespace out; none of the host's ports goes in.

    The host's loopback stays out of reach.  See: pasta(1), slirp4netns(1).
    """
    if name == PASTA:
        ways = [word for flag in ("-t", "-u", "-T", "-U") for word in (flag, "none")]
        place = ["-a", "10.0.2.100", "-n", "255.255.255.0", "-g", "10.0.2.2", "-I", _TAP]
        return [
            path,
            "-f",
            "-q",
            "--config-net",
            "--no-map-gw",
            *ways,
            *place,
            "--netns",
            namespace,
        ]
    return [
        *(path, "--configure", "--mtu=65520", "--disable-host-loopback", "--disable-dns"),
        *("--netns-type=path", namespace, _TAP),
    ]


class WayOut:
    """The process that carries what leaves; `name` says which it is.

    `namespace` gives a path that a process without rights over the holder can open, too.
    """

    def __init__(
        self,
        run: str,
        namespace: Callable[[], str],
        open_netlink: Callable[[int], int],
        listen: Callable[[int], socket.socket],
    ) -> None:
        self.pid = 0
        self.name = ""
        self._run = run
        self._open_netlink = open_netlink
        for name in candidates():
            try:
                if name == PROXY:
                    self._proxy(listen)
                else:
                    self._helper(name, namespace())
            except OSError as error:
                note(
                    name, error
                )  # the next best is tried, and containers reach one another all the same
            if self.pid:
                self.name = name
                return

    def _helper(self, name: str, namespace: str) -> None:
        path = rootless.which(name)
        if path is None:
            return
        null = os.open("/dev/null", os.O_RDWR)
        pid = os.fork()
        if pid == 0:
            try:
                for number in (0, 1):
                    os.dup2(null, number)
                syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
                # Python ignores it, and pasta takes an ignored one for an error
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.execve(path, arguments(name, path, namespace), {"PATH": "/usr/bin:/bin"})
            finally:
                os._exit(127)
        os.close(null)
        if self._comes_up(pid):
            self.pid = pid

    def _comes_up(self, pid: int) -> bool:
        """Wait until the helper's link is there; False if the helper ended before."""
        deadline = time.monotonic() + _SETTLE_S
        pidfd = syscalls.pidfd_open(pid)
        try:
            while time.monotonic() < deadline:
                if select.select([pidfd], [], [], _PAUSE_S)[0]:
                    break
                if self._has_tap():
                    return True
            else:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        finally:
            os.close(pidfd)

    def _has_tap(self) -> bool:
        with socket.socket(fileno=self._open_netlink(netlink.ROUTE)) as sock:
            netlink.prepare(sock)
            return any(link.name == _TAP and link.is_up for link in links.links(sock))

    def _neighbour(self, client: str, host: str) -> tuple[str, socket.socket] | None:
        """In the proxy: return a container that a container means, and a socket that can reach it.

        None for who is outside.  Raises: proxy.Refused for an address of the store's that is no neighbour's.
        """
        from ..net.proxy import Refused

        with keeper_client.connect(self._run) as keeper:
            request = {"op": "neighbour", "client": client, "host": host}
            address, descriptors = keeper_client.ask(keeper, request)
        if address and not descriptors:
            raise Refused("502 Bad Gateway", f"{host} is on none of this container's networks")
        return (str(address), socket.socket(fileno=descriptors[0])) if descriptors else None

    def _proxy(self, listen: Callable[[int], socket.socket]) -> None:
        from ..net import proxy

        with listen(PROXY_PORT) as listener:
            pid = os.fork()
            if pid == 0:
                try:
                    process.close_all_but(listener.fileno())
                    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
                    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
                    syscalls.capset(0, 0, 0)
                    proxy.Proxy(listener, neighbour=self._neighbour).run()
                except BaseException as error:
                    note("proxy", error, trace=True)
                os._exit(0)
        self.pid = pid
