"""The engine's border: what Linux refuses in the middle of a verb leaves it as an error in words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import UsageError
from ..store.files import refused

T = TypeVar("T")


def in_words(cls: type[T]) -> type[T]:
    """Have the public methods of a class raise EngineError for each OSError but a broken pipe.

    Who writes to a pipe is told by BrokenPipeError that nobody reads, and may end quietly.
    """
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and callable(method):
            setattr(cls, name, _in_words(method))
    return cls


def _in_words(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **named: Any) -> Any:
        try:
            return method(*args, **named)
        except BrokenPipeError:
            raise
        except TypeError as error:
            # of the call itself: what is wrong within a verb is a fault of ours
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            words = str(error).partition("() ")[2].replace("keyword argument", "flag")
            raise UsageError(f"{method.__name__.rstrip('_')}: {words}") from None
        except OSError as error:
            raise refused(error, method.__name__.rstrip("_").replace("_", " ")) from error

    return call
