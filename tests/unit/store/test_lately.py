"""A memory of the last things."""

import time

from nbcontainer.store.lately import Lately


def test_what_happened_since_a_moment_is_told():
    lately = Lately()
    lately.note("old")
    time.sleep(0.002)
    moment = time.time_ns()
    lately.note("new")
    assert lately.since(moment) == {"new"}
    lately.note("old")
    assert lately.since(moment) == {"new", "old"}


def test_only_the_last_are_kept():
    lately = Lately(most=3)
    for number in range(5):
        lately.note(number)
    lately.note(2)  # again: it is the last now
    lately.note(5)
    assert lately.since(0) == {2, 4, 5}
