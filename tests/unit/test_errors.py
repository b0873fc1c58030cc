import json

import pytest

from nbcontainer import errors
from nbcontainer.errors import EngineError, from_wire, to_wire


def test_a_person_sees_the_message_and_one_thing_to_do():
    assert EngineError("it failed").lines() == ["Error: it failed"]
    assert EngineError("it failed", "try again").lines() == ["Error: it failed", "  try again"]
    assert EngineError("x", "y")._render_traceback_() == ["Error: x", "  y"]
    assert str(EngineError("it failed", "try again")) == "it failed"


def test_a_hostile_name_in_a_message_cannot_move_the_cursor():
    lines = EngineError("No such image: \x1b]52;c;x\x07\r\u202e", "a\nb").lines()
    assert lines == ["Error: No such image: \\x1b]52;c;x\\x07\\x0d\\x202e", "  a\nb"]


@pytest.mark.parametrize("cls", errors.WIRE_CLASSES.values())
def test_every_class_crosses_the_wire_as_itself(cls):
    there = from_wire(json.loads(json.dumps(to_wire(cls("message", "hint")))))
    assert type(there) is cls
    assert (there.message, there.hint, there.details()) == ("message", "hint", cls("m").details())
    assert cls.exit_code in (1, 125, 126, 127)
    assert 400 <= cls.http_status < 600


def test_fields_cross_the_wire():
    error = from_wire(to_wire(errors.StepFailed("m", step="mount", errno=13)))
    assert (error.step, error.errno) == ("mount", 13)
    assert from_wire(to_wire(errors.ContainerFailed("m", exit_code=9))).exit_code == 9


@pytest.mark.parametrize("name", ["SystemExit", "", "os.system", None])
def test_a_name_that_is_no_error_of_ours_becomes_the_plain_one(name):
    error = from_wire({"class": name, "message": "m", "hint": None, "details": {"x": 1}})
    assert type(error) is EngineError
    assert error.message == "m"


def test_the_tree_is_at_most_two_deep():
    for cls in errors.WIRE_CLASSES.values():
        assert len([c for c in cls.__mro__ if issubclass(c, EngineError)]) <= 3
