"""Read images from a tar: Docker's `save` in all its ages, and the OCI image layout; plain trees too.

The archive may be compressed and comes as a stream, so its members are first spooled under tmp/ by digest;
what belongs to an image is moved into the store only after everything was checked.  Names in the
archive are looked up, never opened: nothing is written where an archive says.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from typing import Any

from ..errors import Corrupt, DigestMismatch, ImageNotFound, InvalidArgument, ReferenceInvalid
from ..linux.process import own_mark
from ..spec.descriptor import (
    INDEXES,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
    REF_NAME,
    Descriptor,
    Platform,
)
from ..spec.digest import Digest
from ..spec.document import json_problem
from ..spec.image import ImageConfig
from ..spec.manifest import Index, Manifest, fits
from ..spec.reference import Reference
from ..values import value
from . import tar_entry
from .archive_save import FULL_NAME
from .blobs import Blobs
from .files import no_space, sync_directory, write_all
from .images import Images
from .layer_tar import TarReader
from .layout import Layout
from .streams import Uncompressed
from .tree import clean, open_directory, remove_tree, shown

Read = Callable[[int], bytes]
_JSON_BYTES = 4 << 20
_MEMBERS = 100_000
_RATIO = 200
_DEPTH = 4
_numbers = itertools.count(1)


@value
class Loaded:
    """One image that came in: its id and, where the archive named it, its references."""

    id: Digest
    references: tuple[Reference, ...]


def load(
    layout: Layout, blobs: Blobs, images: Images, read: Read, platform: Platform
) -> list[Loaded]:
    """Take in the images of the archive that `read(n)` yields; `platform` chooses among several.

    On failure the store is as it was.

    Raises: InvalidArgument (no archive of images), Corrupt (cut or damaged), DigestMismatch, NoSpace,
    Unsupported (compression).
    """
    with _Spool(layout) as spool, no_space("load the archive"):
        spool.fill(read)
        found = _Finder(spool, platform)
        found.look()
        with blobs.adding():
            for digest in found.needed:
                spool.move(layout, digest)
            for directory in {os.path.dirname(layout.blob(digest)) for digest in found.needed}:
                sync_directory(directory)
            loaded, arrivals = [], []
            for manifest_data, document, names in found.images.values():
                manifest = blobs.put(manifest_data, document.media_type)
                arrivals.append((manifest, tuple(names)))
                loaded.append(Loaded(document.config.digest, tuple(names)))
            images.take_in(arrivals)
    return loaded


def import_layer(blobs: Blobs, read: Read) -> tuple[Digest, int, int]:
    """Store a tar of a whole tree, compressed or not, as an uncompressed layer.

    Returns its digest, its bytes, and the bytes of the files in it.

    Raises: Corrupt if it is no tar or cut, NoSpace, Unsupported (compression).
    """
    source = Uncompressed(read, ratio=_RATIO)
    with blobs.writer() as blob:

        def both(count: int) -> bytes:
            data = source.read(count)
            blob.write(data)
            return data

        reader = TarReader(both)
        file_bytes = sum(entry.size for entry in reader if entry.type == tar_entry.REGULAR)
        reader.drain()
        if not source.size_bytes:
            raise Corrupt("the archive is empty")
        return (*blob.commit(), file_bytes)


@value
class _Member:
    digest: Digest
    size: int
    head: bytes


class _Spool:
    """The archive's files, under their digests in one directory of tmp/ that goes in the end."""

    def __init__(self, layout: Layout) -> None:
        self._tmp = layout.tmp
        self._name = f"{own_mark()}-load-{next(_numbers)}"
        self.members: dict[str, _Member] = {}
        self._links: dict[str, str] = {}

    def __enter__(self) -> _Spool:
        with no_space("load the archive"):
            os.mkdir(f"{self._tmp}/{self._name}", 0o700)
        return self

    def __exit__(self, *_: object) -> None:
        tmp = open_directory(self._tmp)
        try:
            remove_tree(tmp, self._name)
        finally:
            os.close(tmp)

    def _path(self, digest: Digest) -> str:
        return f"{self._tmp}/{self._name}/{digest.hex}"

    def fill(self, read: Read) -> None:
        stream = Uncompressed(read, ratio=_RATIO)
        reader = TarReader(stream.read)
        for number, entry in enumerate(reader):
            if number >= _MEMBERS:
                raise Corrupt(f"the archive has more than {_MEMBERS} members")
            name = clean(entry.name).decode("utf-8", "surrogateescape")
            if entry.type == tar_entry.REGULAR and entry.sparse is None:
                self.members[name] = self._take(reader)
            elif entry.type in (tar_entry.SYMLINK, tar_entry.HARDLINK):
                # Docker before 1.10 linked layers that images share.
                base = (
                    b""
                    if entry.type == tar_entry.HARDLINK
                    else name.rpartition("/")[0].encode() + b"/"
                )
                self._links[name] = clean(base + entry.linkname).decode("utf-8", "surrogateescape")
        reader.drain()
        if not stream.size_bytes:
            raise InvalidArgument("the archive is empty")

    def _take(self, reader: TarReader) -> _Member:
        import hashlib

        path = f"{self._tmp}/{self._name}/incoming"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        taken, size, head = hashlib.sha256(), 0, b""
        try:
            for chunk in reader.chunks():
                write_all(fd, chunk)
                taken.update(chunk)
                size += len(chunk)
                if len(head) < 8:
                    head += bytes(chunk[:8])
        finally:
            os.close(fd)
        digest = Digest("sha256:" + taken.hexdigest())
        os.rename(path, self._path(digest))
        return _Member(digest, size, head)

    def member(self, name: str) -> _Member | None:
        """Return the file of this name, through at most one link."""
        key = clean(name.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
        return self.members.get(key) or self.members.get(self._links.get(key, key))

    def blob(self, digest: Digest) -> _Member | None:
        """Return the blob of an OCI layout.

        Raises: DigestMismatch if the file of this name holds something else.
        """
        found = self.member(f"blobs/{digest.algorithm}/{digest.hex}")
        if found is not None and found.digest != digest:
            raise DigestMismatch(
                f"the archive is damaged: {digest} holds {found.digest}", "Make the archive again."
            )
        return found

    def data(self, member: _Member, what: str) -> bytes:
        """Return a small file's content."""
        if member.size > _JSON_BYTES:
            raise Corrupt(f"the archive's {what} has {member.size} bytes")
        with open(self._path(member.digest), "rb") as stream:
            return stream.read()

    def json(self, name: str) -> Any:
        """Return the JSON value of a member, None if the archive has none of this name."""
        member = self.member(name)
        if member is None:
            return None
        try:
            return json.loads(self.data(member, name))
        except (ValueError, RecursionError) as error:
            raise Corrupt(f"the archive's {name}: {json_problem(error)}") from error

    def move(self, layout: Layout, digest: Digest) -> None:
        """Give a file to the store; fsynced, but its new name is not yet."""
        target = layout.blob(digest)
        if os.path.exists(target):
            return
        fd = os.open(self._path(digest), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(self._path(digest), target)


_Image = tuple[bytes, Manifest, list[Reference]]


class _Finder:
    """Finds the images in a spooled archive, and the blobs that they need."""

    def __init__(self, spool: _Spool, platform: Platform) -> None:
        self._spool = spool
        self._platform = platform
        # by image_id
        self.images: dict[Digest, _Image] = {}
        self.needed: set[Digest] = set()

    def look(self) -> None:
        index = self._spool.json("index.json")
        if index is not None:
            self._layout(index)
        listed = self._spool.json("manifest.json")
        if listed is not None:
            self._docker(listed)
        if not self.images:
            if index is not None or listed is not None:
                raise Corrupt("the archive lists no image")
            raise InvalidArgument(
                "the archive holds no image: it has neither manifest.json nor index.json",
                "A plain file tree becomes an image with `import`.",
            )

    # The OCI image layout

    def _layout(self, index: Any) -> None:
        entries = index.get("manifests") if isinstance(index, dict) else None
        if not isinstance(entries, list):
            raise Corrupt("the archive's index.json has no manifests")
        for data in entries:
            descriptor = Descriptor.from_json(data, "index.json")
            name = descriptor.annotations.get(FULL_NAME) or descriptor.annotations.get(REF_NAME, "")
            chosen = self._chosen(descriptor, 0)
            if chosen is not None:
                # a bare tag names no repository
                named = "/" in name or ":" in name
                self._add(chosen, [_reference(name)] if named else [])

    def _chosen(self, descriptor: Descriptor, depth: int) -> bytes | None:
        member = self._spool.blob(descriptor.digest)
        if member is None:
            return None
        data = self._spool.data(member, "manifest")
        if descriptor.media_type not in INDEXES:
            return data
        if depth >= _DEPTH:
            raise Corrupt("the archive's indexes are nested too deeply")
        index = Index.parse(data, descriptor.media_type)
        entries = index.choose(self._platform)
        for entry in entries:
            try:
                found = self._chosen(entry, depth + 1)
            except ImageNotFound:
                if entry.platform:
                    raise
                continue  # an index that has none for this platform
            if entry.platform or (found is not None and self._runs(found)):
                return found
        raise index.lacks(self._platform)

    def _runs(self, data: bytes) -> bool:
        member = self._spool.blob(Manifest.parse(data).config.digest)
        if member is None:
            return False
        config = ImageConfig.parse(self._spool.data(member, "image config"))
        return fits(self._platform, config.platform)

    def _add(self, data: bytes, names: list[Reference]) -> None:
        document = Manifest.parse(data)
        self._check(document)
        _, _, known = self.images.setdefault(document.config.digest, (data, document, []))
        known += [name for name in names if name not in known]

    def _check(self, document: Manifest) -> None:
        config = ImageConfig.parse(self._spool.data(self._blob(document.config), "image config"))
        if len(config.diff_ids) != len(document.layers):
            raise Corrupt(
                f"the archive's image {document.config.digest.short} has {len(document.layers)} layers, "
                f"but {len(config.diff_ids)} diff_ids"
            )
        for layer, diff_id in zip(document.layers, config.diff_ids, strict=True):
            member = self._blob(layer)
            if _media_type(member) == OCI_LAYER and member.digest != diff_id:
                raise DigestMismatch(
                    f"the archive's layer {member.digest} should be {diff_id}",
                    "Make the archive again.",
                )

    def _blob(self, descriptor: Descriptor) -> _Member:
        member = self._spool.blob(descriptor.digest)
        if member is None:
            # Docker's own members stand under other names.
            spooled = self._spool.members.values()
            member = next((m for m in spooled if m.digest == descriptor.digest), None)
        if member is None:
            raise Corrupt(f"the archive lacks {descriptor.digest}", "It may have been cut short.")
        if member.size != descriptor.size:
            raise Corrupt(f"the archive's {descriptor.digest} has {member.size} bytes")
        self.needed.add(member.digest)
        return member

    # Docker's manifest.json

    def _docker(self, listed: Any) -> None:
        if not isinstance(listed, list):
            raise Corrupt("the archive's manifest.json is no list")
        for entry in listed:
            if not isinstance(entry, dict):
                raise Corrupt("the archive's manifest.json lists what is no object")
            config = self._named(entry.get("Config"))
            names = [_reference(name) for name in _texts(entry.get("RepoTags"), "RepoTags")]
            known = self.images.get(config.digest)
            if known is not None:
                known[2].extend(name for name in names if name not in known[2])
                continue
            layers = [self._named(name) for name in _texts(entry.get("Layers"), "Layers")]
            document = Manifest(
                Descriptor(OCI_CONFIG, config.digest, config.size),
                tuple(Descriptor(_media_type(m), m.digest, m.size) for m in layers),
                OCI_MANIFEST,
            )
            self._add(document.to_json(), names)

    def _named(self, name: Any) -> _Member:
        member = self._spool.member(name) if isinstance(name, str) else None
        if member is None:
            raise Corrupt(
                f"the archive lacks {shown(str(name)[:200].encode('utf-8', 'replace'))}, "
                "which its manifest.json names",
                "It may have been cut short.",
            )
        return member


def _texts(value: Any, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"the archive's manifest.json has {what} that are no list of texts")
    return value


def _reference(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except ReferenceInvalid as error:
        raise Corrupt(
            f"the archive names an image {shown(text[:200].encode())!r}: {error}"
        ) from error


def _media_type(member: _Member) -> str:
    if member.head.startswith(b"\x1f\x8b"):
        return OCI_LAYER_GZIP
    if member.head.startswith(b"\x28\xb5\x2f\xfd"):
        return OCI_LAYER_ZSTD
    return OCI_LAYER
