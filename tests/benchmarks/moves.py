"""Images that move, against the peers: pull, push, cp; one registry on loopback serves all of them."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from nbcontainer.registry.client import Client
from nbcontainer.registry.transfer import upload
from nbcontainer.spec.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from nbcontainer.spec.image import History, ImageConfig
from nbcontainer.spec.manifest import Manifest
from nbcontainer.store.packing import file_pieces
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness import Bar, Row, Sample, alternate
from tests.benchmarks.peers import Absent, Docker, call, program
from tests.blobs import Memory, describe
from tests.registries import client, close_all, debian, free_port

ENGINES = ("podman", "docker")
PORT_TRIES = 200


class File:
    """A file as the source of an upload."""

    def __init__(self, path: str) -> None:
        self.path = path

    def pieces(self, start: int) -> Iterator[bytes]:
        return file_pieces(self.path, start)


def make_layer(path: str, files: int, megabytes: int, seed: int) -> None:
    """Write a tar of text files whose sizes are spread as a distribution's are."""
    chance = random.Random(seed)
    words = " ".join(f"w{chance.getrandbits(20):05x}" for _ in range(40_000)).encode()
    left = megabytes * 1_000_000
    with tarfile.open(path, "w") as archive:
        for number in range(files):
            if number % 20 == 0:
                folder = tarfile.TarInfo(f"usr/s{seed}/d{number // 20:04d}")
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(folder)
            fair = left // (files - number)
            size = min(left, int(chance.expovariate(1 / max(fair, 1))), len(words) - 1)
            start = chance.randrange(len(words) - size)
            info = tarfile.TarInfo(f"usr/s{seed}/d{number // 20:04d}/f{number:05d}")
            info.size, info.mode = size, 0o644
            archive.addfile(info, io.BytesIO(words[start : start + size]))
            left -= size
        while left > 0:
            size = min(left, 20_000_000)
            info = tarfile.TarInfo(f"usr/s{seed}/big{left}")
            info.size, info.mode = size, 0o755
            body = (words * (size // len(words) + 1))[: size // 2] + chance.randbytes(
                size - size // 2
            )
            archive.addfile(info, io.BytesIO(body))
            left -= size


class Mill:
    """The registry, its images, and each peer's way to it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.folder = f"{bench.folder}/mill"
        os.makedirs(self.folder)
        self.stack = contextlib.ExitStack()
        self.host = self.stack.enter_context(debian(self.folder))
        self.client = client(self.host)
        self._docker_host = ""

    def close(self) -> None:
        close_all()
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, name: str, layers: list[tuple[int, int]], seed: int = 0) -> list[str]:
        """Put an image of gzip layers of (files, megabytes); return the plain tars."""
        described, diff_ids, tars = [], [], []
        for number, (files, megabytes) in enumerate(layers):
            plain = f"{self.folder}/{name}-{number}.tar"
            make_layer(plain, files, megabytes, 100 * seed + number)
            packed = f"{plain}.gz"
            with open(packed, "wb") as out:
                subprocess.run(["gzip", "-1nc", plain], stdout=out, check=True)
            diff_ids.append(_digest(plain))
            layer = Descriptor(OCI_LAYER_GZIP, _digest(packed), os.path.getsize(packed))
            upload(self.client, name, layer, File(packed))
            described.append(layer)
            tars.append(plain)
        history = tuple(History("2024-01-02T03:04:05Z", "made") for _ in layers)
        config = ImageConfig(
            created="2024-01-02T03:04:05Z", diff_ids=tuple(diff_ids), history=history
        )
        put_config(self.client, name, config, described)
        return tars

    def docker_host(self, docker: Docker) -> str:
        """Return a registry's host in the network of a dockerd: the same folder, served there too."""
        if not self._docker_host:
            port = free_port()
            with open(f"{self.folder}/registry.yml") as file:
                config = file.read().replace(self.host, f"127.0.0.1:{port}")
            path = f"{self.folder}/docker.yml"
            with open(path, "w") as file:
                file.write(config)
            inside = [program("nsenter"), "-t", str(docker.process.pid), "-n"]
            call([*inside, program("ip"), "link", "set", "lo", "up"])
            server = subprocess.Popen(
                [*inside, program("docker-registry"), "serve", path],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.stack.callback(lambda: (server.kill(), server.wait()))
            for _ in range(PORT_TRIES):
                with contextlib.suppress(Absent):
                    call([*inside, program("curl"), "-sf", f"http://127.0.0.1:{port}/v2/"])
                    break
                time.sleep(0.02)
            self._docker_host = f"127.0.0.1:{port}"
        return self._docker_host

    def pull(self, peer: Any, name: str) -> None:
        if peer.name == "docker":
            peer.cli("pull", "-q", f"{self.docker_host(peer)}/{name}")
        else:
            peer.cli("pull", "-q", "--tls-verify=false", f"{self.host}/{name}")

    def forget(self, peer: Any, name: str) -> None:
        host = self.docker_host(peer) if peer.name == "docker" else self.host
        peer.forget(f"{host}/{name}")


def put_config(to: Client, name: str, config: ImageConfig, layers: list[Descriptor]) -> None:
    data = config.to_json()
    upload(to, name, describe(data, OCI_CONFIG), Memory(data))
    manifest = Manifest(describe(data, OCI_CONFIG), tuple(layers))
    to.put_manifest(name, "latest", OCI_MANIFEST, manifest.to_json())


def _digest(path: str) -> Any:
    import hashlib

    from nbcontainer.spec.digest import Digest

    with open(path, "rb") as file:
        return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")


@contextlib.contextmanager
def mill(bench: Bench) -> Iterator[Mill]:
    made = Mill(bench)
    try:
        yield made
    finally:
        made.close()


def _timed(act: Callable[[], object], after: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    seconds = time.perf_counter() - start
    after()
    return seconds


def _pull(bench: Bench, title: str, layers: list[tuple[int, int]], bars: tuple[Bar, ...]) -> Row:
    """Pull another image each round, and remove them at the end.

    ext4 passes over inodes that were freed within the last minutes, one by one: whoever makes files where
    many were just removed would be measured by that.
    """
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    rounds = bench.rounds(3)
    with mill(bench) as made:
        tars = [made.put(f"image{n}", layers, seed=n + 1) for n in range(rounds)]
        turns = {name: iter(range(rounds)) for name in ("ours", "tar", *found)}

        def untar() -> float:
            number = next(turns["tar"])
            folder = f"{made.folder}/x{number}"
            os.mkdir(folder)
            unpack = [["tar", "-C", folder, "-xf", path] for path in tars[number]]
            return _timed(lambda: [call(one) for one in unpack], lambda: None)

        def ours() -> float:
            name = f"{made.host}/image{next(turns['ours'])}"
            return _timed(lambda: engine.pull(name), lambda: None)

        def theirs(peer: Any) -> float:
            name = f"image{next(turns[peer.name])}"
            return _timed(lambda: made.pull(peer, name), lambda: None)

        cases: dict[str, Callable[[], object]] = {"ours": ours, "tar -x": untar}
        for peer_name, peer in found.items():
            cases[peer_name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
        samples = alternate(cases, rounds, warm_up=0)
        for number in range(rounds):
            engine.rmi(f"{made.host}/image{number}")
            for peer in found.values():
                made.forget(peer, f"image{number}")
        engine.image_prune()
    return Row(title, "s", samples.pop("ours"), samples, bars, absent)


def pull_large(bench: Bench) -> Row:
    """A pull of one layer of 918 MB and 60,000 files into a cold store."""
    bars = (
        Bar("podman", at_least=2, aim=3),
        Bar("docker", at_least=4, aim=6),
        Bar("tar -x", at_most=1.3),
    )
    return _pull(bench, "pull of 918 MB, 60,000 files, one layer", [(60_000, 918)], bars)


def pull_layers(bench: Bench) -> Row:
    """A pull of ten layers as of Debian packages."""
    bars = (Bar("podman", at_least=1, aim=2), Bar("docker", at_least=1, aim=2))
    layers = [(400 + 150 * number, 4 + 3 * number) for number in range(10)]
    return _pull(bench, "pull of ten layers, 175 MB, 11,000 files", layers, bars)


def pull_again(bench: Bench) -> Row:
    """A pull of what is there: ours beside the registry's own answer to one HEAD."""
    engine = bench.engine
    with mill(bench) as made:
        made.put("image", [(100, 1)])
        name = f"{made.host}/image"
        engine.pull(name)
        cases: dict[str, Callable[[], object]] = {
            "ours": lambda: engine.pull(name),
            "the registry's answer": lambda: made.client.manifest_digest("image", "latest"),
        }
        samples = alternate(cases, bench.rounds(20))
    answer = samples["the registry's answer"]
    extra = Sample(tuple(a - b for a, b in zip(samples["ours"].values, answer.values, strict=True)))
    return Row("pull when all is there, without the registry's answer", "ms", extra,
               {"15 ms": Sample((0.015,) * len(extra.values))}, (Bar("15 ms", at_most=1.0),))  # fmt: skip


def push_large(bench: Bench) -> Row:
    """A push of a large image to a repository that has nothing of it, by who never saw it elsewhere."""
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    with mill(bench) as made:
        made.put("image", [(20_000, 300)])
        name, numbers = f"{made.host}/image", iter(range(1000))
        engine.pull(name)
        # loaded from a file: where it was pulled from, a layer could be mounted in place of being sent
        path = f"{made.folder}/image.tar"
        engine.save(name, output=path)
        engine.rmi(name)

        def ours() -> float:
            engine.image_prune()
            engine.load(path)
            target = f"{made.host}/ours{next(numbers)}"
            engine.tag(name, target)
            return _timed(lambda: engine.push(target), lambda: engine.rmi(target, name))

        def theirs(peer: Any) -> float:
            host = made.docker_host(peer) if peer.name == "docker" else made.host
            target = f"{host}/{peer.name}{next(numbers)}"
            flags = () if peer.name == "docker" else ("--tls-verify=false", "-q")
            peer.cli("load", "-q", "-i", path)
            peer.cli("tag", name, target)
            return _timed(
                lambda: peer.cli("push", *flags, target), lambda: peer.cli("rmi", target, name)
            )

        cases: dict[str, Callable[[], object]] = {"ours": ours}
        for peer_name, peer in found.items():
            cases[peer_name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
        # once each: later a client knows where the registry has the layer, and mounts it
        samples = alternate(cases, 1, warm_up=0)
    bars = (Bar("podman", at_least=1, aim=2), Bar("docker", at_least=1, aim=2))
    return Row("push of 300 MB, 20,000 files", "s", samples.pop("ours"), samples, bars, absent)


def copies(bench: Bench) -> Row:
    """cp of 10,000 files into a running container and out again."""
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    source = f"{bench.folder}/files"
    os.mkdir(source)
    for number in range(10_000):
        os.makedirs(f"{source}/d{number % 100}", exist_ok=True)
        with open(f"{source}/d{number % 100}/f{number}", "wb") as file:
            file.write(b"x" * (number % 5000))
    web = engine.run("toolbox", ["sleep", "1000"], detach=True, network="none").id

    def ours() -> None:
        engine.cp(source, f"{web}:/files")
        engine.cp(f"{web}:/files", f"{bench.folder}/out")
        engine.exec(web, ["rm", "-rf", "/files"])
        shutil.rmtree(f"{bench.folder}/out")

    def theirs(peer: Any) -> None:
        peer.cli("cp", source, "bench-cp:/files")
        peer.cli("cp", "bench-cp:/files", f"{bench.folder}/out")
        peer.cli("exec", "bench-cp", "rm", "-rf", "/files")
        shutil.rmtree(f"{bench.folder}/out")

    cases: dict[str, Callable[[], object]] = {"ours": ours}
    try:
        for name, peer in found.items():
            peer.start("bench-cp")
            cases[name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
        samples = alternate(cases, bench.rounds(3), warm_up=0)
    finally:
        engine.rm(web, force=True)
        for peer in found.values():
            peer.remove("bench-cp")
        shutil.rmtree(source)
    bars = (Bar("docker", at_least=1, aim=2),)
    return Row("cp of 10,000 files, in and out", "s", samples.pop("ours"), samples, bars, absent)


def pull_memory(bench: Bench) -> Row:
    """The most memory that any process of a pull takes, beside the notebook's own before it."""
    with mill(bench) as made:
        made.put("image", [(5_000, 300)])
        code = (
            "import resource, sys; from nbcontainer import Engine; "
            f"Engine().pull('{made.host}/image'); "
            "own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
            "child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss; "
            "print(max(own, child) * 1024)"
        )
        said = call([sys.executable, "-c", code], bench.store.environment)
        bench.engine.rmi(f"{made.host}/image")
    bars = (Bar("120 MB", at_most=1.0, aim=0.5),)
    peers = {"120 MB": Sample((120e6,))}
    return Row("most memory of a process in a pull", "MB", Sample((float(said),)), peers, bars)


def save_and_load(bench: Bench) -> Row:
    """An image of 10,000 files and 60 MB: saved as a tar, loaded where it is not, and ready for a container.

    Engines unpack at different moments, so a container is created from what was loaded.
    """
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    with mill(bench) as made:
        made.put("image", [(10_000, 60)])
        name = f"{made.host}/image"
        engine.pull(name)
        path = f"{bench.folder}/saved.tar"

        def ours() -> float:
            start = time.perf_counter()
            engine.save(name, output=path)
            saved = time.perf_counter() - start
            engine.rmi(name)
            engine.image_prune()
            start = time.perf_counter()
            engine.load(path)
            container = engine.create(name, ["true"], network="none")
            taken = saved + time.perf_counter() - start
            engine.rm(container.id)
            return taken

        def theirs(peer: Any, image: str) -> float:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            start = time.perf_counter()
            peer.cli("save", "-o", path, image)
            saved = time.perf_counter() - start
            peer.forget(image)
            start = time.perf_counter()
            peer.cli("load", "-q", "-i", path)
            container = peer.cli("create", "--network", "none", image, "true").strip()
            taken = saved + time.perf_counter() - start
            peer.remove(container)
            return taken

        cases: dict[str, Callable[[], object]] = {"ours": ours}
        for peer_name, peer in found.items():
            made.pull(peer, "image")
            host = made.docker_host(peer) if peer_name == "docker" else made.host
            cases[peer_name] = lambda peer=peer, image=f"{host}/image": theirs(peer, image)  # type: ignore[misc]
        samples = alternate(cases, bench.rounds(3), warm_up=0)
        engine.rmi(name)
        for peer in found.values():
            made.forget(peer, "image")
    bars = (Bar("docker", at_least=1, aim=2), Bar("podman", at_least=1, aim=2))
    return Row(
        "save, load and create of 10,000 files, 60 MB",
        "s",
        samples.pop("ours"),
        samples,
        bars,
        absent,
    )


def pause(bench: Bench) -> Row:
    """How long a notebook's own thread is kept from running while an image of 300 MB is pulled."""
    with mill(bench) as made:
        made.put("image", [(5_000, 300)])
        code = (
            "import threading, time; from nbcontainer import Engine; e = Engine(); e.images()\n"
            f"t = threading.Thread(target=e.pull, args=('{made.host}/image',)); t.start()\n"
            "gaps, last = [0.0], time.perf_counter()\n"
            "while t.is_alive():\n"
            "    time.sleep(0.001); now = time.perf_counter()\n"
            "    gaps.append(now - last - 0.001); last = now\n"
            "print(max(gaps))"
        )
        found = []
        for _ in range(bench.rounds(3)):
            found.append(float(call([sys.executable, "-c", code], bench.store.environment)))
            bench.engine.rmi(f"{made.host}/image")
            bench.engine.image_prune()
    bars = (Bar("20 ms", at_most=1.0),)
    peers = {"20 ms": Sample((0.02,) * len(found))}
    return Row(
        "longest pause of the notebook kernel in a pull", "ms", Sample(tuple(found)), peers, bars
    )


MOVES: dict[str, Callable[[Bench], Row]] = {
    "pull": pull_large,
    "pull-layers": pull_layers,
    "pull-again": pull_again,
    "pull-memory": pull_memory,
    "push": push_large,
    "cp": copies,
    "save-load": save_and_load,
    "pause": pause,
}
