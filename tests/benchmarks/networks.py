"""The rows of the speed table that are about networks."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from nbcontainer.net.forward import Forwarder
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness import Bar, Row, Sample, alternate
from tests.benchmarks.peers import IMAGE, Absent

_BLOCK = bytes(1 << 20)
_SECONDS = 1.0
_LOOK_UPS = 300
_CROWD = 200
_PATIENCE_S = 60.0
_SINK = """
import socket, threading
def read(sock):
    buffer = bytearray(1 << 20)
    while sock.recv_into(buffer):
        pass
server = socket.create_server(("", 7))
print("ready", flush=True)
while True:
    threading.Thread(target=read, args=server.accept()[:1]).start()
"""


def bridge(bench: Bench) -> Row:
    """`run --rm toolbox true` on the default bridge; the engines on theirs."""
    engine = bench.engine
    found, absent = bench.peers("bwrap", "podman", "docker-bridge")

    def ours() -> None:
        engine.run("toolbox", ["true"], rm=True)

    cases: dict[str, Callable[[], object]] = {"ours": ours}
    for name, peer in found.items():
        if name == "bwrap":
            cases[name] = peer.run
        else:
            cases[name] = lambda peer=peer: peer.cli("run", "--rm", IMAGE, "true")  # type: ignore[misc]
    samples = alternate(cases, bench.rounds(20))
    bars = (
        Bar("bwrap", at_most=1.8, aim=1.0),
        Bar("docker-bridge", at_least=20, aim=40),
        Bar("podman", at_least=20, aim=40),
    )
    return Row("run --rm toolbox true, bridge", "ms", samples.pop("ours"), samples, bars, absent)


def publish(bench: Bench) -> Row:
    """`run -d -p` of a static server until its first answer, started like docker's."""
    engine = bench.engine
    found, absent = bench.peers("docker-bridge")
    server = ["httpd", "-f", "-p", "80"]

    def ours() -> float:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        start = time.perf_counter()
        made = engine.run("toolbox", server, detach=True, publish=[f"{port}:80"])
        _first_answer(port)
        taken = time.perf_counter() - start
        engine.rm(made.id, force=True)
        return taken

    def theirs(peer: Any) -> float:
        start = time.perf_counter()
        made = peer.cli("run", "-d", "-p", "8080:80", IMAGE, *server).strip()
        peer.inside(lambda: _first_answer(8080))
        taken = time.perf_counter() - start
        peer.remove(made)
        return taken

    cases: dict[str, Callable[[], object]] = {"ours": ours}
    for name, peer in found.items():
        cases[name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
    samples = alternate(cases, bench.rounds(12))
    bars = (Bar("docker-bridge", at_least=25, aim=30),)
    return Row(
        "run -d -p of a server, to the first answer",
        "ms",
        samples.pop("ours"),
        samples,
        bars,
        absent,
    )


def _first_answer(port: int, address: str = "127.0.0.1") -> None:
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        try:
            with socket.create_connection((address, port), timeout=10) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if sock.recv(100):
                    return
        except OSError:
            continue
    raise Absent(f"nobody answers at {address}:{port}")


def crowd(bench: Bench) -> Row:
    """Containers on one bridge, started from 4 threads, until each has answered."""
    engine = bench.engine
    found, absent = bench.peers("docker-bridge")
    count = bench.rounds(_CROWD)
    server = ["httpd", "-f", "-p", "80"]

    def started(start_one: Callable[[int], str]) -> list[str]:
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(start_one, range(count)))

    def answered(addresses: list[str]) -> None:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda address: _first_answer(80, address), addresses))

    def ours() -> float:
        start = time.perf_counter()
        ids = started(lambda _: engine.run("toolbox", server, detach=True).id)
        answered([_address(document) for document in engine.inspect(*ids, type="container")])
        taken = time.perf_counter() - start
        engine.rm(*ids, force=True)
        return taken

    def theirs(peer: Any) -> float:
        start = time.perf_counter()
        ids = started(lambda _: str(peer.cli("run", "-d", IMAGE, *server)).strip())
        addresses = [_address(document) for document in json.loads(peer.cli("inspect", *ids))]
        # threads that are started inside are inside
        peer.inside(lambda: answered(addresses))
        taken = time.perf_counter() - start
        peer.remove(*ids)
        return taken

    cases: dict[str, Callable[[], object]] = {"ours": ours}
    for name, peer in found.items():
        cases[name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
    samples = alternate(cases, bench.rounds(2), warm_up=0)
    bars = (Bar("docker-bridge", at_least=5, aim=10),)
    return Row(
        f"{count} containers on one bridge, to the last answer", "s", samples.pop("ours"), samples,
        bars, absent,
    )  # fmt: skip


def _address(document: Any) -> str:
    return str(document["NetworkSettings"]["Networks"]["bridge"]["IPAddress"])


def published(bench: Bench) -> Row:
    """TCP into a container through a published port of the host's address."""
    return _published(bench, "by the host's address", by_localhost=False)


def published_locally(bench: Bench) -> Row:
    """TCP into a container through a published port of localhost."""
    return _published(bench, "by localhost", by_localhost=True)


def _published(bench: Bench, how: str, *, by_localhost: bool) -> Row:
    engine = bench.engine
    found, absent = bench.peers("docker-bridge")
    program = ["python3", "-c", _SINK]
    made = engine.run("python", program, detach=True, publish=["7"])
    next(engine.logs(made.id, follow=True))
    document = engine.inspect(made.id)
    port = int(document["NetworkSettings"]["Ports"]["7/tcp"][0]["HostPort"])
    gateway = document["NetworkSettings"]["Networks"]["bridge"]["Gateway"]
    address = "127.0.0.1" if by_localhost else gateway
    cases: dict[str, Callable[[], object]] = {"ours": lambda: _through((address, port))}
    try:
        with _sink() as alone:
            cases["loopback"] = lambda: _through(alone)
            for name, peer in found.items():
                _give_python(bench, peer)
                peer.remove("bench-sink")
                peer.cli("run", "-d", "-p", "7007:7", "--name", "bench-sink", "python", *program)
                place = "127.0.0.1" if by_localhost else peer.address
                time.sleep(0.5)
                cases[name] = lambda peer=peer, to=(place, 7007): peer.inside(  # type: ignore[misc]
                    lambda: _through(to)
                )
            samples = alternate(cases, bench.rounds(3), warm_up=1)
    finally:
        engine.rm(made.id, force=True)
        for peer in found.values():
            peer.remove("bench-sink")
    bars = (Bar("docker-bridge", at_least=1.0, aim=1.2),)
    return Row(
        f"TCP through a published port, {how}, Gbit",
        "/s",
        samples.pop("ours"),
        samples,
        bars,
        absent,
    )


def _give_python(bench: Bench, peer: Any) -> None:
    path = f"{bench.folder}/python.tar"
    bench.engine.save("python", output=path)
    peer.load(path)
    os.unlink(path)


def forward(bench: Bench) -> Row:
    """TCP through the forwarder, against loopback alone, as Gbit a second."""
    with _sink() as target:
        direct = _through(target)
        with _forwarder(target) as address:
            ours = _through(address)
    bars = (Bar("loopback", at_least=0.3, aim=0.5),)
    return Row("TCP through the forwarder, Gbit", "/s", Sample((ours,)),
               {"loopback": Sample((direct,))}, bars)  # fmt: skip


def connections(bench: Bench) -> Row:
    """New connections a second through the forwarder, against without it."""
    with _sink() as target:
        direct = _connect_for(target)
        with _forwarder(target) as address:
            ours = _connect_for(address)
    bars = (Bar("without", at_least=0.3, aim=0.6),)
    return Row("new connections through the forwarder", "/s", Sample((ours,)),
               {"without": Sample((direct,))}, bars)  # fmt: skip


def _through(address: tuple[str, int]) -> float:
    sent = 0
    with socket.create_connection(address) as sock:
        end = time.perf_counter() + _SECONDS
        while time.perf_counter() < end:
            sent += sock.send(_BLOCK)
    return sent * 8 / 1e9 / _SECONDS


def _connect_for(address: tuple[str, int]) -> float:
    count = 0
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        with socket.create_connection(address) as sock:
            sock.sendall(b"x")
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1)
        count += 1
    return count / _SECONDS


@contextmanager
def _sink() -> Iterator[tuple[str, int]]:
    """A server that reads all and closes, in a process of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with _child(lambda: _drain(listener)):
        yield listener.getsockname()
    listener.close()


def _drain(listener: socket.socket) -> None:
    def read(sock: socket.socket) -> None:
        buffer = bytearray(1 << 20)
        with sock:
            while sock.recv_into(buffer):
                continue

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=read, args=(sock,), daemon=True).start()


@contextmanager
def _forwarder(target: tuple[str, int]) -> Iterator[tuple[str, int]]:
    outer = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with _child(lambda: Forwarder([(outer, target)]).run()):
        yield outer.getsockname()
    outer.close()


@contextmanager
def _child(work: Callable[[], object]) -> Iterator[None]:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def names(bench: Bench) -> Row:
    """Looking up a container's name on a network of ours, against docker's own name server."""
    engine = bench.engine
    program = (
        "import socket, sys, time\n"
        "q = bytes.fromhex(sys.argv[1])\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.11', 53))\n"
        f"t = time.perf_counter()\n"
        f"for n in range({_LOOK_UPS}): s.send(q); s.recv(512)\n"
        f"print((time.perf_counter() - t) / {_LOOK_UPS})\n"
    )
    question = b"\0\7\1\0\0\1\0\0\0\0\0\0\x08benchweb\0\0\1\0\1".hex()
    engine.network_create("bench")
    try:
        engine.run("python", ["sleep", "1000"], detach=True, name="benchweb", network="bench")

        def ours() -> float:
            return float(engine.exec("benchweb", ["python3", "-c", program, question]).text)

        samples = alternate({"ours": ours}, bench.rounds(8))
    finally:
        engine.rm("benchweb", force=True)
        engine.network_rm("bench")
    return Row("look-up of a container's name", "ms", samples.pop("ours"))


MEASURES: dict[str, Callable[[Bench], Row]] = {
    "bridge": bridge,
    "publish": publish,
    "crowd": crowd,
    "published": published,
    "published-locally": published_locally,
    "forward": forward,
    "connections": connections,
    "names": names,
}
