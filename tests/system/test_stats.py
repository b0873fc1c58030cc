"""What containers use, and what watches them, with real ones."""

import os
import re
import threading

import pytest

from nbcontainer.errors import ContainerNotFound
from tests.needs import needs

pytestmark = needs("userns")
BUSY = ["sh", "-c", "while :; do :; done"]


def test_stats_show_those_that_run_and_with_all_the_others_too(engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    engine.run("toolbox", ["true"], name="done")
    table = engine.stats()
    assert table["Name"] == ["web"]
    assert [column.header for column in table.columns][:3] == ["CONTAINER ID", "NAME", "CPU %"]
    both = engine.stats(all=True)
    assert {row["Name"]: row["PIDs"] for row in both}["done"] == "0"
    with pytest.raises(ContainerNotFound):
        engine.stats("nope")


@needs("cgroup")
def test_figures_are_those_of_the_container(engine):
    engine.run("toolbox", BUSY, name="busy", detach=True, memory="64m")
    engine.run("toolbox", ["sleep", "600"], name="idle", detach=True)
    rows = {row["Name"]: row for row in engine.stats()}
    share = {name: float(row["CPUPerc"].rstrip("%")) for name, row in rows.items()}
    assert share["busy"] > 5
    assert share["idle"] < 5
    assert rows["busy"]["MemUsage"].endswith(" / 64MiB")
    assert rows["busy"]["PIDs"] == "1"
    # neighbours are looked for as soon as there is a link
    assert re.fullmatch(r"\d\S*B / \d\S*B", rows["busy"]["NetIO"])


def test_a_container_that_goes_while_it_is_measured_has_no_line_any_more(engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    meter = engine.meter("web")
    assert len(meter.read()) == 1
    engine.rm("web", force=True)
    assert len(meter.read()) == 0


def test_the_command_prints_dockers_table_once(store, engine):
    engine.run("toolbox", ["sleep", "600"], name="web", detach=True)
    done = store.cli("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}")
    assert done.stdout.split()[0] == b"web"
    head = store.cli("stats", "--no-stream").stdout.splitlines()[0]
    assert (
        head.split()
        == b"CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS".split()
    )


def test_the_following_of_a_log_ends_when_it_is_told_to(engine):
    engine.run("toolbox", ["sh", "-c", "echo one; exec sleep 600"], name="web", detach=True)
    stop = os.eventfd(0)
    lines, first = [], threading.Event()

    def follow():
        for chunk in engine.logs("web", follow=True, stop=stop):
            lines.append(chunk.data)
            first.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert first.wait(10)
    os.eventfd_write(stop, 1)
    thread.join(10)
    os.close(stop)
    assert not thread.is_alive()
    assert lines == [b"one\n"]


def test_who_follows_events_hears_what_others_do(store, engine):
    events = engine.follow()
    store.engine().volume_create("data")
    assert events.next_within(5).action == "create"
    with pytest.raises(TimeoutError):
        events.next_within(0)
    events.close()
