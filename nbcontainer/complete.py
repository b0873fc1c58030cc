"""Tab in a %cont line, as an IPython matcher.

IPython splits words at `:`, `@` and `=`, so the line up to the cursor is read here with the same code
that reads a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

Matcher = Callable[[CompletionContext], SimpleMatcherResult]
IDENTIFIER = "nbcontainer.cont"
_LINE = re.compile(r"^\s*(?:[\w.,\[\]'\" ]+=\s*)?%{1,2}cont\s(.*)$", re.DOTALL)


def matcher(engine: Callable[[], Any]) -> Matcher:
    """Return the matcher; `engine` is called only where names of objects may stand."""

    def cont_matcher(context: CompletionContext) -> SimpleMatcherResult:
        match = _LINE.match(context.text_until_cursor)
        if match is None:
            return {"completions": [], "suppress": False}
        from .commands import partial, words

        before, typed = words.split_partial(match.group(1))
        found, fragment = partial.propose(before, typed, engine)
        return {
            "completions": [SimpleCompletion(text=p.text, type=p.type) for p in found],
            "matched_fragment": fragment,
            # nothing of Python's belongs in a command line
            "suppress": True,
        }

    decorate: Any = context_matcher(identifier=IDENTIFIER, priority=100)
    made: Matcher = decorate(cont_matcher)
    return made


def load(shell: Any, engine: Callable[[], Any]) -> None:
    """Add the matcher to the shell's completer; a second time changes nothing."""
    unload(shell)
    shell.Completer.custom_matchers.append(matcher(engine))


def unload(shell: Any) -> None:
    """Take the matcher away."""
    kept = shell.Completer.custom_matchers
    kept[:] = [m for m in kept if getattr(m, "matcher_identifier", "") != IDENTIFIER]
