"""Python expressions in a magic's line: what {name} stands for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ..errors import UsageError
from .words import Evaluate, Unknown


def evaluator(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> Evaluate:
    """Return a function that gives the value of an expression over the user's names.

    An expression that uses none of them is left to the container's shell ({1..3}, {print}, {}); so is
    what Python cannot parse.  `hidden` are names that IPython put there itself.
    """

    def evaluate(text: str) -> Any:
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise Unknown(text) from None
        # {a,b} is the shell's brace expansion; (a, b) is Python's tuple
        if isinstance(tree.body, ast.Tuple) and not text.strip().startswith("("):
            raise Unknown(text)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if not any(name in namespace and name not in hidden for name in names):
            raise Unknown(text)
        try:
            return eval(compile(tree, "<cont>", "eval"), dict(namespace))
        except NameError:
            raise Unknown(text) from None
        except Exception as error:
            raise UsageError(
                f"{{{text}}} has no value: {type(error).__name__}: {error}",
                "Write \\{ to keep the brace as it is.",
            ) from error

    return evaluate
