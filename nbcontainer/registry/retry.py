"""The ring that tries again: only what may be repeated, and no longer than a person would wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ..errors import RegistryUnreachable
from ..values import value
from .answers import retry_after
from .exchange import Answer, Request, Ring

# what the next try may get past; 429 counts only where the registry says when
_PASSING = (408, 500, 502, 503, 504)


@value
class Policy:
    """How often to try, and how long to wait in all."""

    tries: int = 5
    first_s: float = 0.3
    longest_s: float = 8.0
    budget_s: float = 30.0


class Retry:
    """Sends a request until it is answered, or it is clear that it will not be."""

    def __init__(
        self, inner: Ring, policy: Policy | None = None, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._inner = inner
        self._policy = policy or Policy()
        self._wait = wait

    def send(self, request: Request) -> Answer:
        """Send; the last answer or error is the one that is told."""
        left_s = self._policy.budget_s
        for tried in range(1, self._policy.tries + 1):
            is_last = tried == self._policy.tries
            try:
                answer = self._inner.send(request)
            except RegistryUnreachable as error:
                if is_last or not request.is_repeatable or not _may_pass(error):
                    raise
                pause_s = self._pause_s(tried)
                if pause_s > left_s:
                    raise
            else:
                said_s = self._asked_to_wait(request, answer, tried)
                if said_s is None or is_last or said_s > left_s:
                    return answer
                answer.close()
                pause_s = said_s
            left_s -= pause_s
            self._wait(pause_s)
        raise AssertionError("the last try returns or raises")

    def _pause_s(self, tried: int) -> float:
        # jitter: twenty notebooks that lost a registry together do not come back together
        longest = min(self._policy.first_s * 2.0 ** (tried - 1), self._policy.longest_s)
        return float(longest * (0.5 + random.random() / 2))

    def _asked_to_wait(self, request: Request, answer: Answer, tried: int) -> float | None:
        """Return how long to wait before the next try, None where there is none to be made."""
        said_s = retry_after(answer.headers, time.time())
        if answer.status == 429:
            # it was not carried out, so it may be repeated whatever it was; a stream is made anew
            return said_s
        if answer.status not in _PASSING or not request.is_repeatable:
            return None
        return self._pause_s(tried) if said_s is None else said_s


def _may_pass(error: RegistryUnreachable) -> bool:
    """Tell whether it may be different in a moment: a name that is not there, or bad TLS, will not be."""
    final = (
        "no such host",
        "x509:",
        "tls:",
        "connection refused",
        "proxyconnect",
        "server gave HTTP response",
        "no such file",
    )
    return not any(words in error.message for words in final)
