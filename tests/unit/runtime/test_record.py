import os

import pytest

from nbcontainer.linux import process
from nbcontainer.runtime.record import Record, running
from nbcontainer.runtime.sandbox_name import name_of
from nbcontainer.spec.lifecycle import Health, State, Status
from nbcontainer.spec.network import Endpoint
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.events import Events
from nbcontainer.store.layout import Layout

ID = "a" * 64
PLACE = Endpoint("bridge", "b" * 64, "eth0", "02:42:ac:11:00:02", "172.17.0.2", 16, "172.17.0.1")


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    os.makedirs(layout.container(ID))
    return layout


def test_a_new_container_has_the_first_state_and_a_saved_one_comes_back(layout):
    record = Record(layout, ID)
    assert record.state() == State()
    state = State(Status.EXITED, exit_code=3, health=Health("healthy", 0, ({"Output": "x"},)))
    record.save(state)
    assert Record(layout, ID).state() == state


def test_an_unreadable_state_counts_as_new(layout):
    with open(layout.container(ID, "state.json"), "w") as file:
        file.write("{ no")
    assert Record(layout, ID).state() == State()


def test_what_cannot_be_written_is_lost_and_nothing_else(layout):
    os.rmdir(layout.container(ID))
    record = Record(layout, ID)
    record.save(State(Status.EXITED))
    record.publish("die", {})
    assert record.state() == State()


def test_events_carry_the_containers_names_and_labels(layout):
    record = Record(layout, ID)
    record.config = RuntimeConfig(
        ID, "web", "nginx", "d", 0, (), (), labels={"a": "b", "name": "no"}
    )
    record.publish("die", {"exitCode": "3"})
    (event,) = Events(layout).read()
    assert (event.type, event.action, event.id) == ("container", "die", ID)
    assert event.attributes == {"a": "b", "image": "nginx", "name": "web", "exitCode": "3"}


def test_running_says_who_runs_it():
    here, sandbox = os.getpid(), name_of(os.getpid())
    state = running(here, sandbox, restart_count=2)
    assert (state.status, state.sandbox, state.restart_count) == (Status.RUNNING, sandbox, 2)
    assert (state.pid, state.shim_pid, state.health) == (here, here, None)
    assert state.pid_start == state.shim_start == process.start_time(here)
    assert state.boot_id == process.boot_id()
    assert running(here, sandbox, is_checked=True).health == Health("starting")


def test_a_program_that_was_killed_at_once_has_no_start():
    assert running(4194304, name_of(os.getpid())).pid_start == 0
