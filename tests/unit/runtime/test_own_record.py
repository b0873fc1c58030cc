import json
import os

import pytest

from nbcontainer.errors import StateUnreadable
from nbcontainer.runtime.own_record import OwnRecord
from nbcontainer.runtime.plan import Plan, Step
from nbcontainer.spec.codec import encode
from nbcontainer.spec.lifecycle import State, Status
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.events import Events
from nbcontainer.store.layout import Layout

ID = "a" * 64
PLAN = Plan((Step("last", "execute", {"args": ["true"]}),))
CONFIG = RuntimeConfig(ID, "web", "nginx", "d", 0, (), ("true",))
RUNNING = State(Status.RUNNING, 7, 8)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    os.makedirs(layout.container(ID))
    for name, document in (("config", encode(CONFIG)), ("plan", PLAN.to_json())):
        with open(layout.container(ID, f"{name}.json"), "w") as file:
            json.dump(document, file)
    return layout


def test_the_state_is_the_given_one_until_another_is_set(layout):
    own = OwnRecord(layout, ID)
    assert own.state == State()
    own.give(encode(RUNNING))
    assert own.encoded == encode(RUNNING)
    assert own.state == RUNNING
    assert own.encoded == encode(RUNNING)
    assert not os.path.exists(layout.container(ID, "state.json"))
    own.save(State(Status.PAUSED, 7, 8))
    assert own.record.state().status is own.state.status is Status.PAUSED
    own.set(State(Status.EXITED))
    assert own.record.state().status is Status.PAUSED
    assert own.state.status is Status.EXITED


def test_the_files_are_read_once(layout):
    own = OwnRecord(layout, ID)
    assert own.open() == (CONFIG, PLAN)
    os.unlink(layout.container(ID, "plan.json"))
    assert own.open() == (CONFIG, PLAN)


def test_events_carry_the_names_and_go_without_them_where_files_are_damaged(layout):
    OwnRecord(layout, ID).publish("pause", {})
    os.unlink(layout.container(ID, "config.json"))
    damaged = OwnRecord(layout, ID)
    damaged.publish("die", {"exitCode": "1"})
    with pytest.raises(StateUnreadable):
        damaged.open()
    first, second = Events(layout).read()
    assert first.attributes == {"image": "nginx", "name": "web"}
    assert second.attributes == {"exitCode": "1"}
