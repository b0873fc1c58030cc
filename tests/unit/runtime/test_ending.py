import os

import pytest

from nbcontainer.runtime import ending
from nbcontainer.runtime.record import Record
from nbcontainer.spec.codec import encode
from nbcontainer.spec.lifecycle import Health, State, Status
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.containers import Containers
from nbcontainer.store.events import Events
from nbcontainer.store.layout import Layout

ID = "a" * 64
RUNNING = State(Status.RUNNING, 7, 8, sandbox="s", started_ns=5, health=Health("healthy"))


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    for folder in (layout.containers, layout.names, layout.tmp):
        os.makedirs(folder)
    return layout


def made(layout, **changes):
    config = RuntimeConfig(ID, "web", "nginx", "d", 0, (), (), **changes)
    Containers(layout).create(config)
    record = Record(layout, ID)
    record.config = config
    record.save(RUNNING)
    return config, record


def actions(layout):
    return [event.action for event in Events(layout).read()]


def test_the_end_is_written_down_and_nothing_is_left_to_undo(layout):
    config, record = made(layout)
    told = ending.Ended(encode(RUNNING), 3, False, False)
    ended = ending.Ended.unpack(told.pack()).exited()
    assert ending.settle(layout, record, config, ended, stopped=False) == ()
    state = record.state()
    assert (state.status, state.exit_code, state.pid, state.health) == (Status.EXITED, 3, 0, None)
    assert (state.started_ns, state.sandbox, state.stopped_by_user) == (5, "", False)
    assert state.finished_ns > 5
    assert actions(layout) == ["die"]


def test_one_that_was_stopped_and_ran_out_of_memory_says_so(layout):
    config, record = made(layout)
    ended = ending.exited(RUNNING, 137, oom=True, stopped=True)
    ending.settle(layout, record, config, ended, stopped=True)
    assert record.state().oom_killed
    assert record.state().stopped_by_user
    assert actions(layout) == ["oom", "die", "stop"]


def test_one_that_removes_itself_has_no_name_and_no_state_afterwards(layout):
    config, record = made(layout, auto_remove=True)
    ended = ending.exited(RUNNING, 0, oom=False, stopped=False)
    (doomed,) = ending.settle(layout, record, config, ended, stopped=False)
    assert os.path.dirname(doomed) == layout.tmp
    assert os.listdir(layout.containers) == os.listdir(layout.names) == []
    assert actions(layout) == ["die", "destroy"]
