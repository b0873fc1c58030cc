"""What our registry keeps, as a folder that can be looked into.

<root>/blobs/sha256/<hex>                          every content once, whoever refers to it
<root>/repositories/<name>/_blobs/<digest>         empty: this repository has that blob
<root>/repositories/<name>/_manifests/<digest>     the manifest's media type
<root>/repositories/<name>/_tags/<tag>             the manifest's digest
<root>/repositories/<name>/_referrers/<digest>/…   descriptors of what refers to that manifest
<root>/uploads/<id>                                a blob on its way in; <id>.tmp: a small file on its way

A repository's name has no part that begins with an underscore, so the two never meet.  Every file comes
to its name by rename: a killed server leaves at most uploads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ..spec.digest import Digest
from ..values import value

_UPLOAD = re.compile(r"[0-9a-f]{32}")


class Wrong(Exception):
    """A refusal: an error code of the specification, its HTTP status, words, and headers."""

    def __init__(
        self, code: str, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


@value
class Stored:
    """A manifest."""

    media_type: str
    digest: Digest
    data: bytes


class _Progress:
    """An upload's hash so far; several requests may add to it, one after the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.hash = hashlib.sha256()
        self.size = 0


class Storage:
    """The folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._uploads: dict[str, _Progress] = {}
        self._lock = threading.Lock()
        for name in ("blobs/sha256", "blobs/sha512", "repositories", "uploads"):
            os.makedirs(f"{root}/{name}", exist_ok=True)

    # paths; the names were checked against the specification's grammar by whoever calls

    def _repository(self, name: str, *parts: str) -> str:
        return "/".join((self.root, "repositories", name, *parts))

    def blob_path(self, digest: Digest) -> str:
        """Return the file that holds a blob, or would."""
        return f"{self.root}/blobs/{digest.algorithm}/{digest.hex}"

    # blobs

    def has_blob(self, name: str, digest: Digest) -> bool:
        """Tell whether a repository has a blob."""
        linked = os.path.exists(self._repository(name, "_blobs", digest))
        return linked and os.path.exists(self.blob_path(digest))

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Let a repository have a blob of another; tell whether that one had it."""
        if not self.has_blob(source, digest):
            return False
        self._write(self._repository(name, "_blobs", digest), b"")
        return True

    def adopt(self, name: str, digest: Digest, path: str) -> None:
        """Let a repository have the blob in a file that is not of this folder; the file stays."""
        target = self.blob_path(digest)
        if not os.path.exists(target):
            temporary = self._temporary()
            try:
                os.link(path, temporary)
            except OSError:
                shutil.copyfile(path, temporary)
            os.rename(temporary, target)
        self._write(self._repository(name, "_blobs", digest), b"")

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Take a blob out of a repository.  Raises: Wrong."""
        if not self.has_blob(name, digest):
            raise Wrong("BLOB_UNKNOWN", 404, "blob unknown to registry")
        os.unlink(self._repository(name, "_blobs", digest))

    # uploads

    def begin(self) -> str:
        """Return the id of a new upload."""
        upload = secrets.token_hex(16)
        with open(f"{self.root}/uploads/{upload}", "xb"):
            self._uploads[upload] = _Progress()
        return upload

    def progress(self, upload: str) -> int:
        """Return how many bytes of an upload arrived.  Raises: Wrong."""
        return self._known(upload).size

    def add(self, upload: str, start: int | None, pieces: Iterator[bytes]) -> int:
        """Append to an upload; return its size.  What arrives before a cut is kept.

        Raises: Wrong if `start` is not where it goes on; OSError if the disk is full, and it is gone then.
        """
        progress = self._known(upload)
        with progress.lock, open(f"{self.root}/uploads/{upload}", "r+b", buffering=0) as file:
            if start is not None and start != progress.size:
                raise Wrong("RANGE_INVALID", 416, f"the upload goes on at byte {progress.size}")
            file.seek(progress.size)
            for piece in pieces:
                try:
                    _write_all(file.fileno(), piece)
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):
                        self.cancel(upload)  # else what cannot be finished keeps the disk full
                    raise
                progress.hash.update(piece)
                progress.size += len(piece)
            return progress.size

    def finish(self, name: str, upload: str, digest: Digest) -> None:
        """Make an upload the blob of its digest.  Raises: Wrong if it is another's; it is gone then."""
        progress = self._known(upload)
        path = f"{self.root}/uploads/{upload}"
        with progress.lock:
            found = self._hash(path, progress, digest.algorithm)
            if found != digest:
                self.cancel(upload)
                raise Wrong("DIGEST_INVALID", 400, f"the bytes have the digest {found}")
            os.rename(path, self.blob_path(digest))
            self._uploads.pop(upload, None)
        self._write(self._repository(name, "_blobs", digest), b"")

    def cancel(self, upload: str) -> None:
        """Forget an upload.  Raises: Wrong if there is none."""
        self._known(upload)
        self._uploads.pop(upload, None)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.root}/uploads/{upload}")

    def _known(self, upload: str) -> _Progress:
        """Return an upload's progress, also of one that an earlier server began."""
        if not _UPLOAD.fullmatch(upload):
            raise Wrong("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry")
        with self._lock:
            known = self._uploads.get(upload)
            if known is not None:
                return known
            progress = _Progress()
            try:
                with open(f"{self.root}/uploads/{upload}", "rb") as file:
                    while piece := file.read(1 << 20):
                        progress.hash.update(piece)
                        progress.size += len(piece)
            except FileNotFoundError:
                raise Wrong("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry") from None
            self._uploads[upload] = progress
            return progress

    def _hash(self, path: str, progress: _Progress, algorithm: str) -> str:
        if algorithm == "sha256":
            return f"sha256:{progress.hash.hexdigest()}"
        with open(path, "rb") as file:
            return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"

    # manifests

    def manifest(self, name: str, reference: str) -> Stored:
        """Return a manifest by tag or digest.  Raises: Wrong."""
        unknown = Wrong("MANIFEST_UNKNOWN", 404, "manifest unknown")
        try:
            if ":" not in reference:
                with open(self._repository(name, "_tags", reference)) as file:
                    reference = file.read()
            digest = Digest(reference)
            with open(self._repository(name, "_manifests", digest)) as file:
                media_type = file.read()
            with open(self.blob_path(digest), "rb") as blob:
                return Stored(media_type, digest, blob.read())
        except (FileNotFoundError, NotADirectoryError):
            raise unknown from None

    def put_manifest(self, name: str, stored: Stored, tag: str) -> None:
        """Keep a manifest, and let `tag` name it where one is given."""
        self._write(self.blob_path(stored.digest), stored.data)
        self._write(self._repository(name, "_manifests", stored.digest), stored.media_type.encode())
        if tag:
            self._write(self._repository(name, "_tags", tag), stored.digest.encode())

    def add_referrer(self, name: str, subject: Digest, descriptor: dict[str, Any]) -> None:
        """Note that a manifest refers to `subject`, which need not be here yet."""
        path = self._repository(name, "_referrers", subject, str(descriptor["digest"]))
        self._write(path, json.dumps(descriptor).encode())

    def referrers(self, name: str, subject: Digest) -> list[dict[str, Any]]:
        """Return the descriptors of what refers to a manifest."""
        found = []
        for entry in self._names(self._repository(name, "_referrers", subject)):
            with open(self._repository(name, "_referrers", subject, entry)) as file:
                found.append(json.load(file))
        return found

    def delete_manifest(self, name: str, reference: str) -> None:
        """Delete a tag; or, by digest, a manifest with its tags.  Raises: Wrong."""
        stored = self.manifest(name, reference)
        if ":" not in reference:
            os.unlink(self._repository(name, "_tags", reference))
            return
        for tag in self.tags(name):
            if self.manifest(name, tag).digest == stored.digest:
                os.unlink(self._repository(name, "_tags", tag))
        os.unlink(self._repository(name, "_manifests", stored.digest))
        subject = _subject(stored.data)
        if subject:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._repository(name, "_referrers", subject, stored.digest))

    # lists

    def is_known(self, name: str) -> bool:
        """Tell whether there is anything in a repository."""
        return any(os.path.isdir(self._repository(name, part)) for part in ("_tags", "_manifests"))

    def tags(self, name: str) -> list[str]:
        """Return a repository's tags, sorted."""
        return self._names(self._repository(name, "_tags"))

    def repositories(self) -> list[str]:
        """Return the names of all repositories, sorted."""
        found, top = [], f"{self.root}/repositories"
        for folder, inner, _ in os.walk(top):
            if "_manifests" in inner and self._names(f"{folder}/_manifests"):
                found.append(os.path.relpath(folder, top))
            inner[:] = [one for one in inner if not one.startswith("_")]
        return sorted(found)

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _write(self, path: str, data: bytes) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = self._temporary()
        try:
            with open(temporary, "wb") as file:
                file.write(data)
            os.rename(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _temporary(self) -> str:
        # not beside its target: a tag may end in whatever marks a temporary file
        return f"{self.root}/uploads/{secrets.token_hex(16)}.tmp"


def _subject(data: bytes) -> str:
    subject = json.loads(data).get("subject")
    return str(subject.get("digest", "")) if isinstance(subject, dict) else ""


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
