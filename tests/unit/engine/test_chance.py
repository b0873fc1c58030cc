import time

from nbcontainer.engine.chance import Chance
from nbcontainer.spec.names import random_name


def free(text):
    return False


def test_a_seed_gives_the_same_ids_and_names_in_the_same_order():
    one, two = Chance("lab"), Chance("lab")
    first = [one.new_id(free), random_name(one.below, free), one.new_id(free)]
    assert first == [two.new_id(free), random_name(two.below, free), two.new_id(free)]
    assert len(set(first)) == 3
    assert len(first[0]) == 64


def test_another_seed_gives_others():
    assert Chance("a").new_id(free) != Chance("b").new_id(free)


def test_what_is_taken_is_passed_over():
    taken = {Chance("lab").new_id(free)}
    assert Chance("lab").new_id(taken.__contains__) not in taken


def test_without_a_seed_nothing_repeats():
    chance = Chance()
    assert chance.new_id(free) != chance.new_id(free)
    assert 0 <= chance.below(3) < 3


def test_in_a_lab_all_looks_new_and_images_have_the_labs_own_time():
    lab = Chance("lab")
    assert lab.seen_ns(5, 9, 7) == 9
    assert lab.seen_ns() == 0
    first, second = lab.stamp_ns(), lab.stamp_ns()
    assert first < second
    assert Chance("lab").stamp_ns() == first


def test_outside_a_lab_time_is_time():
    before = time.time_ns()
    assert before <= Chance().stamp_ns() <= Chance().seen_ns(before * 2) <= time.time_ns()
