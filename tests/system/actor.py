"""A process that does what it is told with an engine: one that can be traced, interrupted and killed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.stores import Store

_PROGRAM = """
import json, os, sys, traceback
from nbcontainer import Engine, EngineError
engine = Engine()
for line in sys.stdin:
    try:
        answer = ["done", repr(eval(json.loads(line)))[:200]]
    except EngineError as error:
        answer = ["refused", type(error).__name__, error.message]
    except KeyboardInterrupt:
        answer = ["interrupted"]
    except BaseException as error:
        answer = ["broken", traceback.format_exc()]
    text = json.dumps(answer).encode() + b"\\n"
    while text:
        try:
            text = text[os.write(1, text) :]
        except OSError:
            continue  # an injected error was meant for the verb
"""


class Actor:
    """Evaluates expressions on `engine`, one after the other."""

    def __init__(self, store: Store) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=store.environment,
            text=True,
        )
        self.ask("engine.host.features.linux")

    @property
    def pid(self) -> int:
        return self.process.pid

    def begin(self, expression: str) -> None:
        """Have it evaluated; `answer` returns what came of it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(expression) + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[Any] | None:
        """Return ["done", …], ["refused", class, message], …, or None if it was killed."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def ask(self, expression: str) -> list[Any] | None:
        self.begin(expression)
        return self.answer()

    def __enter__(self) -> Actor:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
