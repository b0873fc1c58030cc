"""Every row of the speed table: what is timed, against whom, and what is demanded."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from nbcontainer.store.containers import Containers
from tests.benchmarks.bench import Bench
from tests.benchmarks.harness import Bar, Row, Sample, alternate
from tests.benchmarks.peers import IMAGE, call, python_alone
from tests.hostwatch import tied_pids

ENGINES = ("podman", "docker")


def run(bench: Bench) -> Row:
    """`run --rm toolbox true`, no network, warm."""
    engine = bench.engine
    found, absent = bench.peers("bwrap", "podman", "docker", "runc")

    def ours() -> None:
        engine.run("toolbox", ["true"], rm=True, network="none")

    samples = alternate({"ours": ours} | {n: p.run for n, p in found.items()}, bench.rounds(40))
    bars = (Bar("bwrap", at_most=1.3, aim=0.7), Bar("podman", at_least=15))
    return Row("run --rm toolbox true", "ms", samples.pop("ours"), samples, bars, absent)


def exec_(bench: Bench) -> Row:
    """`exec web true` in a running container."""
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    web = engine.run("toolbox", ["sleep", "1000"], detach=True, network="none").id
    cases: dict[str, Callable[[], object]] = {"ours": lambda: engine.exec(web, ["true"])}
    for name, peer in found.items():
        peer.start("bench-web")
        cases[name] = lambda peer=peer: peer.exec("bench-web")  # type: ignore[misc]
    try:
        samples = alternate(cases, bench.rounds(30))
    finally:
        engine.rm(web, force=True)
        for peer in found.values():
            peer.remove("bench-web")
    bars = (Bar("docker", at_least=10, aim=20), Bar("podman", at_least=25, aim=50))
    return Row("exec web true", "ms", samples.pop("ours"), samples, bars, absent)


def first(bench: Bench) -> Row:
    """The first `run` of a new process, its zygote not yet started."""
    code = (
        'from nbcontainer import Engine; Engine().run("toolbox", ["true"], rm=True, network="none")'
    )

    def ours() -> float:
        bench.store.quit()
        start = time.perf_counter()
        call([sys.executable, "-c", code], bench.store.environment)
        return time.perf_counter() - start

    samples = alternate({"ours": ours, "python": python_alone}, bench.rounds(12))
    bars = (Bar("python", at_most=10, aim=5),)
    return Row("first run in a new process", "ms", samples.pop("ours"), samples, bars,
               note="python = python3 -c pass")  # fmt: skip


def cli(bench: Bench) -> Row:
    """The command line as a whole process."""
    found, absent = bench.peers(*ENGINES)
    command = [sys.executable, "-m", "nbcontainer", "run", "--rm", "--network", "none", "toolbox"]
    environment = bench.store.environment
    cases: dict[str, Callable[[], object]] = {
        "ours": lambda: call([*command, "true"], environment),
        "python": python_alone,
    }
    samples = alternate(cases | {n: p.run for n, p in found.items()}, bench.rounds(20))
    bars = (Bar("podman", at_most=1.0, aim=0.5),)
    return Row(
        "nbcontainer run --rm toolbox true", "ms", samples.pop("ours"), samples, bars, absent
    )


def parallel(bench: Bench) -> Row:
    """100 containers started from 4 threads, as a rate."""
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)

    def start() -> object:
        return engine.run("toolbox", ["true"], detach=True, rm=True, network="none")

    def ours(count: int) -> float:
        return _rate(count, start)

    def theirs(peer: Any) -> float:
        # a third of the number is enough for a rate, and keeps the run short
        return _rate(32, peer.start_short)

    cases: dict[str, Callable[[], object]] = {"ours": lambda: ours(100)}
    for name, peer in found.items():
        cases[name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
    samples = alternate(cases, bench.rounds(3), warm_up=0)
    bars = (Bar("podman", at_least=8, aim=16),)
    return Row("100 containers from 4 threads", "/s", samples.pop("ours"), samples, bars, absent)


def _rate(count: int, start_one: Callable[[], object], threads: int = 4) -> float:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(count // threads):
                start_one()
        except BaseException as error:
            problems.append(error)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    if problems:
        raise problems[0]
    return count / seconds


def memory(bench: Bench) -> Row:
    """Private memory that a running container costs beside its own process."""
    engine, count = bench.engine, 20
    engine.run("toolbox", ["true"], rm=True, network="none")
    before = _private(bench)
    ids = [
        engine.run("toolbox", ["sleep", "1000"], detach=True, network="none").id
        for _ in range(count)
    ]
    try:
        containers = Containers(bench.store.layout)
        programs = {containers.state(item).pid for item in ids}
        after = _private(bench)
    finally:
        engine.rm(*ids, force=True)
    beside = sum(size for pid, size in after.items() if pid not in programs)
    cost = (beside - sum(before.values())) / count
    sample = Sample((cost,))
    return Row("private memory beside a container's process", "MB", sample, {"1 MB": Sample((1e6,))},
               (Bar("1 MB", at_most=1.0, aim=0.5),), note=f"mean of {count}")  # fmt: skip


def _private(bench: Bench) -> dict[int, float]:
    """Return pid -> private bytes of the engine's processes; this process is not one of them."""
    found = {}
    for pid in tied_pids(bench.store.folder):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                rows = [line.split() for line in file if line.startswith("Private_")]
        except OSError:
            continue
        found[pid] = 1024.0 * sum(int(row[1]) for row in rows)
    return found


def ps(bench: Bench) -> Row:
    """`ps -a` with 500 containers, through the Python API, against reading 500 small files."""
    engine = bench.engine
    ids = [engine.create("toolbox", ["true"], network="none").id for _ in range(500)]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(500):
            with open(f"{folder}/{number}", "w") as file:
                file.write("x" * 500)

        def read() -> None:
            for number in range(500):
                with open(f"{folder}/{number}", "rb") as file:
                    file.read()

        try:
            cases = {"ours": lambda: engine.ps(all=True), "500 files": read}
            samples = alternate(cases, bench.rounds(30))
        finally:
            engine.rm(*ids, force=True)
    bars = (Bar("500 files", at_most=3.0, aim=1.5),)
    return Row("ps with 500 containers", "ms", samples.pop("ours"), samples, bars)


_SHELL = (
    "import time; from IPython.core.interactiveshell import InteractiveShell; "
    "s = InteractiveShell.instance(); "
)
_LOAD = "import nbcontainer; s.extension_manager.load_extension('nbcontainer')"


def load(bench: Bench) -> Row:
    """`import nbcontainer` and `%load_ext`, in a process where IPython is loaded already."""

    def timed(statement: str) -> float:
        code = f"{_SHELL}t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
        return float(call([sys.executable, "-c", code], bench.store.environment).split()[-1])

    cases: dict[str, Callable[[], object]] = {
        "ours": lambda: timed(_LOAD),
        "ipywidgets": lambda: timed("import ipywidgets"),
    }
    samples = alternate(cases, bench.rounds(10), warm_up=1)
    bars = (Bar("ipywidgets", at_most=0.5, aim=0.2),)
    return Row("import nbcontainer and %load_ext", "ms", samples.pop("ours"), samples, bars)


_WRITE = (
    "mkdir /d; cd /d; i=0; while [ $i -lt 1000 ]; do "
    "dd if=/dev/urandom of=f$i bs=20480 count=1 2>/dev/null; i=$((i+1)); done"
)


def commit(bench: Bench) -> Row:
    """`commit` of 1,000 changed files of 20 MB together."""
    engine = bench.engine
    found, absent = bench.peers(*ENGINES)
    done = engine.run("toolbox", ["sh", "-c", _WRITE + "; sleep 1000"], detach=True, network="none")
    engine.exec(done.id, ["sh", "-c", "while [ ! -e /d/f999 ]; do sleep 0.1; done; sleep 0.3"])
    number = 0

    def ours() -> float:
        nonlocal number
        number += 1
        start = time.perf_counter()
        image = engine.commit(done.id, f"bench:{number}", pause=False)
        seconds = time.perf_counter() - start
        engine.rmi(image.id, force=True)
        return seconds

    def theirs(peer: Any) -> float:
        start = time.perf_counter()
        peer.commit("bench-commit", f"{IMAGE}-commit")
        seconds = time.perf_counter() - start
        peer.forget(f"{IMAGE}-commit")
        return seconds

    cases: dict[str, Callable[[], object]] = {"ours": ours}
    try:
        for name, peer in found.items():
            peer.start("bench-commit")
            peer.cli("exec", "bench-commit", "sh", "-c", _WRITE)
            cases[name] = lambda peer=peer: theirs(peer)  # type: ignore[misc]
        samples = alternate(cases, bench.rounds(5), warm_up=1)
    finally:
        engine.rm(done.id, force=True)
        for peer in found.values():
            peer.remove("bench-commit")
    bars = tuple(Bar(name, at_least=2, aim=4) for name in ENGINES)
    return Row("commit of 1,000 files, 20 MB", "ms", samples.pop("ours"), samples, bars, absent)


MEASURES: dict[str, Callable[[Bench], Row]] = {
    "run": run,
    "exec": exec_,
    "first": first,
    "cli": cli,
    "parallel": parallel,
    "memory": memory,
    "ps": ps,
    "load": load,
    "commit": commit,
}
