"""One blob down into a sink, or up from a source; what was cut goes on where it stopped.

Who takes in and who gives are somebody else's: the store fits `BlobSink` and `BlobSource`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from ..errors import (
    Corrupt,
    NotFound,
    RegistryDenied,
    RegistryUnreachable,
    SizeMismatch,
    Unsupported,
)
from ..spec.descriptor import Descriptor
from ..values import value
from .client import Client, Upload
from .exchange import Answer

CHUNK = 1 << 18
# a blob up to this size goes up with the request that ends its upload
SMALL_BYTES = 1 << 20


class BlobSink(Protocol):
    """Takes in one blob, from its beginning to its end."""

    @property
    def size(self) -> int:
        """How many bytes are there, also from an earlier attempt."""
        ...

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def restart(self) -> None:
        """Drop what is there: it is not the blob's beginning."""
        ...

    def commit(self) -> None:
        """Keep the blob, if its size and digest are right.  Raises: SizeMismatch, DigestMismatch."""
        ...


class BlobSource(Protocol):
    """Gives one blob."""

    def pieces(self, start: int) -> Iterator[bytes]:
        """Yield the blob's bytes from `start` on."""
        ...


@value
class Persistence:
    """How often an attempt may fail without a byte of progress, and the first pause between two."""

    failures: int = 5
    first_s: float = 0.3
    longest_s: float = 8.0


Report = Callable[[int], None]


def download(
    client: Client,
    repository: str,
    descriptor: Descriptor,
    sink: BlobSink,
    report: Report = lambda done: None,
    persistence: Persistence | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch a blob; `report` is told how many bytes are there.  Afterwards it was committed.

    Raises: NotFound, Unsupported (kept elsewhere), SizeMismatch, DigestMismatch, RegistryUnreachable once no
    attempt makes progress.  What has arrived stays with the sink, for the next time.
    """
    persistence = persistence or Persistence()
    failed = 0
    while sink.size < descriptor.size or not descriptor.size:
        before = sink.size
        try:
            _attempt(client, repository, descriptor, sink, report)
            if sink.size == descriptor.size:
                break
            raise RegistryUnreachable(f"blob {descriptor.digest}: unexpected EOF")
        except RegistryUnreachable:
            failed = 1 if sink.size > before else failed + 1
            if failed >= persistence.failures:
                raise
            wait(min(persistence.first_s * 2 ** (failed - 1), persistence.longest_s))
    sink.commit()


def _attempt(
    client: Client, repository: str, descriptor: Descriptor, sink: BlobSink, report: Report
) -> None:
    if sink.size > descriptor.size:
        sink.restart()
    try:
        answer = client.blob(repository, descriptor.digest, sink.size)
    except NotFound as error:
        if descriptor.urls:
            raise Unsupported(
                f"layer {descriptor.digest} is kept outside of the registry, where its image says",
                "Such addresses are never asked; push the layer to a registry.",
            ) from error
        raise
    try:
        skip = _skipped(answer, sink)
        while data := answer.read(CHUNK):
            if skip:
                data, skip = data[skip:], max(0, skip - len(data))
                if not data:
                    continue
            if sink.size + len(data) > descriptor.size:
                sink.restart()
                raise SizeMismatch(
                    f"{descriptor.digest}: expected {descriptor.size} bytes, received more",
                    "fetch it again; if it stays, its source is damaged",
                )
            sink.write(data)
            report(sink.size)
    finally:
        answer.close()


def _skipped(answer: Answer, sink: BlobSink) -> int:
    """Return how many bytes of an answer are there already.  Raises: RegistryUnreachable to try anew."""
    if answer.status == 206:
        span = re.match(r"bytes (\d{1,18})-", answer.headers.get("Content-Range", ""))
        start = int(span.group(1)) if span else sink.size
        if start > sink.size:
            sink.restart()
            raise RegistryUnreachable("the registry left a part of the blob out")
        return sink.size - start
    if answer.status == 416:
        sink.restart()
        raise RegistryUnreachable("the registry has fewer bytes than arrived before")
    # the whole blob, though a part was asked for: what is there need not be dropped
    return sink.size


@value
class Sent:
    """What became of an upload: "pushed", "exists", or "mounted" from the repository `source`."""

    how: str
    source: str = ""


def upload(
    client: Client,
    repository: str,
    descriptor: Descriptor,
    source: BlobSource,
    mounts: tuple[str, ...] = (),
    report: Report = lambda done: None,
    persistence: Persistence | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Sent:
    """See that a repository has a blob; only what it lacks is sent.  `mounts`: repositories of the same
    registry that may have it.

    Raises: RegistryDenied, Corrupt (the registry received other bytes), RegistryUnreachable.
    """
    if client.has_blob(repository, descriptor.digest):
        return Sent("exists")
    begun: Upload | None = None
    for other in mounts:
        try:
            tried = client.begin_upload(repository, descriptor.digest, other)
        except (NotFound, RegistryDenied):
            continue  # it is not there, or not ours to read
        if begun is not None:
            client.cancel_upload(begun)
        if tried is None:
            return Sent("mounted", other)
        begun = tried  # not there: an upload was begun in its place
    begun = begun or client.begin_upload(repository)
    assert begun is not None
    sending = _Sending(client, begun, descriptor, source, report)
    try:
        sending.run(persistence or Persistence(), wait)
    except BaseException:
        client.cancel_upload(sending.upload)
        raise
    return Sent("pushed")


class _Sending:
    """An upload on its way."""

    def __init__(
        self,
        client: Client,
        upload: Upload,
        descriptor: Descriptor,
        source: BlobSource,
        report: Report,
    ) -> None:
        self.upload = upload
        self._client = client
        self._blob = descriptor
        self._source = source
        self._report = report
        self._sent = 0

    def run(self, persistence: Persistence, wait: Callable[[float], None]) -> None:
        failed, furthest = 0, 0
        while True:
            try:
                self._go_on()
                return
            except RegistryUnreachable:
                failed = 1 if self._sent > furthest else failed + 1
                furthest = max(furthest, self._sent)
                if failed >= persistence.failures:
                    raise
            wait(min(persistence.first_s * 2 ** (failed - 1), persistence.longest_s))
            if self._client.has_blob(self.upload.repository, self._blob.digest):
                return  # the answer was lost, not the blob
            self._find_place()

    def _go_on(self) -> None:
        size, start = self._blob.size, self._sent
        if size <= SMALL_BYTES and not start:
            data = b"".join(self._source.pieces(0))
            self._client.finish_upload(self.upload, self._blob.digest, data)
            self._report(size)
            return
        if start < size:
            body = lambda: self._pieces(start)  # noqa: E731
            self.upload = self._client.patch(self.upload, body, start, size - start)
        self._client.finish_upload(self.upload, self._blob.digest)

    def _pieces(self, start: int) -> Iterator[bytes]:
        done = start
        for piece in self._source.pieces(start):
            yield piece
            done += len(piece)
            self._report(done)
        if done != self._blob.size:
            raise Corrupt(f"{self._blob.digest}: {done} bytes instead of {self._blob.size}")

    def _find_place(self) -> None:
        """Ask how much arrived; what is gone begins anew."""
        place = self._client.received(self.upload)
        if place is not None and place[1] <= self._blob.size:
            self.upload, self._sent = place
            return
        begun = self._client.begin_upload(self.upload.repository)
        assert begun is not None
        self.upload, self._sent = begun, 0
