"""A server that answers what a test says: hostile and broken registries."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket = field(repr=False)

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


# status, headers, and a body: bytes, or pieces; None: the connection is cut at once
Answer = tuple[int, dict[str, str], "bytes | Iterator[bytes]"] | None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


@contextlib.contextmanager
def scripted(answer: Callable[[Call], Answer]) -> Iterator[str]:
    """Serve `answer` on loopback; yield the host.  Pieces of a body that end early cut the connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            return

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            headers = {key.lower(): value for key, value in self.headers.items()}
            told = answer(Call(self.command, self.path, headers, body, self.connection))
            if told is None:
                self.close_connection = True
                cut(self.connection)
                return
            status, more, content = told
            self.send_response(status)
            for key, value in more.items():
                self.send_header(key, value)
            if isinstance(content, bytes) and "Content-Length" not in more and status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if isinstance(content, bytes):
                self.wfile.write(content)
                return
            self.close_connection = True
            try:
                for piece in content:
                    self.wfile.write(piece)
            except OSError:
                pass

        do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _serve

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def cut(connection: socket.socket) -> None:
    """Have the connection end with a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
