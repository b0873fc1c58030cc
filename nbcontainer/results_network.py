"""What the verbs about networks return beyond tables: a picture, and a server's answer."""

from __future__ import annotations

from collections.abc import Iterable

from .results import Shown


class Drawing(Shown):
    """A picture: its lines for a terminal, and a static SVG without scripts for a page."""

    __slots__ = ("lines", "picture")

    def __init__(self, lines: Iterable[str], picture: str) -> None:
        self.lines = tuple(lines)
        self.picture = picture

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Fetched(Shown):
    """What a container's server answered.  `include`: status and headers are shown, too."""

    __slots__ = ("body", "headers", "include", "reason", "status", "url")

    def __init__(
        self,
        url: str,
        status: int,
        reason: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        include: bool = False,
    ) -> None:
        self.url = url
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)
        self.body = body
        self.include = include

    @property
    def text(self) -> str:
        """Return the body as text; what is not UTF-8 becomes a replacement character."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Return a header's value, "" if there is none."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else ""

    def __bytes__(self) -> bytes:
        if not self.include:
            return self.body
        lines = [f"HTTP/1.1 {self.status} {self.reason}".rstrip()]
        lines += [f"{key}: {value}" for key, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body

    def __str__(self) -> str:
        return bytes(self).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
