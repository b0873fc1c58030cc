"""What a registry asks for: WWW-Authenticate, read as RFC 9110 writes it.

Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a:pull"
"""

from __future__ import annotations

import re

from ..values import field, value

_LIMIT = 8192
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_SCHEME = re.compile(rf"\s*,*\s*({_TOKEN})(?:\s+|,|$)")


@value
class Challenge:
    """`scheme` is in lower case; `parameters` have lower-case names."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def parse(header: str) -> tuple[Challenge, ...]:
    """Return the challenges in a header, the first one that fits its grammar onwards; none for nonsense."""
    text, at = header[:_LIMIT], 0
    found: list[Challenge] = []
    while at < len(text):
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            break
        at = scheme.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(text, at)) is not None:
            name, quoted, plain = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            parameters.setdefault(name.lower(), value)
            at = parameter.end()
        found.append(Challenge(scheme.group(1).lower(), parameters))
    return tuple(found)


def choose(header: str) -> Challenge | None:
    """Return the challenge to answer: Bearer before Basic; None if we can answer neither."""
    challenges = parse(header)
    for wanted in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == wanted and (
                wanted != "bearer" or "realm" in challenge.parameters
            ):
                return challenge
    return None
