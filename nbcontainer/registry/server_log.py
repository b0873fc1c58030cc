"""What our registry was asked, in words: one JSON line a request, and what it means.

The words are for those who see a registry at work for the first time: which step of a pull or a push
this was.  No header and no query is ever written: they hold credentials.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from ..values import value

LIMIT_BYTES = 8 << 20


@value
class Entry:
    """One request.  `path` is without its query, `received` and `sent` are bytes of bodies."""

    time_ns: int
    client: str
    method: str
    path: str
    what: str
    status: int
    received: int
    sent: int
    seconds: float
    means: str

    def to_json(self) -> dict[str, Any]:
        return {
            "time": self.time_ns,
            "client": self.client,
            "method": self.method,
            "path": self.path,
            "what": self.what,
            "status": self.status,
            "received": self.received,
            "sent": self.sent,
            "seconds": round(self.seconds, 6),
            "means": self.means,
        }


class Log:
    """Appends to a file, which is begun anew when it has become long."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, entry: Entry) -> None:
        """Write one line.  A full disk loses the line, not the answer."""
        line = (json.dumps(entry.to_json(), ensure_ascii=True) + "\n").encode()
        with self._lock:
            try:
                fd = os.open(
                    self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
                )
                try:
                    if os.fstat(fd).st_size > LIMIT_BYTES:
                        os.ftruncate(fd, 0)
                    os.write(fd, line)
                finally:
                    os.close(fd)
            except OSError:
                return


def read(path: str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the entries after `offset`, and where the next ones begin."""
    try:
        with open(path, "rb") as file:
            if file.seek(0, os.SEEK_END) < offset:
                offset = 0  # it was begun anew
            file.seek(offset)
            data = file.read(2 * LIMIT_BYTES)
    except FileNotFoundError:
        return [], 0
    whole = data[: data.rfind(b"\n") + 1]
    found = []
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found, offset + len(whole)


def words(kind: str, name: str, reference: str) -> str:
    """Return what a path speaks of."""
    short = reference.partition(":")[2][:12] if ":" in reference else reference
    if kind == "manifest":
        return f"manifest {name}@{short}" if ":" in reference else f"manifest {name}:{reference}"
    if kind == "blob":
        return f"blob {short} of {name}"
    if kind == "uploads":
        return f"new upload to {name}"
    if kind == "upload":
        return f"upload {reference[:8]} to {name}"
    named = {
        "ping": "is this a registry?",
        "catalog": "list of repositories",
        "token": "token",
        "tags": f"tags of {name}",
        "referrers": f"what refers to {short} of {name}",
    }
    return named.get(kind, "")


_MEANINGS = {
    ("ping", "GET", 200): "yes, and you may come in",
    ("token", "GET", 200): "a token for what was asked",
    ("catalog", "GET", 200): "all repositories",
    ("tags", "GET", 200): "all tags",
    ("referrers", "GET", 200): "all that refers to it",
    ("manifest", "HEAD", 200): "it is here: the digest tells whether it changed",
    ("manifest", "GET", 200): "the table of contents: a config and layers by digest",
    ("manifest", "PUT", 201): "everything it lists is here: the image is complete",
    ("manifest", "DELETE", 202): "gone; its blobs stay until a clean-up",
    ("blob", "HEAD", 200): "it is here already: no need to send it",
    ("blob", "HEAD", 404): "it is missing here: it will be sent",
    ("blob", "GET", 200): "a config or a layer, whole",
    ("blob", "GET", 206): "the rest of a layer: a download goes on where it was cut",
    ("blob", "DELETE", 202): "gone from this repository",
    ("uploads", "POST", 201): "shared with another repository here: no byte travels",
    ("uploads", "POST", 202): "go on at this address",
    ("upload", "GET", 204): "so many bytes arrived: an upload goes on where it was cut",
    ("upload", "PATCH", 202): "bytes of a blob arrive",
    ("upload", "PUT", 201): "the blob is complete, and its digest is right",
    ("upload", "DELETE", 204): "the upload is given up",
}
_BY_STATUS = {
    400: "refused: it is not what it says it is",
    401: "who is there? an account or a token is asked for",
    403: "refused: this may only be read",
    404: "there is none",
    405: "refused: this is not offered",
    413: "refused: it is longer than a manifest may be",
    416: "refused: that is not where it goes on",
    429: "refused: too many; it says when to come back",
    507: "the registry's disk is full",
}


def meaning(kind: str, method: str, status: int) -> str:
    """Return which step of a pull or a push this was."""
    known = _MEANINGS.get((kind, method, status))
    return known or _BY_STATUS.get(status, "an error of the registry" if status >= 500 else "")
