"""Request and answer: what goes through the rings, and the interface that each ring has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from ..values import field, value

Body = bytes | Callable[[], Iterator[bytes]] | None
IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))


@value
class Request:
    """`body` is bytes, or makes its pieces anew for each try; `length` is then their size in bytes.

    `scopes` say what a token must allow.  `once`: it may not be tried again, since a try may have counted.
    Without `follow` a redirect is an answer like any other.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: Body = None
    length: int = 0
    scopes: tuple[str, ...] = ()
    once: bool = False
    follow: bool = True

    @property
    def is_repeatable(self) -> bool:
        """Tell whether a second try does no harm."""
        return self.method in IDEMPOTENT and not self.once


class Answer(Protocol):
    """What came back; `close` it, or read it to its end."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def url(self) -> str: ...

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes of the body, b"" at its end.

        Raises: RegistryUnreachable if the connection breaks.
        """
        ...

    def all(self, limit: int) -> bytes:
        """Return the whole body and close.  Raises: Corrupt beyond `limit` bytes, RegistryUnreachable."""
        ...

    def close(self) -> None:
        """Let go of the body; idempotent."""
        ...


class Ring(Protocol):
    """The wire, or a ring around it."""

    def send(self, request: Request) -> Answer:
        """Send a request and return its answer, whatever its status.

        Raises: EngineError.
        """
        ...
