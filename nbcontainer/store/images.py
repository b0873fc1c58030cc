"""Images: names for manifests, kept in index.json, which makes the store an OCI image layout.

An entry carries its full reference in org.opencontainers.image.ref.name; an entry without one is an
image that lost its name (Docker's <none>) and stays until it is removed.  Two entries may point to one
image, an image_id being the digest of the config and not of the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..errors import (
    Corrupt,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    ReferenceInvalid,
    StateUnreadable,
)
from ..spec.descriptor import REF_NAME, Descriptor
from ..spec.digest import Digest
from ..spec.image import ImageConfig, chain_ids
from ..spec.manifest import Manifest
from ..spec.reference import Reference
from ..values import replace, value
from .blobs import Blobs
from .files import Lock, dump_json, read_json, write_atomic
from .layout import Layout
from .marks import NEVER, Mark, is_settled, mark_of

# on a layer that was made here: the bytes of its files, known before it is ever unpacked
SIZE_NOTE = "org.nbcontainer.files.size"
# on an entry of index.json: when that name was given
_TAGGED = "org.nbcontainer.tagged"
BUILTIN_LABEL = "org.nbcontainer.builtin"
_INDEX_LIMIT_BYTES = 64 * 1024 * 1024
_HEX = frozenset("0123456789abcdef")
_Entries = list[Descriptor]  # not to be taken for Images.list
_Sizes = list[int]


@value
class Image:
    """`id` is the digest of the config; `size` the bytes of its layers' blobs (see `Images.size`).

    `tags` are its names, `digests` the names with a digest under which it was fetched; both sorted.
    `tagged_at`: when it was last given a name on purpose, "" where that never was.
    """

    id: Digest
    manifest: Descriptor
    config: ImageConfig
    layers: tuple[Descriptor, ...]
    size: int
    tags: tuple[Reference, ...] = ()
    digests: tuple[Reference, ...] = ()
    tagged_at: str = ""

    @property
    def is_builtin(self) -> bool:
        """Tell whether nbcontainer made it itself."""
        return BUILTIN_LABEL in self.config.labels


class Images:
    """The images of one store."""

    def __init__(self, layout: Layout, blobs: Blobs) -> None:
        self._layout = layout
        self._blobs = blobs
        # by manifest digest; contents never change under a digest, so this never grows stale
        self._known: dict[Digest, Image] = {}
        self._sizes: dict[Digest, int] = {}
        self._index: tuple[Mark, tuple[Descriptor, ...]] = (NEVER, ())

    def tag(self, reference: Reference, manifest: Descriptor, tagged_at: str = "") -> None:
        """Let `reference` name the image of `manifest`; what it named before keeps no name.

        `tagged_at` is noted, where it is given.  Atomic and safe against a power cut.

        Raises: Corrupt, NotFound if `manifest` is no image whose config is stored; NoSpace.
        """
        if tagged_at:
            manifest = replace(manifest, annotations={**manifest.annotations, _TAGGED: tagged_at})
        self.take_in([(manifest, (reference,))])

    def add(self, manifest: Descriptor) -> None:
        """Keep the image of `manifest`, without a name if it has none.  Idempotent.

        Raises: as `tag`.
        """
        self.take_in([(manifest, ())])

    def take_in(self, arrivals: Sequence[tuple[Descriptor, Sequence[Reference]]]) -> None:
        """Keep these images under these names: all of them, or none if it fails.

        Raises: as `tag`.
        """
        for manifest, _ in arrivals:
            self._stored(manifest)

        def change(entries: _Entries) -> _Entries:
            for manifest, references in arrivals:
                for reference in references:
                    entries = self._tagged(entries, str(reference), manifest)
                if not _has(entries, manifest.digest):
                    entries = [*entries, _named(manifest, None)]
            return entries

        self._change(change)

    def _tagged(self, entries: _Entries, name: str, manifest: Descriptor) -> _Entries:
        kept: _Entries = []
        freed: _Entries = []
        for entry in entries:
            (freed if entry.annotations.get(REF_NAME) == name else kept).append(entry)
        kept = [e for e in kept if e.digest != manifest.digest or REF_NAME in e.annotations]
        nameless = [_named(entry, None) for entry in freed if entry.digest != manifest.digest]
        kept += [e for e in nameless if not _has(kept, e.digest) and not self._is_builtin(e)]
        return [*kept, _named(manifest, name)]

    def untag(self, reference: Reference) -> Image:
        """Take the name away and return the image, which stays, nameless after its last name.

        Raises: ImageNotFound.
        """
        image = self.named(reference)
        if image is None:
            raise _not_found(reference.familiar)
        name = str(reference)

        def change(entries: _Entries) -> _Entries:
            kept = [entry for entry in entries if entry.annotations.get(REF_NAME) != name]
            lost = [entry for entry in entries if entry.annotations.get(REF_NAME) == name]
            return kept + [_named(e, None) for e in lost if not _has(kept, e.digest)]

        self._change(change)
        return image

    def remove(self, image: Image) -> None:
        """Forget the image with all its names; gc then frees its blobs and layers.  Idempotent."""

        def change(entries: _Entries) -> _Entries:
            return [entry for entry in entries if self._id(entry) != image.id]

        self._change(change)

    def named(self, reference: Reference) -> Image | None:
        """Return the image that `reference` names, by its tag or by its digest, or None."""
        entries = self.entries()
        name = str(reference)
        for entry in entries:
            if entry.annotations.get(REF_NAME) == name:
                return self._joined(entry, entries)
        if reference.digest:
            prefix = f"{reference.name}:", f"{reference.name}@"
            for entry in entries:
                known_as = entry.annotations.get(REF_NAME, "")
                if entry.digest == reference.digest and known_as.startswith(prefix):
                    return self._joined(entry, entries)
        return None

    def resolve(self, text: str) -> Image:
        """Return the image that `text` means: a reference first, then an id or the start of one.

        Raises: ImageNotFound, ReferenceInvalid (Docker's words); InvalidArgument for an id prefix that
        fits several images.
        """
        digits = text.removeprefix("sha256:")
        is_prefix = 0 < len(digits) <= 64 and _HEX.issuperset(digits)
        try:
            reference = Reference.parse(text)
        except ReferenceInvalid:
            if not is_prefix:
                raise
            shown = text
        else:
            image = self.named(reference)
            if image is not None:
                return image
            shown = reference.familiar
        if is_prefix:
            image = self._by_id(digits, text)
            if image is not None:
                return image
        raise _not_found(shown)

    def find(self, text: str) -> Image | None:
        """Return what `resolve` returns, or None if there is no such image."""
        try:
            return self.resolve(text)
        except ImageNotFound:
            return None

    def list(self) -> list[Image]:
        """Return all images, the newest first.  One whose documents are damaged is left out."""
        entries = self.entries()
        found: dict[Digest, Image] = {}
        for entry in entries:
            image_id = self._id(entry)
            if image_id is not None and image_id not in found:
                found[image_id] = self._joined(entry, entries)
        return sorted(found.values(), key=lambda image: image.config.created, reverse=True)

    def entries(self) -> _Entries:
        """Return index.json as it stands.

        Raises: StateUnreadable.
        """
        mark = mark_of(self._layout.index)
        known, entries = self._index
        if mark == known != NEVER:
            return list(entries)
        found = self._read_entries()
        if is_settled(mark):
            self._index = (mark, tuple(found))
        return found

    def _read_entries(self) -> _Entries:
        try:
            data = read_json(self._layout.index, _INDEX_LIMIT_BYTES)
        except FileNotFoundError:
            return []
        manifests = data.get("manifests") if isinstance(data, dict) else None
        if not isinstance(manifests, list):
            raise StateUnreadable(f"{self._layout.index}: manifests are missing")
        try:
            return [Descriptor.from_json(entry, "index.json") for entry in manifests]
        except Corrupt as error:
            raise StateUnreadable(f"{self._layout.index}: {error}") from error

    def size(self, image: Image) -> int:
        """Return the bytes of the image's files, of a layer that was not unpacked yet its blob's."""
        return sum(self.layer_sizes(image))

    def layer_sizes(self, image: Image) -> _Sizes:
        """Return the bytes of each layer, lowest first, as `size` counts them."""
        return [
            self._layer_size(chain_id, layer)
            for chain_id, layer in zip(chain_ids(image.config.diff_ids), image.layers, strict=True)
        ]

    def _layer_size(self, chain_id: Digest, layer: Descriptor) -> int:
        size = self._sizes.get(chain_id)
        if size is None:
            size = self._unpacked_size(chain_id)
            if size is None:
                noted = layer.annotations.get(SIZE_NOTE, "")
                return int(noted) if noted.isdecimal() and len(noted) < 19 else layer.size
            self._sizes[chain_id] = size
        return size

    def manifest(self, image: Image) -> Manifest:
        """Return the image's manifest document."""
        return Manifest.parse(self._blobs.read(image.manifest.digest), image.manifest.media_type)

    def _change(self, change: Callable[[_Entries], _Entries]) -> None:
        with Lock(self._layout.lock):
            entries = self.entries()
            changed = change(entries)
            if changed == entries:
                return
            data: dict[str, Any] = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [entry.to_json() for entry in changed],
            }
            write_atomic(self._layout.index, dump_json(data), sync=True)

    def _stored(self, manifest: Descriptor) -> None:
        # what is remembered may have been swept by another process
        if not self._blobs.has(manifest.digest):
            self._known.pop(manifest.digest, None)
        self._image(manifest)

    def _image(self, manifest: Descriptor) -> Image:
        known = self._known.get(manifest.digest)
        if known is not None:
            return known
        document = Manifest.parse(self._blobs.read(manifest.digest), manifest.media_type)
        config = ImageConfig.parse(self._blobs.read(document.config.digest))
        if len(config.diff_ids) != len(document.layers):
            raise Corrupt(
                f"image {document.config.digest.short}: {len(document.layers)} layers, "
                f"but {len(config.diff_ids)} diff_ids"
            )
        image = Image(
            document.config.digest,
            _named(manifest, None, _TAGGED),
            config,
            document.layers,
            sum(layer.size for layer in document.layers),
        )
        self._known[manifest.digest] = image
        return image

    def _unpacked_size(self, chain_id: Digest) -> int | None:
        try:
            about = read_json(f"{self._layout.layer(chain_id)}/layer.json")
        except (FileNotFoundError, StateUnreadable):
            return None
        size = about.get("size_bytes") if isinstance(about, dict) else None
        return size if type(size) is int else None

    def _joined(self, entry: Descriptor, entries: _Entries) -> Image:
        image = self._image(entry)
        names, tagged_at = [], ""
        for other in entries:
            name = other.annotations.get(REF_NAME)
            if name and (other.digest == entry.digest or self._id(other) == image.id):
                tagged_at = max(tagged_at, other.annotations.get(_TAGGED, ""))
                try:
                    names.append(Reference.parse(name))
                except ReferenceInvalid:
                    continue
        names.sort(key=str)
        return replace(
            image,
            tags=tuple(name for name in names if name.digest is None),
            digests=tuple(name for name in names if name.digest is not None),
            tagged_at=tagged_at,
        )

    def _id(self, entry: Descriptor) -> Digest | None:
        try:
            return self._image(entry).id
        except (Corrupt, NotFound):
            return None

    def _is_builtin(self, entry: Descriptor) -> bool:
        try:
            return self._image(entry).is_builtin
        except (Corrupt, NotFound):
            return False

    def _by_id(self, digits: str, text: str) -> Image | None:
        entries = self.entries()
        found = {}
        for entry in entries:
            image_id = self._id(entry)
            if image_id is not None and image_id.hex.startswith(digits):
                found[image_id] = entry
        if len(found) > 1:
            raise InvalidArgument(
                f"Multiple IDs found with provided prefix: {text}", "give more digits of the id"
            )
        for entry in found.values():
            return self._joined(entry, entries)
        return None


def _named(entry: Descriptor, name: str | None, *dropped: str) -> Descriptor:
    gone = (REF_NAME, *dropped)
    annotations = {key: value for key, value in entry.annotations.items() if key not in gone}
    if name is not None:
        annotations[REF_NAME] = name
    return replace(entry, annotations=annotations)


def _has(entries: Iterable[Descriptor], digest: Digest) -> bool:
    return any(entry.digest == digest for entry in entries)


def _not_found(shown: str) -> ImageNotFound:
    return ImageNotFound(f"No such image: {shown}", "`images` shows what is there")
