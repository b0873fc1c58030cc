"""Our own sockets and files: who may reach them from outside, and that nothing inside does."""

from __future__ import annotations

import os
import socket
import stat
import struct
from typing import TYPE_CHECKING

from nbcontainer.runtime import wire
from tests.needs import needs
from tests.system.inside import ask

if TYPE_CHECKING:
    from nbcontainer.engine import Engine
    from tests.stores import Store


def everything(*folders: str) -> list[str]:
    found = list(folders)
    for folder in folders:
        for root, inner, files in os.walk(folder):
            found += [os.path.join(root, name) for name in (*inner, *files)]
    return found


def test_sockets_are_0600_in_a_folder_that_is_0700(engine: Engine, store: Store) -> None:
    engine.run("toolbox", ["sleep", "600"], detach=True)
    assert stat.S_IMODE(os.stat(store.layout.run).st_mode) == 0o700
    sockets = [
        p for p in everything(store.layout.run, store.home) if stat.S_ISSOCK(os.lstat(p).st_mode)
    ]
    assert len(sockets) >= 2
    for path in sockets:
        assert stat.S_IMODE(os.lstat(path).st_mode) & 0o077 == 0, path


def test_nothing_of_ours_is_open_to_other_users(engine: Engine, store: Store) -> None:
    engine.run("toolbox", ["true"], detach=True)
    for folder in (store.layout.run, store.home):
        assert stat.S_IMODE(os.stat(folder).st_mode) & 0o022 == 0
    logs = [p for p in everything(f"{store.home}/containers") if p.endswith((".json", ".jsonl"))]
    assert logs
    for path in logs:
        assert stat.S_IMODE(os.lstat(path).st_mode) & 0o077 == 0, path


def server_of(path: str) -> int:
    with wire.connect(path) as sock:
        pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[
            0
        ]
        return pid


@needs("root")
def test_a_stranger_who_gets_to_the_socket_is_not_served(fresh_store: Store) -> None:
    engine = fresh_store.engine()
    engine.run("toolbox", ["true"], rm=True)
    path = fresh_store.layout.foreman_socket
    zygote = server_of(path)
    os.chmod(path, 0o666)
    os.chmod(os.path.dirname(path), 0o711)
    folder = os.open(os.path.dirname(path), os.O_PATH)
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.settimeout(10)
            sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
            wire.send(sock, wire.Quit())
            code = 0 if sock.recv(1) == b"" else 1
        except (ConnectionResetError, BrokenPipeError):
            code = 0
        finally:
            os._exit(code)
    os.close(folder)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert server_of(path) == zygote, "the stranger's Quit was heard"
    assert engine.run("toolbox", ["echo", "here"], rm=True).stdout == b"here\n"


def test_with_the_hosts_network_no_socket_of_ours_is_in_sight(engine: Engine, store: Store) -> None:
    seen = ask(
        engine,
        """
lines = [line.split()[-1] for line in read("/proc/net/unix").splitlines() if "@" in line]
answer(lines)
""",
        network="host",
    )
    assert not [name for name in seen if "nbcontainer" in name or store.folder in name]


def test_no_port_is_opened_by_running_containers(engine: Engine) -> None:
    def listening() -> set[str]:
        found = set()
        for kind in ("tcp", "tcp6"):
            with open(f"/proc/net/{kind}") as file:
                found |= {line.split()[1] for line in file if line.split()[3] == "0A"}
        return found

    before = listening()
    engine.run("toolbox", ["sleep", "600"], detach=True)
    assert listening() - before == set()
