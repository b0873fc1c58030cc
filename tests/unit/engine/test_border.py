"""OSErrors leave the engine as errors in words."""

from __future__ import annotations

import errno
import inspect

import pytest

from nbcontainer.engine.border import in_words
from nbcontainer.errors import Denied, EngineError, NoSpace, Unavailable, UsageError


@in_words
class Verbs:
    """What the engine looks like from outside."""

    def fail(self, number: int, path: str = "/store/x") -> None:
        """Fail as Linux does."""
        raise OSError(number, "What Linux says", path)

    def import_(self, value: int) -> int:
        return value + 1

    def _inner(self) -> None:
        raise OSError(errno.EIO, "no")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EROFS, NoSpace),
        (errno.EMFILE, Unavailable),
        (errno.ENOMEM, Unavailable),
        (errno.EACCES, Denied),
        (errno.EIO, EngineError),
    ],
)
def test_each_refusal_has_its_class_and_says_what_was_done(
    number: int, kind: type[EngineError]
) -> None:
    with pytest.raises(EngineError) as caught:
        Verbs().fail(number)
    assert type(caught.value) is kind
    assert caught.value.message.startswith("fail")
    assert isinstance(caught.value.__cause__, OSError)


def test_a_broken_pipe_is_the_callers_to_see() -> None:
    with pytest.raises(BrokenPipeError):
        Verbs().fail(errno.EPIPE)


def test_values_and_signatures_come_through_and_private_methods_are_left_alone() -> None:
    assert Verbs().import_(1) == 2
    assert list(inspect.signature(Verbs.fail).parameters) == ["self", "number", "path"]
    assert Verbs.fail.__doc__ == "Fail as Linux does."
    with pytest.raises(OSError):
        Verbs()._inner()


def test_a_flag_that_a_verb_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="fail: got an unexpected flag 'speed'"):
        Verbs().fail(1, speed=2)
    with pytest.raises(UsageError, match="fail: missing 1 required"):
        Verbs().fail()
    with pytest.raises(TypeError):
        Verbs().import_("x")  # within the verb: a fault of its own
