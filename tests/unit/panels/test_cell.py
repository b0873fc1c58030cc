import time

from nbcontainer.errors import Unavailable
from nbcontainer.panels.cell import CellWatch, hooks
from nbcontainer.spec.changed import Changed, ContainerChange
from tests.unit.panels.test_follower import Source, start


class Engine:
    def __init__(self, found=None):
        self.source = Source()
        self.found = found or Changed((ContainerChange("web", did=("start",)),))
        self.asked = []

    def follow(self):
        return self.source

    def changed(self, events, since_ns):
        self.asked.append((len(events), since_ns))
        return self.found


def test_a_cell_that_touched_a_container_says_it_in_a_line():
    watch, engine = CellWatch(), Engine()
    before = time.time_ns()
    watch.begin(engine)
    engine.source.happen(start(), start())
    found = watch.end()
    assert found.summary == "This cell: web started"
    assert found.data is engine.found
    assert engine.asked[0][0] == 2
    assert engine.asked[0][1] >= before
    assert engine.source.closed.is_set()


def test_a_cell_in_which_nothing_happened_says_nothing_and_costs_next_to_nothing():
    watch, engine = CellWatch(), Engine()
    began = time.perf_counter()
    watch.begin(engine)
    assert watch.end() is None
    assert time.perf_counter() - began < 0.01
    assert engine.asked == []


def test_a_cell_that_is_forgotten_says_nothing():
    watch, engine = CellWatch(), Engine()
    watch.begin(engine)
    engine.source.happen(start())
    watch.forget()
    watch.forget()
    assert watch.end() is None
    assert engine.source.closed.is_set()


def test_what_amounts_to_nothing_is_not_said():
    watch, engine = CellWatch(), Engine(Changed())
    engine.found = Changed()
    watch.begin(engine)
    engine.source.happen(start())
    assert watch.end() is None


def test_a_store_that_cannot_be_opened_has_nothing_to_tell():
    class Broken:
        def follow(self):
            raise Unavailable("no")

    watch = CellWatch()
    watch.begin(Broken())
    assert watch.end() is None


def test_the_hooks_ask_for_an_engine_that_is_there():
    watch, engine, shown = CellWatch(), Engine(), []
    made = []
    before, after = hooks(watch, lambda: made[0] if made else None, shown.append)
    before(None)
    after(None)
    assert shown == []
    made.append(engine)
    before(None)
    engine.source.happen(start())
    after(None)
    assert [found.summary for found in shown] == ["This cell: web started"]
