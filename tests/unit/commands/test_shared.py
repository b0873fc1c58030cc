from __future__ import annotations

import threading

import pytest

from nbcontainer.commands.shared import each
from nbcontainer.commands.table import Edge
from nbcontainer.results import Text
from tests.notes import Notes, do


@pytest.mark.parametrize("verb", ["rm", "stop", "start", "kill", "pause", "volume rm"])
def test_one_that_fails_does_not_keep_the_others_from_their_turn(verb: str) -> None:
    result = do(f"{verb} nope web", Notes())
    assert result.lines == ("web",)
    assert [str(error) for error in result.errors] == ["No such container: nope"]


def test_prune_asks_at_a_terminal_and_only_there() -> None:
    engine = Notes(container_prune=Text(["Total reclaimed space: 0B"]))
    asked: list[str] = []

    def refuse(text: str) -> bool:
        asked.append(text)
        return False

    assert do("container prune", engine, edge=Edge(confirm=refuse)) == Text()
    assert asked == [
        "WARNING! This will remove all stopped containers.\n"
        "Are you sure you want to continue? [y/N] "
    ]
    assert len(do("container prune -f", engine, edge=Edge(confirm=refuse))) == 1
    assert len(do("container prune", engine)) == 1
    assert len(asked) == 1


def test_verbs_that_wait_run_side_by_side_and_answer_in_order() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def act(name: str) -> int:
        # all three must be inside at once, or the barrier breaks
        return barrier.wait()

    assert each(["c", "a", "b"], act, at_once=True) == Text(["c", "a", "b"])
