import enum

import pytest

from nbcontainer.errors import StateUnreadable
from nbcontainer.spec.codec import decode, encode
from nbcontainer.values import field, value


class Colour(str, enum.Enum):
    RED = "red"


@value
class Part:
    name: str
    size: int = 0


@value
class Whole:
    parts: tuple[Part, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    colour: Colour | None = None
    ratio: float = 1.0
    on: bool = False


FULL = Whole((Part("a", 2), Part("b")), {"k": "v"}, Colour.RED, 0.5, True)


def test_what_was_encoded_is_decoded_to_the_same_value():
    assert decode(Whole, encode(FULL)) == FULL


def test_what_has_its_default_is_left_out():
    assert encode(Whole()) == {}
    assert encode(Part("a")) == {"name": "a"}


def test_values_become_plain_json():
    assert encode(FULL) == {
        "parts": [{"name": "a", "size": 2}, {"name": "b"}],
        "labels": {"k": "v"},
        "colour": "red",
        "ratio": 0.5,
        "on": True,
    }


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"unknown": 1},
        {"parts": {}},
        {"parts": [1]},
        {"parts": [{}]},
        {"colour": "green"},
        {"on": 1},
        {"ratio": "much"},
        {"labels": []},
    ],
)
def test_another_shape_is_refused(data):
    with pytest.raises(StateUnreadable):
        decode(Whole, data)


def test_a_newer_file_is_read_when_asked_leniently():
    assert decode(Part, {"name": "a", "colour": "red"}, lenient=True) == Part("a")


def test_a_truth_is_no_number():
    with pytest.raises(StateUnreadable, match="expected int, found bool"):
        decode(Part, {"name": "a", "size": True})


def test_a_whole_number_is_a_float_where_one_is_meant():
    assert decode(Whole, {"ratio": 2}).ratio == 2.0
