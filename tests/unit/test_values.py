import pickle

import pytest

from nbcontainer.values import MISSING, field, fields, is_value, replace, value


@value
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)

    @property
    def sum(self):
        return self.x + self.y


@value
class Empty:
    """No field at all."""


def test_fields_are_given_by_position_or_name_and_have_defaults():
    assert (Point(1).y, Point(1, 2).y, Point(y=3, x=1).y) == (0, 2, 3)
    assert Point(1, 2).sum == 3
    assert Empty() == Empty()


def test_a_missing_or_unknown_field_is_an_error_that_names_the_class():
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing .* 'x'"):
        Point()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)


def test_a_factorys_default_is_each_values_own():
    one, two = Point(1), Point(1)
    one.tags.append("a")
    assert two.tags == []


def test_values_compare_and_hash_by_their_fields_and_class():
    @value
    class Other:
        x: int
        y: int = 0
        tags: tuple[str, ...] = ()

    assert Point(1, 2, []) == Point(1, 2)
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert hash(Other(1)) == hash(Other(1))


def test_a_value_cannot_be_changed_and_takes_no_other_name():
    point = Point(1)
    for name in ("x", "z"):
        with pytest.raises(AttributeError, match=f"Point.{name}: a value cannot be changed"):
            setattr(point, name, 5)
    with pytest.raises(AttributeError):
        del point.x
    assert not hasattr(point, "__dict__")


def test_replace_gives_a_new_value_and_leaves_the_old():
    old = Point(1, 2, ["a"])
    assert replace(old, x=5) == Point(5, 2, ["a"])
    assert old.x == 1
    with pytest.raises(TypeError):
        replace(old, z=1)


def test_a_class_of_values_shows_its_fields():
    assert is_value(Point)
    assert not is_value(int)
    assert fields(Point) == (("x", MISSING), ("y", 0), ("tags", []))
    assert repr(Point(1)) == "Point(x=1, y=0, tags=[])"
    match Point(4, 5):
        case Point(x, y):
            assert (x, y) == (4, 5)


def test_values_travel_between_processes():
    assert pickle.loads(pickle.dumps(Point(1, 2, ["a"]))) == Point(1, 2, ["a"])
