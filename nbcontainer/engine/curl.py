"""curl: one request to a container's server, from within its own network."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgument, Unavailable
from ..results_network import Fetched
from ..runtime import wire
from ..spec.create import words
from ..spec.lifecycle import State
from ..units import parse_duration
from .host import Host
from .reach import from_inside, running

_PATIENCE_S = 30.0
_LARGEST = 64 << 20
_FORM = "application/x-www-form-urlencoded"


class _Limited(socket.socket):
    """A socket on which everything together takes as long as was given, however slowly it comes."""

    __slots__ = ("until_s",)

    until_s: float

    def recv_into(self, *args: Any) -> int:
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left_s)
        return super().recv_into(*args)


def curl(
    host: Host,
    url: str,
    *,
    method: str,
    headers: Any,
    data: Any,
    timeout: str | float,
    include: bool,
) -> Fetched:
    """Ask a container's server from within its own network, whether its port is published or not.

    Raises: ContainerNotFound, WrongStatus, InvalidArgument; Unavailable where nobody answers.
    """
    name, port, path = split(url)
    body = body_of(data)
    sent = headers_of(headers)
    if body is not None and "content-type" not in {key.lower() for key in sent}:
        sent["Content-Type"] = _FORM
    until_s = time.monotonic() + patience_s(timeout)
    container_id, state = running(host, name)
    sock = _Limited(fileno=_dial(host, state, container_id, port).detach())
    sock.until_s = until_s
    sock.settimeout(max(0.001, until_s - time.monotonic()))
    import http.client

    connection = http.client.HTTPConnection(name, port)
    connection.sock = sock
    try:
        connection.request(method or ("POST" if body else "GET"), path, body, sent)
        answer = connection.getresponse()
        content = answer.read(_LARGEST + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"curl: {name}:{port} gave no answer: {error or type(error).__name__}")
    finally:
        connection.close()
    if len(content) > _LARGEST:
        raise Unavailable(f"curl: {name}:{port} answered with more than {_LARGEST >> 20} MiB")
    return Fetched(
        f"http://{name}:{port}{path}",
        answer.status,
        answer.reason,
        answer.getheaders(),
        content,
        include=include,
    )


def split(url: str) -> tuple[str, int, str]:
    """Return (container, port, path) of "http://web:80/path", of which the name alone is needed.

    Raises: InvalidArgument.
    """
    scheme, found, rest = str(url).partition("://")
    if found and scheme.isalnum() and scheme != "http":
        raise InvalidArgument(f"curl: the protocol {scheme} is not supported", "Use http.")
    rest = (rest if scheme == "http" and found else str(url)).partition("#")[0]
    end = min([rest.find(mark) for mark in "/?" if mark in rest], default=len(rest))
    place, path = rest[:end], rest[end:]
    name, colon, number = place.partition(":")
    if not name or (colon and not (number.isascii() and number.isdigit() and len(number) < 6)):
        raise InvalidArgument(f"curl: {url} is no CONTAINER[:PORT][/PATH]")
    port = int(number) if colon else 80
    if not 0 < port < 65536:
        raise InvalidArgument(f"curl: {number} is no port")
    if any(char.isspace() or not char.isprintable() for char in path):
        raise InvalidArgument(f"curl: {path!r} is no path of a URL", "Write %20 for a space.")
    return name, port, _in_ascii(path if path.startswith("/") else f"/{path}")


def _in_ascii(path: str) -> str:
    """Return a path with other letters as %XX of their UTF-8, as browsers send it."""
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in path
    )


def body_of(data: Any) -> bytes | None:
    """Return what is sent: a text, bytes, or the fields of a form.  Raises: InvalidArgument."""
    if data is None or isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, Mapping):
        from urllib.parse import urlencode

        return urlencode(list(data.items()), doseq=True).encode()
    raise InvalidArgument(
        f"curl: data is a text, bytes or a mapping, not {type(data).__name__}",
        "json.dumps makes a text of other values.",
    )


def patience_s(timeout: Any) -> float:
    """Return how long it may take: seconds, or a duration such as "1m30s".  Raises: InvalidArgument."""
    if timeout is None or timeout == "":
        return _PATIENCE_S
    try:
        found = float(timeout)
    except (TypeError, ValueError):
        found = parse_duration(str(timeout))
    if not 0 <= found < 1e9:
        raise InvalidArgument(
            f"curl: invalid timeout: {timeout}", "Write seconds, 0 for the usual."
        )
    return found or _PATIENCE_S


def headers_of(texts: Any) -> dict[str, str]:
    """Return "NAME: VALUE" texts, or a mapping, as a dictionary.  Raises: InvalidArgument."""
    if isinstance(texts, Mapping):
        return {str(name): str(item) for name, item in texts.items()}
    found = {}
    for text in words(texts):
        name, colon, value = text.partition(":" if ":" in text else "=")
        if not colon:
            raise InvalidArgument(f"curl: {text} is no header", "Write NAME: VALUE.")
        found[name.strip()] = value.strip()
    return found


def _dial(host: Host, state: State, container_id: str, port: int) -> socket.socket:
    """Return a socket that is connected to a port of the container, from within its network."""
    made = from_inside(host, state, wire.Dial(port))
    if isinstance(made, str):
        raise Unavailable(
            f"curl: port {port} of container {container_id[:12]}: {made}",
            "`logs` shows whether its server has started.",
        )
    return made
