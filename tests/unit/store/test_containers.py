from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcontainer.errors import (
    ContainerNotFound,
    InvalidArgument,
    NameInUse,
    StateUnreadable,
)
from nbcontainer.spec.codec import encode
from nbcontainer.spec.lifecycle import State, Status
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store import gc
from nbcontainer.store.containers import Containers
from nbcontainer.store.files import Lock, dump_json, write_atomic
from nbcontainer.store.layout import Layout

Killed = Callable[[int, Callable[[], object]], bool]
AtOnce = Callable[[list[Callable[[], object]]], None]

RUNNING = State(status=Status.RUNNING, pid=7, started_ns=5)
EXITED = State(status=Status.EXITED, exit_code=3, started_ns=5, finished_ns=6)


@pytest.fixture
def containers(layout: Layout) -> Containers:
    return Containers(layout)


def config(digit: str, name: str, **fields: object) -> RuntimeConfig:
    return RuntimeConfig(
        id=digit.ljust(64, "0"),
        name=name,
        image="toolbox",
        image_id="sha256:" + "0" * 64,
        created_ns=int(digit[0], 16),
        layers=(),
        args=("sh",),
        **fields,  # type: ignore[arg-type]
    )


def write_state(layout: Layout, container_id: str, state: State) -> None:
    write_atomic(layout.container(container_id, "state.json"), dump_json(encode(state)))


def tree(layout: Layout) -> set[str]:
    found = set()
    for folder, folders, files in os.walk(layout.home):
        found.update(os.path.relpath(f"{folder}/{name}", layout.home) for name in folders + files)
    return found


def test_a_created_container_is_found_by_name_id_and_prefix(containers: Containers) -> None:
    made = config("a1", "web")
    containers.create(made)
    for text in ("web", "/web", made.id, "a", "a1", made.id[:12]):
        assert containers.resolve(text) == made.id
    assert containers.config(made.id) == made
    assert containers.state(made.id) == State()
    assert containers.list() == [(made, State(), "web")]


def test_what_is_on_disk_is_what_another_process_reads(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web", labels={"k": "v"}, env=("A=\u00e9",), tty=True)
    containers.create(made)
    assert Containers(layout).config(made.id) == made
    assert os.readlink(layout.name("web")) == made.id


def test_a_missing_container_is_said_in_dockers_words(containers: Containers) -> None:
    containers.create(config("a", "web"))
    for text in ("nope", "b", "", "../web", "a" * 65, "f" * 64, ".", "web/", "\0", "x" * 5000):
        with pytest.raises(ContainerNotFound) as caught:
            containers.resolve(text)
        assert caught.value.message == f"No such container: {text}"


def test_a_prefix_of_two_ids_is_refused_and_a_name_wins_over_it(containers: Containers) -> None:
    containers.create(config("a1", "one"))
    containers.create(config("a2", "two"))
    with pytest.raises(InvalidArgument, match="Multiple IDs found with provided prefix: a"):
        containers.resolve("a")
    containers.create(config("b", "aa"))
    assert containers.resolve("aa") == config("b", "aa").id


def test_a_name_in_use_is_refused_and_nothing_is_left(
    containers: Containers, layout: Layout
) -> None:
    holder = config("a", "web")
    containers.create(holder)
    before = tree(layout)
    with pytest.raises(NameInUse) as caught:
        containers.create(config("b", "web"))
    assert caught.value.message == (
        f'Conflict. The container name "/web" is already in use by container "{holder.id}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    assert tree(layout) == before


@pytest.mark.parametrize(
    "name", ["", "a", "-a", "a b", "a/b", "../x", "é1", "x" * 256, "a\n", "_a"]
)
def test_a_bad_name_is_refused_in_dockers_words(
    containers: Containers, layout: Layout, name: str
) -> None:
    before = tree(layout)
    with pytest.raises(InvalidArgument, match="Invalid container name"):
        containers.create(config("a", name))
    assert tree(layout) == before


def test_a_create_that_fails_late_gives_the_name_back(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web")
    Path(layout.container(made.id)).mkdir()
    (Path(layout.container(made.id)) / "in-the-way").touch()
    before = tree(layout)
    with pytest.raises(OSError):
        containers.create(made)
    assert tree(layout) == before


def test_rename_changes_the_name_and_frees_the_old_one(containers: Containers) -> None:
    made = config("a", "old")
    containers.create(made)
    containers.rename(made.id, "new")
    assert containers.name(made.id) == "new"
    assert containers.list()[0][2] == "new"
    assert containers.resolve("new") == made.id
    with pytest.raises(ContainerNotFound):
        containers.resolve("old")
    containers.create(config("b", "old"))


def test_rename_refuses_what_docker_refuses(containers: Containers) -> None:
    containers.create(config("a", "one"))
    containers.create(config("b", "two"))
    one = containers.resolve("one")
    with pytest.raises(
        NameInUse, match=r'^Error when allocating new name: Conflict\. The .* "/two"'
    ):
        containers.rename(one, "two")
    with pytest.raises(InvalidArgument, match="same name as its current name"):
        containers.rename(one, "one")
    with pytest.raises(InvalidArgument, match="Invalid container name"):
        containers.rename(one, "a/b")
    with pytest.raises(InvalidArgument, match="may be empty"):
        containers.rename(one, "")
    with pytest.raises(ContainerNotFound):
        containers.rename("c" * 64, "three")
    assert {name for _, _, name in containers.list()} == {"one", "two"}


def test_remove_frees_name_and_id_at_once(containers: Containers, layout: Layout) -> None:
    made = config("a", "web")
    containers.create(made)
    containers.rename(made.id, "other")
    doomed = containers.remove(made.id)
    # the name goes with the tree
    assert [name[:5] for name in sorted(os.listdir(doomed))] == ["confi", "name-"]
    assert os.path.dirname(doomed) == layout.tmp
    assert containers.list() == []
    assert os.listdir(layout.names) == []
    for ask in (containers.config, containers.state, containers.name, containers.remove):
        with pytest.raises(ContainerNotFound):
            ask(made.id)
    containers.create(config("b", "other"))


def test_the_newest_is_listed_first(containers: Containers) -> None:
    for digit in "2cf4":
        containers.create(config(digit, f"n{digit}"))
    assert [name for _, _, name in containers.list()] == ["nf", "nc", "n4", "n2"]


def test_a_running_container_is_running_while_its_shim_holds_the_lock(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web")
    containers.create(made)
    write_state(layout, made.id, RUNNING)
    with Lock(layout.container(made.id, "lock")):
        assert containers.state(made.id) == RUNNING
        assert containers.is_alive(made.id)
        assert containers.reconcile(made.id) == RUNNING
    state = containers.state(made.id)
    assert (state.status, state.exit_code, state.pid) == (Status.EXITED, 137, 0)
    assert state.finished_ns == containers.state(made.id).finished_ns
    assert containers.list()[0][1] == state


def test_reconcile_writes_the_end_of_a_killed_shims_container_down(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web")
    containers.create(made)
    write_state(layout, made.id, RUNNING)
    state = containers.reconcile(made.id)
    assert state.status is Status.EXITED
    assert Containers(layout).state(made.id) == state
    written = json.loads(Path(layout.container(made.id, "state.json")).read_text())
    assert (written["status"], written["exit_code"]) == ("exited", 137)
    assert containers.reconcile(made.id) == state


def test_reconcile_leaves_a_container_that_never_started_alone(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web")
    containers.create(made)
    assert containers.reconcile(made.id) == State()
    assert sorted(os.listdir(layout.container(made.id))) == ["config.json"]


def test_an_exit_is_never_taken_for_a_killed_shim(containers: Containers, layout: Layout) -> None:
    """The shim writes its last state and lets go of the lock while a reader is between the two."""
    made = config("a", "web")
    containers.create(made)
    done = threading.Event()

    def live() -> None:
        while not done.is_set():
            with Lock(layout.container(made.id, "lock"), timeout_s=10):
                write_state(layout, made.id, RUNNING)
                write_state(layout, made.id, EXITED)

    shim = threading.Thread(target=live)
    shim.start()
    try:
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            assert containers.state(made.id).exit_code != 137
    finally:
        done.set()
        shim.join()


def test_a_start_is_never_taken_for_a_killed_shim(layout: Layout) -> None:
    """The lock is free when a reader looks, and the next shim has started before it looks again."""
    made = config("a", "web")
    again = State(status=Status.RUNNING, pid=8, started_ns=9)
    lock = Lock(layout.container(made.id, "lock"))

    class Overtaken(Containers):
        def is_alive(self, container_id: str) -> bool:
            alive = super().is_alive(container_id)
            if not alive:
                lock.acquire()
                write_state(layout, container_id, again)
            return alive

    containers = Overtaken(layout)
    containers.create(made)
    write_state(layout, made.id, RUNNING)
    assert containers.state(made.id) == again
    lock.release()


def test_two_changes_in_one_step_of_the_clock_are_both_seen(
    containers: Containers, layout: Layout
) -> None:
    made = config("a", "web")
    containers.create(made)
    path = layout.container(made.id, "state.json")
    write_state(layout, made.id, State(status=Status.EXITED, exit_code=9))
    step_ns = time.time_ns()
    for code in range(1, 4):
        with open(path, "r+b") as file:  # the same file, of the same length
            file.write(dump_json(encode(State(status=Status.EXITED, exit_code=code))))
        os.utime(path, ns=(step_ns, step_ns))
        assert containers.state(made.id).exit_code == code


def test_a_change_of_state_is_seen_at_once(containers: Containers, layout: Layout) -> None:
    made = config("a", "web")
    containers.create(made)
    for code in range(200):
        write_state(layout, made.id, State(status=Status.EXITED, exit_code=code % 10))
        assert containers.list()[0][1].exit_code == code % 10


def test_what_another_process_does_to_names_is_seen(containers: Containers, layout: Layout) -> None:
    other = Containers(layout)
    for number in range(30):
        made = config("a", f"name{number}")
        other.create(made)
        assert [name for _, _, name in containers.list()] == [f"name{number}"]
        other.rename(made.id, "renamed")
        assert containers.name(made.id) == "renamed"
        other.remove(made.id)
        assert containers.list() == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"id": 3}', b"\xff"])
def test_a_damaged_config_is_said_and_does_not_hide_the_others(
    containers: Containers, layout: Layout, content: bytes
) -> None:
    good, bad = config("a", "good"), config("b", "bad")
    containers.create(good)
    containers.create(bad)
    Path(layout.container(bad.id, "config.json")).write_bytes(content)
    fresh = Containers(layout)
    assert [name for _, _, name in fresh.list()] == ["good"]
    with pytest.raises(StateUnreadable):
        fresh.config(bad.id)
    fresh.remove(fresh.resolve("bad"))
    assert [name for _, _, name in fresh.list()] == ["good"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"status": "flying"}', b'{"pid": "x"}'])
def test_a_damaged_state_is_said(containers: Containers, layout: Layout, content: bytes) -> None:
    made = config("a", "web")
    containers.create(made)
    Path(layout.container(made.id, "state.json")).write_bytes(content)
    with pytest.raises(StateUnreadable):
        containers.state(made.id)
    assert containers.list() == []
    containers.remove(made.id)


def test_a_state_of_a_newer_release_still_reads(containers: Containers, layout: Layout) -> None:
    made = config("a", "web")
    containers.create(made)
    content = dump_json(encode(EXITED) | {"new_field": 1})
    Path(layout.container(made.id, "state.json")).write_bytes(content)
    assert containers.state(made.id) == EXITED


def test_a_create_killed_anywhere_leaves_a_container_or_none(
    containers: Containers, layout: Layout, killed_at: Killed
) -> None:
    made = config("a", "web")
    step = 1
    while killed_at(step, lambda: containers.create(made)):
        fresh = Containers(layout)
        assert [each[0] for each in fresh.list()] in ([], [made])
        if fresh.list():
            assert fresh.resolve("web") == made.id
            _delete(fresh.remove(made.id))
        else:
            fresh.create(config("b", "web"))  # a name that nobody holds is free
            _delete(fresh.remove(fresh.resolve("web")))
        for doomed in gc.leftovers(layout):
            _delete(doomed)
        assert os.listdir(layout.tmp) == os.listdir(layout.names) == []
        step += 1
    assert step > 4


def test_a_remove_killed_anywhere_leaves_a_container_or_none(
    containers: Containers, layout: Layout, killed_at: Killed
) -> None:
    made = config("a", "web")
    step = 1
    while True:
        containers.create(made)
        died = killed_at(step, lambda: containers.remove(made.id))
        fresh = Containers(layout)
        if fresh.list():
            assert fresh.resolve("web") == made.id
            _delete(fresh.remove(made.id))
        for doomed in gc.leftovers(layout):
            _delete(doomed)
        assert os.listdir(layout.tmp) == os.listdir(layout.names) == []
        if not died:
            break
        step += 1
    assert step > 2


def test_one_of_eight_processes_gets_each_name(
    containers: Containers, layout: Layout, all_at_once: AtOnce
) -> None:
    def claim(digit: str) -> Callable[[], object]:
        def work() -> None:
            for number in range(40):
                try:
                    containers.create(config(f"{digit}{number:02d}", f"web{number}"))
                except NameInUse:
                    continue

        return work

    all_at_once([claim(digit) for digit in "12345678"])
    found = {name: each.id for each, _, name in containers.list()}
    assert sorted(found) == sorted(f"web{number}" for number in range(40))
    assert len(containers.ids()) == 40
    assert all(containers.resolve(name) == container_id for name, container_id in found.items())
    assert gc.leftovers(layout) == ()
    assert os.listdir(layout.tmp) == []


def test_eight_processes_make_list_rename_and_remove_at_once(
    containers: Containers, layout: Layout, all_at_once: AtOnce
) -> None:
    def churn(digit: str) -> Callable[[], object]:
        def work() -> None:
            mine = Containers(layout)
            for number in range(25):
                made = config(f"{digit}{number:02d}", f"c{digit}-{number}")
                mine.create(made)
                assert made.id in [each[0].id for each in mine.list()]
                mine.rename(made.id, f"r{digit}-{number}")
                assert mine.name(made.id) == f"r{digit}-{number}"
                if number:
                    _delete(mine.remove(made.id))

        return work

    all_at_once([churn(digit) for digit in "12345678"])
    assert sorted(name for _, _, name in containers.list()) == [f"r{d}-0" for d in "12345678"]
    assert len(os.listdir(layout.names)) == 8
    assert os.listdir(layout.tmp) == []


def test_list_of_500_costs_less_than_reading_500_small_files_one_and_a_half_times(
    containers: Containers, layout: Layout
) -> None:
    for number in range(500):
        made = config(f"a{number:03d}", f"c{number}", auto_remove=True)
        containers.create(made)
        write_state(layout, made.id, EXITED)
    paths = [layout.container(each[0].id, "state.json") for each in containers.list()]

    def read_all() -> None:
        for path in paths:
            with open(path, "rb") as file:
                file.read()

    time.sleep(0.06)  # file times need to be older than their step to be trusted
    containers.list()
    ratios = []
    for _ in range(9):
        begin = time.perf_counter()
        read_all()
        middle = time.perf_counter()
        containers.list()
        ratios.append((time.perf_counter() - middle) / (middle - begin))
    assert sorted(ratios)[len(ratios) // 2] < 1.5, ratios


def _delete(doomed: str) -> None:
    for name in os.listdir(doomed):
        os.unlink(f"{doomed}/{name}")
    os.rmdir(doomed)
