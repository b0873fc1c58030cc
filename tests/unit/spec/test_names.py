from __future__ import annotations

import random

from nbcontainer.spec.flags_values import check_name
from nbcontainer.spec.names import ADJECTIVES, SURNAMES, random_name


def test_there_are_many_names_and_each_may_be_a_containers() -> None:
    assert len(set(ADJECTIVES)) >= 60
    assert len(set(SURNAMES)) >= 100
    for word in (*ADJECTIVES, *SURNAMES):
        assert check_name(word) == word


def test_a_seed_gives_the_same_names_again() -> None:
    def few() -> list[str]:
        below = random.Random(7).randrange
        return [random_name(below, lambda name: False) for _ in range(5)]

    assert few() == few()


def test_a_digit_is_added_when_names_run_out() -> None:
    taken = {f"{ADJECTIVES[0]}_{SURNAMES[0]}"}
    assert random_name(lambda n: 0, taken.__contains__) == f"{ADJECTIVES[0]}_{SURNAMES[0]}0"
