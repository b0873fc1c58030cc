"""Much and many: containers in number, output that nobody reads, clients that come and go (F10, F16)."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbcontainer.errors import EngineError
from nbcontainer.runtime import logs
from tests.needs import needs
from tests.stores import Store
from tests.system.aftermath import (
    Aftermath,
    foreman_of,
    helper_descriptors,
    private_kb,
    scaled,
    wait_until,
)

pytestmark = needs("userns")

SLEEP = ["sleep", "1000"]
GROWTH_KB = 5 * 1024
SHIM_KB = 20 * 1024


@pytest.fixture
def aftermath(store: Store) -> Iterator[Aftermath]:
    seen = Aftermath(store)
    yield seen
    seen.tidy()


class Usage:
    """What this process and the zygote hold."""

    def __init__(self, store: Store) -> None:
        gc.collect()
        zygote = foreman_of(store)
        self.zygote = zygote
        self.descriptors = (len(os.listdir("/proc/self/fd")), helper_descriptors(store))
        self.threads = threading.active_count()
        self.memory_kb = (private_kb(os.getpid()), private_kb(zygote))

    def assert_no_more_than(self, before: Usage) -> None:
        assert self.zygote == before.zygote
        assert self.descriptors == before.descriptors
        assert self.threads == before.threads
        for now, then in zip(self.memory_kb, before.memory_kb, strict=True):
            assert now - then < GROWTH_KB


def from_threads(count: int, work: Callable[[int], None]) -> None:
    problems: list[BaseException] = []

    def call(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_thousand_containers_and_then_many_from_threads_leave_nothing(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()

    def once(number: int) -> None:
        done = engine.run("toolbox", ["sh", "-c", f"echo {number}; exit {number % 7}"], rm=True)
        assert (done.stdout, done.exit_code) == (b"%d\n" % number, number % 7)

    for number in range(10):
        once(number)
    aftermath.await_pool()
    before = Usage(store)
    for number in range(scaled(100, 1000)):
        once(number)
    each = scaled(5, 25)

    def work(worker: int) -> None:
        for number in range(each):
            once(worker * 1000 + number)
            aftermath.sockets()

    from_threads(8, work)
    aftermath.await_pool()
    wait_until(lambda: helper_descriptors(store) <= before.descriptors[1], "clients were let go")
    Usage(store).assert_no_more_than(before)
    aftermath.assert_clean()


def test_failing_starts_execs_and_attachments_leave_no_descriptor(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    name = engine.run("toolbox", ["cat"], detach=True, interactive=True).id
    shim = engine.host.containers.state(name).shim_pid

    def everything() -> None:
        with pytest.raises(EngineError):
            engine.run("toolbox", ["/no/such"], rm=True)
        with pytest.raises(EngineError):
            engine.run("toolbox", ["true"], rm=True, mount=["type=bind,src=/no/such,dst=/x"])
        with pytest.raises(EngineError):
            engine.exec(name, ["/no/such"])
        with pytest.raises(EngineError):
            engine.exec(name, ["true"], user="nobody-at-all")
        assert engine.exec(name, ["cat"], stdin=b"x").stdout == b"x"
        engine.exec(name, ["true"], detach=True)
        session = engine.exec_session(name, SLEEP)
        session.signal("KILL")
        assert session.wait() == 137
        engine.attach(name).detach()
        engine.attach(name).close()
        engine.logs(name, follow=True).close()  # type: ignore[attr-defined]
        assert engine.top(name).rows
        engine.inspect(name)

    everything()
    aftermath.await_pool(running=1)

    def descriptors() -> list[int]:
        return [
            len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), foreman_of(store), shim)
        ]

    before, memory = descriptors(), private_kb(shim)
    for _ in range(scaled(10, 200)):
        everything()
    aftermath.await_pool(running=1)
    wait_until(lambda: descriptors() <= before, "all were let go")
    assert private_kb(shim) - memory < GROWTH_KB
    engine.rm(name, force=True)


def size_of_log(store: Store, name: str) -> list[int]:
    path = store.layout.container(name, "log.jsonl")
    return [os.path.getsize(each) for each in reversed(logs.files(path))]


def test_output_that_nobody_reads_is_bounded_in_memory_and_on_disk(
    store: Store, aftermath: Aftermath
) -> None:
    engine = store.engine()
    lines = scaled(1_000_000, 10_000_000)  # of 100 bytes each: 100 MB, or 1 GB
    # it writes until its reader makes it wait; the reader leaves, and it goes on to its end
    script = f"read go; yes {'x' * 99} | head -n {lines}; echo the end"
    name = engine.run(
        "toolbox", ["sh", "-c", script], detach=True, interactive=True, log_opt=["max-size=5m"]
    ).id
    shim = engine.host.containers.state(name).shim_pid
    idle = private_kb(shim)
    follower = engine.logs(name, follow=True)
    deaf = engine.attach(name)
    deaf.write(b"\n")
    first = next(follower)
    assert first.data == b"x" * 99 + b"\n"

    def written() -> int:
        return sum(size_of_log(store, name))

    def stands() -> bool:
        before = written()
        threading.Event().wait(0.3)
        return written() == before

    wait_until(stands, "it waits for who does not read")
    assert private_kb(shim) - idle < SHIM_KB
    assert engine.ps()[0]["State"] == "running"
    assert engine.exec(name, ["true"]).exit_code == 0
    deaf.detach()
    most = 0

    def ended() -> bool:
        nonlocal most
        try:
            most = max(most, private_kb(shim))
        except OSError:
            pass
        return engine.ps().ids == []

    wait_until(ended, "it ends", 280)
    assert most - idle < SHIM_KB
    assert engine.wait(name) == [0]
    sizes = size_of_log(store, name)
    assert len(sizes) == 3
    assert max(sizes) <= 5 * 1024 * 1024
    assert min(sizes[1:]) > 4_500_000
    told = [chunk.data for chunk in engine.logs(name)]
    assert told[-1] == b"the end\n"
    assert set(told[:-1]) == {b"x" * 99 + b"\n"}
    # who followed and did not read has lost what was rotated away, and nothing else
    rest = list(follower)
    assert rest[-1].data == b"the end\n"
    engine.rm(name)
    aftermath.assert_clean()


def test_one_line_without_end_is_bounded_as_well(store: Store) -> None:
    engine = store.engine()
    name = engine.run(
        "toolbox", ["sh", "-c", "head -c 50000000 /dev/zero; sleep 1000"], detach=True
    ).id
    shim = engine.host.containers.state(name).shim_pid
    wait_until(lambda: sum(size_of_log(store, name)) > 20_000_000, "it is written", 60)
    assert private_kb(shim) < SHIM_KB
    assert len(size_of_log(store, name)) == 3


def test_input_that_nobody_reads_is_bounded_in_memory(store: Store) -> None:
    engine = store.engine()
    name = engine.run("toolbox", SLEEP, detach=True, interactive=True).id
    shim = engine.host.containers.state(name).shim_pid
    session = engine.attach(name)
    writer = threading.Thread(target=session.write, args=(b"x" * 50_000_000,), daemon=True)
    writer.start()
    writer.join(0.5)
    assert writer.is_alive()
    assert private_kb(shim) < SHIM_KB
    assert engine.exec(name, ["true"]).exit_code == 0
    engine.kill(name)
    writer.join(10)
    assert not writer.is_alive()
    session.close()


def test_clients_that_come_and_go_while_it_writes_each_get_a_whole_stream(store: Store) -> None:
    engine = store.engine()
    name = engine.run(
        "toolbox", ["sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); done"], detach=True
    ).id

    def work(number: int) -> None:
        for _ in range(scaled(3, 30)):
            session = engine.attach(name)
            data = bytearray()
            while len(data) < 20_000:
                chunk: Any = session.read(timeout=20)
                data += chunk.data
            session.close() if number % 2 else session.detach()
            values = [int(line) for line in bytes(data).split(b"\n")[1:-1]]
            assert values == list(range(values[0], values[0] + len(values)))

    from_threads(4, work)
    engine.rm(name, force=True)
