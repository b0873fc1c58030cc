import json
import os

import pytest

from nbcontainer.errors import ContainerNotFound, StateUnreadable, Unavailable, WrongStatus
from nbcontainer.runtime import opening
from nbcontainer.runtime.plan import Plan, Step
from nbcontainer.runtime.record import Record
from nbcontainer.spec.codec import encode
from nbcontainer.spec.lifecycle import State, Status
from nbcontainer.spec.runtime import RuntimeConfig
from nbcontainer.store.files import Lock
from nbcontainer.store.layout import Layout

ID = "a" * 64
PLAN = Plan((Step("last", "execute", {"args": ["true"]}),))
CONFIG = RuntimeConfig(ID, "n", "i", "d", 0, (), ("true",))


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    os.makedirs(layout.container(ID))
    for name, document in (("config", encode(CONFIG)), ("plan", PLAN.to_json())):
        with open(layout.container(ID, f"{name}.json"), "w") as file:
            json.dump(document, file)
    return layout


def claim(layout):
    lock = Lock(layout.container(ID, "lock"))
    claimed = opening.claim(lock, Record(layout, ID), layout.container(ID), ID)
    return lock if claimed else None


def test_one_at_a_time_has_a_container(layout):
    lock = claim(layout)
    Record(layout, ID).save(State(Status.RUNNING))
    with pytest.raises(WrongStatus, match="is already running"):
        claim(layout)
    lock.release()
    claim(layout).release()


def test_one_that_is_being_changed_is_not_ours_yet(layout):
    lock = claim(layout)
    assert claim(layout) is None
    lock.release()
    claim(layout).release()
    assert isinstance(opening.being_changed(ID), Unavailable)


def test_a_container_that_was_removed_is_not_found(layout):
    os.rename(layout.container(ID), layout.container("b"))
    with pytest.raises(ContainerNotFound, match=f"No such container: {ID}"):
        claim(layout)


def test_what_it_is_to_be_is_read_from_two_files(layout):
    assert opening.load(layout.container(ID), ID) == (CONFIG, PLAN)


@pytest.mark.parametrize("name", ["config.json", "plan.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"steps": [1]}'])
def test_a_spoilt_file_is_said_with_the_containers_name(layout, name, content):
    with open(layout.container(ID, name), "w") as file:
        file.write(content)
    with pytest.raises(StateUnreadable):
        opening.load(layout.container(ID), ID)


def test_a_missing_file_is_said_too(layout):
    os.unlink(layout.container(ID, "plan.json"))
    with pytest.raises(StateUnreadable, match="plan.json"):
        opening.load(layout.container(ID), ID)
