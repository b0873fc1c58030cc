from __future__ import annotations

from nbcontainer.spec.create import FLAGS, UNSUPPORTED
from nbcontainer.spec.create_flags import CreateFlags


def test_the_names_that_are_checked_are_those_that_are_typed() -> None:
    assert set(CreateFlags.__annotations__) == FLAGS
    assert not FLAGS & UNSUPPORTED
