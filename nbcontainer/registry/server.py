"""A small registry: the OCI distribution-spec over the standard library's HTTP server, a thread a client.

    pull                 manifests and blobs, whole or by range
    push                 uploads in one piece, by ranges, or in HTTP's chunks; mounts between repositories
    content discovery    tags and repositories in pages, referrers
    content management   delete of tags, manifests, blobs

What it does not have may come from a `Source`: the engine's built-in images stand there as library/*.
It is for labs and tests: it listens on loopback only, and keeps no promise beyond a killed process.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from ..spec.digest import Digest
from ..values import value
from . import server_log
from .server_auth import Guard
from .server_routes import Call, Reply, Routes, failure
from .server_storage import Storage, Stored, Wrong

_CHUNK = 1 << 20
_IDLE_S = 120.0
_LINE = 1024


class Source(Protocol):
    """Images that are not in the folder; asked only for what the folder lacks."""

    def repositories(self) -> list[str]:
        """Return the names under which there are images."""
        ...

    def tags(self, name: str) -> list[str]:
        """Return the tags of a repository, [] where there is none."""
        ...

    def manifest(self, name: str, reference: str) -> Stored | None:
        """Return a manifest by tag or digest."""
        ...

    def blob(self, name: str, digest: Digest) -> str | None:
        """Return the file that holds a blob."""
        ...


@value
class Rules:
    """`rate_limit`: so many manifests may be read in `window_s` seconds, 0 for any number."""

    readonly: bool = False
    rate_limit: int = 0
    window_s: float = 60.0


class Limit:
    """Counts reads of manifests, as Docker Hub does."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._clock = clock
        self._reads: list[float] = []

    def headers(self) -> dict[str, str]:
        """Return what a client may know of its limit."""
        if not self._rules.rate_limit:
            return {}
        window = round(self._rules.window_s)
        left = max(0, self._rules.rate_limit - len(self._reads))
        return {
            "ratelimit-limit": f"{self._rules.rate_limit};w={window}",
            "ratelimit-remaining": f"{left};w={window}",
        }

    def count(self) -> float | None:
        """Count one read; return how long to wait where it is one too many."""
        if not self._rules.rate_limit:
            return None
        now = self._clock()
        self._reads = [moment for moment in self._reads if moment > now - self._rules.window_s]
        if len(self._reads) >= self._rules.rate_limit:
            return self._reads[0] + self._rules.window_s - now
        self._reads.append(now)
        return None


@value
class Parts:
    """What a server is made of."""

    storage: Storage
    guard: Guard
    rules: Rules
    log: server_log.Log
    limit: Limit
    source: Source | None = None


class Server(ThreadingHTTPServer):
    """Listens on loopback; port 0 takes a free one.  `server_port` says which."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, parts: Parts, port: int = 0, host: str = "127.0.0.1") -> None:
        self.parts = parts
        self.routes = Routes(parts.storage, parts.source, parts.rules.readonly)
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left."""


_PATHS = (
    ("ping", re.compile(r"/v2/?")),
    ("token", re.compile(r"/token")),
    ("catalog", re.compile(r"/v2/_catalog")),
    ("tags", re.compile(r"/v2/(?P<name>.+)/tags/list")),
    ("manifest", re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)")),
    ("uploads", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/?")),
    ("upload", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<reference>[^/]+)")),
    ("blob", re.compile(r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)")),
    ("referrers", re.compile(r"/v2/(?P<name>.+)/referrers/(?P<reference>[^/]+)")),
)


def _route(path: str) -> tuple[str, str, str]:
    for kind, pattern in _PATHS:
        match = pattern.fullmatch(path)
        if match is not None:
            found = match.groupdict()
            return kind, found.get("name", ""), found.get("reference", "")
    return "", "", ""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "nbcontainer-registry"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the log has its own form."""

    def _serve(self) -> None:
        began, moment = time.perf_counter(), time.time_ns()
        split = urlsplit(self.path)
        kind, name, reference = _route(split.path)
        self._body = _Body(self.headers, self.rfile)
        call = Call(
            kind,
            self.command,
            name,
            reference,
            dict(parse_qsl(split.query)),
            {key.lower(): text for key, text in self.headers.items()},
            self._body.pieces,
        )
        try:
            reply = self._answer(call, split.query)
        except Wrong as wrong:
            reply = failure(wrong)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
            return
        except OSError as error:
            reply = failure(_lacking(error))
        sent = 0 if self.command == "HEAD" else reply.length
        # before the answer: who has it finds its request in the log
        self.server.parts.log.add(
            server_log.Entry(
                moment,
                self.headers.get("User-Agent", "").partition(" ")[0][:40],
                self.command,
                split.path[:300],
                server_log.words(kind, name, reference),
                reply.status,
                self._body.received,
                sent,
                time.perf_counter() - began,
                server_log.meaning(kind, self.command, reply.status),
            )
        )
        self._send(reply)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

    def _answer(self, call: Call, query: str) -> Reply:
        guard, authorization = self.server.parts.guard, self.headers.get("Authorization", "")
        if not call.kind:
            raise Wrong("UNSUPPORTED", 404, "no such address")
        if call.kind == "token":
            return Reply.document(*guard.token(authorization, query))
        host = self.headers.get("Host", "127.0.0.1")
        verdict = guard.judge(authorization, host, call.scope)
        if not verdict.may:
            reply = failure(Wrong("UNAUTHORIZED", 401, "authentication required"))
            return reply.having({"WWW-Authenticate": verdict.challenge})
        if call.kind != "manifest" or call.method != "GET":
            return self.server.routes.answer(call)
        limit = self.server.parts.limit
        wait_s = limit.count()
        if wait_s is not None:
            reply = failure(Wrong("TOOMANYREQUESTS", 429, "You have reached your pull rate limit."))
            return reply.having({"Retry-After": str(int(wait_s) + 1), **limit.headers()})
        return self.server.routes.answer(call).having(limit.headers())

    def _send(self, reply: Reply) -> None:
        try:
            # a body that nobody read would be taken for the next request
            self._body.drain()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        self.send_response(reply.status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        for key, text in reply.headers.items():
            self.send_header(key, text)
        if "Content-Length" not in reply.headers and reply.status != 204:
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(reply.body)
        self.wfile.flush()
        if reply.path and reply.length:
            with open(reply.path, "rb") as file:
                self.connection.sendfile(file, reply.start, reply.length)


def _lacking(error: OSError) -> Wrong:
    """Return what a client is told where this host cannot keep or give what it should."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Wrong("UNKNOWN", 507, "no space left on device")
    return Wrong("UNKNOWN", 500, (error.strerror or "unknown error").lower())


class _Body:
    """A request's body, by its length or in HTTP's chunks."""

    def __init__(self, headers: Any, stream: Any) -> None:
        self._stream = stream
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        length = headers.get("Content-Length", "0")
        size = int(length) if length.isascii() and length.isdigit() else 0
        # one for all who read: who gave up in the middle leaves the rest, not the whole
        self._rest = self._chunks() if chunked else self._exactly(size)
        self.received = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield what comes.  Raises: ConnectionError if it is cut."""
        for piece in self._rest:
            self.received += len(piece)
            yield piece

    def drain(self) -> None:
        """Read what is left, however much: a client that still sends would never see its answer."""
        for _ in self.pieces():
            pass

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._stream.read1(min(count, _CHUNK))
            if not piece:
                raise ConnectionError("the client left")
            count -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            line = self._stream.readline(_LINE)
            try:
                size = int(line.partition(b";")[0].strip(), 16)
            except ValueError:
                raise ConnectionError("the client left") from None
            if size == 0:
                while self._stream.readline(_LINE).strip():
                    pass
                return
            yield from self._exactly(size)
            self._stream.readline(_LINE)
