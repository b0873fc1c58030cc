"""What our registry answers: a call in, a reply out; no sockets here.  See: OCI distribution-spec 1.1."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Corrupt, EngineError
from ..spec.descriptor import INDEXES, MANIFESTS, OCI_INDEX
from ..spec.digest import Digest, sha256
from ..spec.document import DOCUMENT_LIMIT_BYTES
from ..values import field, replace, value
from .server_storage import Storage, Stored, Wrong

if TYPE_CHECKING:
    from .server import Source

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_PAGE = 1000
_READS = ("GET", "HEAD")


@value
class Call:
    """A request: what it speaks of, and its body's pieces."""

    kind: str
    method: str
    name: str
    reference: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pieces: Callable[[], Iterator[bytes]]

    @property
    def scope(self) -> str:
        """What a token must allow for it."""
        if self.kind == "catalog":
            return "registry:catalog:*"
        if not self.name:
            return ""
        deletes = self.method == "DELETE" and self.kind != "upload"
        reads = self.method in _READS and self.kind != "upload"
        actions = "pull" if reads else "delete" if deletes else "pull,push"
        return f"repository:{self.name}:{actions}"


@value
class Reply:
    """A status, headers and a body: bytes, or `length` bytes of a file from `start` on."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: str = ""
    start: int = 0
    length: int = 0

    @classmethod
    def document(cls, status: int, data: Any, media_type: str = "application/json") -> Reply:
        body = json.dumps(data).encode()
        return cls(status, {"Content-Type": media_type}, body, length=len(body))

    def having(self, headers: Mapping[str, str]) -> Reply:
        """Return the reply with more headers."""
        return replace(self, headers={**self.headers, **headers})


def failure(wrong: Wrong) -> Reply:
    """Return the reply that says what was wrong, in the specification's form."""
    told = {"errors": [{"code": wrong.code, "message": wrong.message, "detail": None}]}
    return Reply.document(wrong.status, told).having(wrong.headers)


class Routes:
    """Answers calls from a folder, and from a source for what the folder lacks."""

    def __init__(self, storage: Storage, source: Source | None, readonly: bool) -> None:
        self._storage = storage
        self._source = source
        self._readonly = readonly
        self._table: dict[str, Callable[[Call], Reply]] = {
            "ping": lambda call: Reply.document(200, {}),
            "catalog": self._catalog,
            "tags": self._tags,
            "manifest": self._manifest,
            "blob": self._blob,
            "uploads": self._uploads,
            "upload": self._upload,
            "referrers": self._referrers,
        }

    def answer(self, call: Call) -> Reply:
        """Return the reply.  Raises: Wrong."""
        if call.name and (not _NAME.fullmatch(call.name) or len(call.name) > 255):
            raise Wrong("NAME_INVALID", 400, "invalid repository name")
        if self._readonly and call.method not in _READS:
            raise Wrong("DENIED", 403, "this registry may only be read")
        if call.kind in ("ping", "catalog", "tags", "referrers") and call.method not in _READS:
            raise Wrong("UNSUPPORTED", 405, "the operation is unsupported")
        return self._table[call.kind](call)

    # lists

    def _catalog(self, call: Call) -> Reply:
        names = set(self._storage.repositories())
        if self._source is not None:
            names.update(self._source.repositories())
        return _page(call, "repositories", sorted(names), {}, "/v2/_catalog")

    def _tags(self, call: Call) -> Reply:
        tags = set(self._storage.tags(call.name))
        if self._source is not None:
            tags.update(self._source.tags(call.name))
        if not tags and not self._storage.is_known(call.name):
            raise Wrong("NAME_UNKNOWN", 404, "repository name not known to registry")
        path = f"/v2/{call.name}/tags/list"
        return _page(call, "tags", sorted(tags), {"name": call.name}, path)

    def _referrers(self, call: Call) -> Reply:
        found = self._storage.referrers(call.name, _digest(call.reference))
        wanted, headers = call.query.get("artifactType"), {}
        if wanted:
            found = [one for one in found if one.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        return Reply.document(200, index, OCI_INDEX).having(headers)

    # manifests

    def _manifest(self, call: Call) -> Reply:
        if ":" in call.reference:
            _digest(call.reference)
        elif not _TAG.fullmatch(call.reference):
            raise Wrong("TAG_INVALID", 400, "invalid tag")
        if call.method == "PUT":
            return self._put_manifest(call)
        if call.method == "DELETE":
            self._storage.delete_manifest(call.name, call.reference)
            return Reply(202)
        if call.method not in _READS:
            raise Wrong("UNSUPPORTED", 405, "the operation is unsupported")
        stored = self._find(call.name, call.reference)
        headers = {
            "Content-Type": stored.media_type,
            "Docker-Content-Digest": stored.digest,
            "Etag": f'"{stored.digest}"',
        }
        return Reply(200, headers, stored.data, length=len(stored.data))

    def _find(self, name: str, reference: str) -> Stored:
        try:
            return self._storage.manifest(name, reference)
        except Wrong:
            found = None
            if self._source is not None:
                try:
                    found = self._source.manifest(name, reference)
                except EngineError as error:
                    raise Wrong("MANIFEST_UNKNOWN", 404, error.message) from None
            if found is None:
                raise
            return found

    def _put_manifest(self, call: Call) -> Reply:
        data = _gather(call)
        media_type = call.headers.get("content-type", "").partition(";")[0].strip()
        document = _document(data, media_type)
        is_digest = ":" in call.reference
        digest = sha256(data) if not is_digest else _digest(call.reference)
        if is_digest and digest != _hash(data, digest.algorithm):
            raise Wrong("DIGEST_INVALID", 400, "provided digest did not match uploaded content")
        self._require(call.name, document)
        stored = Stored(media_type, digest, data)
        self._storage.put_manifest(call.name, stored, "" if is_digest else call.reference)
        headers = {
            "Location": f"/v2/{call.name}/manifests/{digest}",
            "Docker-Content-Digest": digest,
        }
        subject = document.get("subject")
        if isinstance(subject, dict):
            of = _digest(str(subject.get("digest")))
            self._storage.add_referrer(call.name, of, _descriptor(document, stored))
            headers["OCI-Subject"] = of
        return Reply(201, headers)

    def _require(self, name: str, document: dict[str, Any]) -> None:
        """Refuse a manifest whose parts are not here."""
        for entry in document.get("manifests") or ():
            try:
                self._find(name, _digest(_text(entry, "digest")))
            except Wrong:
                raise Wrong("MANIFEST_BLOB_UNKNOWN", 400, "manifest unknown to registry") from None
        config = document.get("config")
        for entry in (*([config] if config else ()), *(document.get("layers") or ())):
            if isinstance(entry, dict) and entry.get("urls"):
                continue  # kept elsewhere
            if self._blob_file(name, _digest(_text(entry, "digest"))) is None:
                digest = _text(entry, "digest")
                raise Wrong("MANIFEST_BLOB_UNKNOWN", 400, f"blob unknown to registry: {digest}")

    # blobs

    def _blob_file(self, name: str, digest: Digest) -> str | None:
        if self._storage.has_blob(name, digest):
            return self._storage.blob_path(digest)
        return self._source.blob(name, digest) if self._source is not None else None

    def _blob(self, call: Call) -> Reply:
        digest = _digest(call.reference)
        if call.method == "DELETE":
            self._storage.delete_blob(call.name, digest)
            return Reply(202)
        if call.method not in _READS:
            raise Wrong("UNSUPPORTED", 405, "the operation is unsupported")
        path = self._blob_file(call.name, digest)
        if path is None:
            raise Wrong("BLOB_UNKNOWN", 404, "blob unknown to registry")
        size = os.stat(path).st_size
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Accept-Ranges": "bytes",
            "Etag": f'"{digest}"',
        }
        wanted = call.headers.get("range", "")
        if not wanted or call.method == "HEAD":
            return Reply(200, headers, path=path, length=size)
        span = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted)
        if span is None or span.groups() == ("", ""):
            return Reply(200, headers, path=path, length=size)  # as RFC 9110 asks
        first, last = span.groups()
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            whole = {"Content-Range": f"bytes */{size}"}  # RFC 9110, 15.5.17
            raise Wrong("RANGE_INVALID", 416, "the blob has no such bytes", whole)
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        return Reply(206, headers, path=path, start=start, length=end - start + 1)

    # uploads

    def _uploads(self, call: Call) -> Reply:
        if call.method != "POST":
            raise Wrong("UNSUPPORTED", 405, "the operation is unsupported")
        mount = call.query.get("mount")
        if mount:
            digest, source = _digest(mount), call.query.get("from", "")
            if _NAME.fullmatch(source) and self._mount(call.name, digest, source):
                return _made(call.name, digest)
        upload = self._storage.begin()
        if "digest" in call.query:
            self._storage.add(upload, None, call.pieces())
            return self._finish(call, upload)
        return self._status(202, call.name, upload)

    def _mount(self, name: str, digest: Digest, source: str) -> bool:
        if self._storage.mount(name, digest, source):
            return True
        path = self._source.blob(source, digest) if self._source is not None else None
        if path is None:
            return False
        self._storage.adopt(name, digest, path)
        return True

    def _upload(self, call: Call) -> Reply:
        upload = call.reference
        if call.method == "GET":
            return self._status(204, call.name, upload)
        if call.method == "DELETE":
            self._storage.cancel(upload)
            return Reply(204)
        if call.method not in ("PATCH", "PUT"):
            raise Wrong("UNSUPPORTED", 405, "the operation is unsupported")
        try:
            start = _start(call.headers.get("content-range", ""))
            self._storage.add(upload, start, call.pieces())
        except Wrong as wrong:
            if wrong.status != 416:
                raise
            # says where it goes on, as the specification asks
            return failure(wrong).having(self._status(416, call.name, upload).headers)
        if call.method == "PATCH":
            return self._status(202, call.name, upload)
        return self._finish(call, upload)

    def _finish(self, call: Call, upload: str) -> Reply:
        digest = _digest(call.query.get("digest", ""))
        self._storage.finish(call.name, upload, digest)
        return _made(call.name, digest)

    def _status(self, status: int, name: str, upload: str) -> Reply:
        size = self._storage.progress(upload)
        headers = {
            "Location": f"/v2/{name}/blobs/uploads/{upload}",
            "Range": f"0-{max(0, size - 1)}",
            "Docker-Upload-UUID": upload,
        }
        return Reply(status, headers)


def _made(name: str, digest: Digest) -> Reply:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Reply(201, dict(headers))


def _page(call: Call, key: str, names: list[str], rest: dict[str, str], path: str) -> Reply:
    count, last = call.query.get("n", ""), call.query.get("last", "")
    if count and not (count.isascii() and count.isdigit()):
        raise Wrong("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested")
    size = min(int(count), _PAGE) if count and len(count) < 10 else _PAGE
    left = [name for name in names if name > last] if last else names
    shown = left[:size]
    reply = Reply.document(200, {**rest, key: shown})
    if shown and len(left) > len(shown):
        return reply.having({"Link": f'<{path}?n={size}&last={shown[-1]}>; rel="next"'})
    return reply


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except Corrupt:
        raise Wrong("DIGEST_INVALID", 400, "provided digest did not match the grammar") from None


def _hash(data: bytes, algorithm: str) -> str:
    import hashlib

    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def _start(text: str) -> int | None:
    """Return where a piece of an upload belongs, None where its sender does not say."""
    if not text:
        return None
    span = re.fullmatch(r"(?:bytes[ =])?(\d{1,18})-(\d{1,18})(?:/.*)?", text)
    if span is None:
        raise Wrong("RANGE_INVALID", 416, "invalid range")
    return int(span.group(1))


def _gather(call: Call) -> bytes:
    parts, size = [], 0
    for piece in call.pieces():
        size += len(piece)
        if size > DOCUMENT_LIMIT_BYTES:
            raise Wrong("SIZE_INVALID", 413, f"a manifest has at most {DOCUMENT_LIMIT_BYTES} bytes")
        parts.append(piece)
    return b"".join(parts)


def _document(data: bytes, media_type: str) -> dict[str, Any]:
    invalid = Wrong("MANIFEST_INVALID", 400, "manifest invalid")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise invalid from None
    if not isinstance(document, dict) or media_type not in INDEXES | MANIFESTS:
        raise invalid
    said = document.get("mediaType")
    if (said and said != media_type) or document.get("schemaVersion") != 2:
        raise invalid
    for key in ("layers", "manifests"):
        entries = document.get(key)
        if entries is not None and not isinstance(entries, list):
            raise invalid
    return document


def _descriptor(document: dict[str, Any], stored: Stored) -> dict[str, Any]:
    """Return how a manifest stands in a list of referrers."""
    config = document.get("config")
    kind = document.get("artifactType") or (_text(config, "mediaType") if config else "")
    found: dict[str, Any] = {
        "mediaType": stored.media_type,
        "digest": stored.digest,
        "size": len(stored.data),
    }
    if kind:
        found["artifactType"] = kind
    if document.get("annotations"):
        found["annotations"] = document["annotations"]
    return found


def _text(entry: Any, key: str) -> str:
    return str(entry.get(key, "")) if isinstance(entry, dict) else ""
