"""A registry's repositories: manifests, blobs, uploads, tags, as the distribution-spec has them.

One `Client` speaks to one endpoint.  Whatever it returns was checked as far as one answer can be: a
manifest hashes to its digest and is of the kind that it came as.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from ..errors import Corrupt, DigestMismatch, EngineError, NotFound, Unsupported
from ..spec.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from ..spec.digest import Digest, sha256
from ..spec.document import DOCUMENT_LIMIT_BYTES
from ..spec.manifest import Index, Manifest, parse_manifest
from ..values import value
from . import scope
from .answers import error_of
from .endpoints import Endpoint
from .exchange import Answer, Body, Request, Ring

ACCEPTED = (OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST)
_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
_LIST_BYTES = 16 << 20
_PAGES = 1000


@value
class Fetched:
    """A manifest or an index as the registry keeps it: what its digest is taken of, and what it says."""

    descriptor: Descriptor
    data: bytes
    document: Manifest | Index


@value
class Upload:
    """An upload that was begun; `at` is where its next piece goes."""

    at: str
    repository: str


class Client:
    """One endpoint, through its rings."""

    def __init__(self, endpoint: Endpoint, ring: Ring, close: Callable[[], None]) -> None:
        self.endpoint = endpoint
        self._ring = ring
        self.close = close

    # asking

    def _url(self, path: str) -> str:
        return f"{self.endpoint.url}{path}"

    def _ask(
        self,
        method: str,
        url: str,
        *expected: int,
        headers: Mapping[str, str] | None = None,
        scopes: tuple[str, ...] = (),
        body: Body = None,
        length: int = 0,
        once: bool = False,
    ) -> Answer:
        """Return the answer if it has an expected status.  Raises: what the registry's refusal means."""
        request = Request(method, url, dict(headers or {}), body, length, scopes, once)
        answer = self._ring.send(request)
        if answer.status in expected:
            return answer
        raise error_of(request, answer)

    def ping(self) -> None:
        """See that this is a registry that takes our account.

        Raises: RegistryDenied, RegistryUnreachable, Unsupported (something else answers there).
        """
        answer = self._ask("GET", self._url("/v2/"), 200)
        data = answer.all(65536)
        version = answer.headers.get("Docker-Distribution-Api-Version", "")
        if "registry/2.0" not in version and data.strip() not in (b"{}", b"", b"true", b'""'):
            raise Unsupported(f"{self.endpoint.url}: no registry answers there")

    # manifests

    def manifest(self, repository: str, reference: str) -> Fetched:
        """Return a manifest or an index by tag or digest.

        Raises: ImageNotFound, Unsupported (schema 1), Corrupt, DigestMismatch.
        """
        url = self._url(f"/v2/{repository}/manifests/{quote(reference, safe=':')}")
        headers = {"Accept": ", ".join((*ACCEPTED, *_SCHEMA_1))}
        scopes = (scope.pull(repository),)
        answer = self._ask("GET", url, 200, headers=headers, scopes=scopes)
        said = answer.headers.get("Docker-Content-Digest", "")
        kind = _media_type(answer)
        data = answer.all(DOCUMENT_LIMIT_BYTES)
        if kind in _SCHEMA_1:
            raise Unsupported(
                f"{repository}:{reference}: Docker's schema 1 is not supported",
                "push the image again with a current tool",
            )
        wanted = reference if ":" in reference else said
        digest = _checked(data, wanted)
        document = parse_manifest(data, kind)
        return Fetched(Descriptor(document.media_type, digest, len(data)), data, document)

    def manifest_digest(self, repository: str, reference: str) -> Digest | None:
        """Return under which digest a registry has a manifest; None if it has none, or does not say."""
        url = self._url(f"/v2/{repository}/manifests/{quote(reference, safe=':')}")
        headers = {"Accept": ", ".join(ACCEPTED)}
        answer = self._ask("HEAD", url, 200, 404, headers=headers, scopes=(scope.pull(repository),))
        answer.close()
        said = answer.headers.get("Docker-Content-Digest", "")
        return Digest.parse(said) if answer.status == 200 and said else None

    def put_manifest(self, repository: str, reference: str, media_type: str, data: bytes) -> Digest:
        """Store a manifest under a tag or its digest; return its digest.

        Raises: NotFound or InvalidArgument if what it refers to is not there, RegistryDenied.
        """
        url = self._url(f"/v2/{repository}/manifests/{quote(reference, safe=':')}")
        headers = {"Content-Type": media_type}
        answer = self._ask(
            "PUT", url, 201, headers=headers, body=data, scopes=(scope.push(repository),)
        )
        answer.close()
        return _checked(data, answer.headers.get("Docker-Content-Digest", ""))

    def delete_manifest(self, repository: str, reference: str) -> None:
        """Delete a manifest by its digest, or a tag where the registry lets tags be deleted."""
        url = self._url(f"/v2/{repository}/manifests/{quote(reference, safe=':')}")
        self._ask("DELETE", url, 202, scopes=(scope.delete(repository),)).close()

    # blobs

    def blob(self, repository: str, digest: Digest, start: int = 0) -> Answer:
        """Return a blob's bytes from `start` on: status 206, or 200 and all of them.

        Raises: NotFound; status 416 is returned, not raised.
        """
        url = self._url(f"/v2/{repository}/blobs/{digest}")
        headers = {"Range": f"bytes={start}-"} if start else {}
        return self._ask(
            "GET", url, 200, 206, 416, headers=headers, scopes=(scope.pull(repository),)
        )

    def small_blob(self, repository: str, descriptor: Descriptor) -> bytes:
        """Return a blob that is read whole: a config.

        Raises: NotFound, Corrupt, DigestMismatch.
        """
        if descriptor.size > DOCUMENT_LIMIT_BYTES:
            raise Corrupt(f"{descriptor.digest}: longer than {DOCUMENT_LIMIT_BYTES} bytes")
        data = self.blob(repository, descriptor.digest).all(DOCUMENT_LIMIT_BYTES)
        _checked(data, descriptor.digest)
        return data

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Tell whether a repository has a blob."""
        url = self._url(f"/v2/{repository}/blobs/{digest}")
        answer = self._ask("HEAD", url, 200, 404, scopes=(scope.push(repository),))
        answer.close()
        return answer.status == 200

    # uploads

    def begin_upload(
        self, repository: str, mount: Digest | None = None, source: str = ""
    ) -> Upload | None:
        """Begin an upload; None if the blob could be mounted from the repository `source` instead."""
        url = self._url(f"/v2/{repository}/blobs/uploads/")
        scopes = [scope.push(repository)]
        if mount is not None:
            url += "?" + urlencode({"mount": mount, "from": source})
            scopes.append(scope.pull(source))
        answer = self._ask("POST", url, 201, 202, scopes=tuple(scopes), body=b"")
        answer.close()
        if answer.status == 201:
            if mount is None:
                raise Corrupt(f"{url}: the registry has an upload that was just begun")
            return None
        return self._next(repository, url, answer)

    def patch(self, upload: Upload, body: Body, start: int, length: int) -> Upload:
        """Send a piece of a blob; return where the next one goes.

        Raises: RegistryUnreachable if it was cut: `received` then tells what arrived.
        """
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{start}-{start + length - 1}",
        }
        answer = self._ask("PATCH", upload.at, 202, headers=headers, body=body, length=length,
                           scopes=(scope.push(upload.repository),), once=True)  # fmt: skip
        answer.close()
        return self._next(upload.repository, upload.at, answer)

    def finish_upload(self, upload: Upload, digest: Digest, body: bytes = b"") -> None:
        """End an upload, with the last piece of the blob or without one.

        Raises: Corrupt if the registry received other bytes.
        """
        mark = "&" if "?" in upload.at else "?"
        url = f"{upload.at}{mark}{urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        scopes = (scope.push(upload.repository),)
        # not to be repeated: where the first try arrived, its upload is gone
        self._ask("PUT", url, 201, headers=headers, body=body, scopes=scopes, once=True).close()

    def received(self, upload: Upload) -> tuple[Upload, int] | None:
        """Return where an upload that was cut goes on and how many bytes arrived; None if it is
        gone, or nobody knows."""
        scopes = (scope.push(upload.repository),)
        answer = self._ask("GET", upload.at, 204, 404, scopes=scopes)
        answer.close()
        if answer.status == 404:
            return None
        span = re.fullmatch(r"(?:bytes=)?0-(\d{1,18})", answer.headers.get("Range", ""))
        # "0-0" is said of one byte and of none
        if span is None or span.group(1) == "0":
            return None
        return self._next(upload.repository, upload.at, answer), int(span.group(1)) + 1

    def cancel_upload(self, upload: Upload) -> None:
        """Tell the registry that an upload will not be ended; what it says is of no interest."""
        try:
            scopes = (scope.push(upload.repository),)
            self._ask("DELETE", upload.at, 202, 204, 404, scopes=scopes).close()
        except EngineError:
            return

    def _next(self, repository: str, url: str, answer: Answer) -> Upload:
        where = answer.headers.get("Location", "")
        if not where and answer.status == 204:
            return Upload(url, repository)
        target = urljoin(url, where)
        if not where or urlsplit(target).scheme not in ("http", "https"):
            raise Corrupt(
                f"{self.endpoint.url}: the registry does not say where the upload goes on"
            )
        return Upload(target, repository)

    # lists

    def tags(self, repository: str) -> list[str]:
        """Return a repository's tags.  Raises: NotFound."""
        return self._listed(f"/v2/{repository}/tags/list", "tags", (scope.pull(repository),))

    def catalog(self) -> list[str]:
        """Return the registry's repositories, where it tells them."""
        return self._listed("/v2/_catalog", "repositories", (scope.CATALOG,))

    def _listed(self, path: str, key: str, scopes: tuple[str, ...]) -> list[str]:
        url, found = self._url(f"{path}?n=1000"), dict[str, None]()
        for _ in range(_PAGES):
            answer = self._ask("GET", url, 200, scopes=scopes)
            link = answer.headers.get("Link", "")
            names = _object(answer.all(_LIST_BYTES)).get(key) or []
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise Corrupt(f"{url}: {key} are no list of texts")
            known = len(found)
            found.update(dict.fromkeys(names))
            target = re.match(r'\s*<([^>]*)>\s*;[^,]*rel="?next"?', link)
            # a page that brings nothing new would be asked for without end
            if target is None or len(found) == known:
                break
            url = urljoin(url, target.group(1))
        return list(found)

    def referrers(self, repository: str, digest: Digest) -> Index:
        """Return what refers to a manifest (signatures, lists of parts), also from older registries."""
        url = self._url(f"/v2/{repository}/referrers/{digest}")
        answer = self._ask("GET", url, 200, 404, scopes=(scope.pull(repository),))
        data = answer.all(DOCUMENT_LIMIT_BYTES)
        if answer.status == 200:
            return Index.parse(data, OCI_INDEX)
        try:
            # the fallback of the specification: a tag named after the digest
            document = self.manifest(repository, str(digest).replace(":", "-")).document
        except NotFound:
            return Index(())
        return document if isinstance(document, Index) else Index(())

    def search(self, term: str, limit: int) -> list[dict[str, Any]]:
        """Return what Docker Hub's search finds, as its documents."""
        query = urlencode({"q": term, "n": limit})
        data = _object(self._ask("GET", self._url(f"/v1/search?{query}"), 200).all(_LIST_BYTES))
        results = data.get("results") or []
        return (
            [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
        )


def _media_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip()


def _checked(data: bytes, wanted: str) -> Digest:
    """Return the digest of `data`.  Raises: DigestMismatch if it is not the one that was wanted."""
    digest = Digest.parse(wanted) if wanted else sha256(data)
    found = sha256(data) if digest.algorithm == "sha256" else _sha512(data)
    if found != digest:
        raise DigestMismatch(
            f"expected {digest}, received {found}",
            "fetch it again; if it stays, its source is damaged",
        )
    return digest


def _sha512(data: bytes) -> Digest:
    import hashlib

    return Digest("sha512:" + hashlib.sha512(data).hexdigest())


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Corrupt("the registry's answer is no JSON object")
    return told
