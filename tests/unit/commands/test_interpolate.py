import pytest

from nbcontainer.commands.interpolate import evaluator
from nbcontainer.commands.words import Unknown
from nbcontainer.errors import UsageError


def test_an_expression_is_evaluated_over_the_users_names():
    evaluate = evaluator({"a": 2, "f": lambda n: n * 10}, {})
    assert evaluate("f(a) + 1") == 21
    assert evaluate("[n for n in range(a)]") == [0, 1]
    assert evaluate(" (a, a) ") == (2, 2)


@pytest.mark.parametrize("text", ["", "1", "'x'", "print", "b", "a b", "a,a", "a:>3", "(" * 3000])
def test_what_is_no_expression_of_the_users_names_is_left_alone(text):
    with pytest.raises(Unknown):
        evaluator({"a": 1}, {})(text)


def test_names_that_ipython_put_there_do_not_count():
    with pytest.raises(Unknown):
        evaluator({"exit": 1}, {"exit": 1})("exit")


def test_evaluating_changes_nothing_of_the_users():
    names = {"a": 1}
    evaluator(names, {})("(b := a)")
    assert names == {"a": 1}


def test_an_error_names_the_expression_and_what_went_wrong():
    with pytest.raises(UsageError, match=r"\{a\['k'\]\} has no value: KeyError"):
        evaluator({"a": {}}, {})("a['k']")
