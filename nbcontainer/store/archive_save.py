"""Write images as one tar that is two formats at once, as Docker's own `save` does.

    blobs/sha256/<hex>     configs, layers, manifests
    index.json oci-layout  the OCI image layout (skopeo: oci-archive)
    manifest.json          Docker's list of configs, names and layers (docker-archive)
    repositories           the oldest form: name -> tag -> last layer

The same images give the same bytes: members are sorted and carry no time, owner or mode of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import ReferenceInvalid
from ..spec.descriptor import OCI_INDEX, REF_NAME, Descriptor
from ..spec.digest import Digest
from ..spec.reference import Reference
from . import tar_entry
from .blobs import Blobs
from .images import Image, Images
from .tar_entry import Entry

FULL_NAME = "io.containerd.image.name"
_CHUNK = 1 << 20


def save(blobs: Blobs, images: Images, names: Iterable[str], write: Callable[[bytes], Any]) -> int:
    """Write the images that `names` mean; return the archive's bytes.

    A reference keeps its name, a repository without tag means all its tags, an id saves the image
    without a name.

    Raises: ImageNotFound before anything is written; DigestMismatch if a stored blob is damaged.
    """
    chosen = _choose(images, names)
    documents = _documents(images, chosen)
    members: dict[str, bytes | Descriptor] = {
        name: json.dumps(data, separators=(",", ":")).encode() for name, data in documents.items()
    }
    for image, _ in chosen:
        config = images.manifest(image).config
        for blob in (image.manifest, config, *image.layers):
            members[_path(blob.digest)] = blob
    total = 0
    for part in _stream(blobs, members):
        write(part)
        total += len(part)
    write(tar_entry.end(total, 10240))
    return total + len(tar_entry.end(total, 10240))


def _choose(images: Images, names: Iterable[str]) -> list[tuple[Image, list[Reference]]]:
    """Return each image once, with the names that were asked for."""
    found: dict[Digest, tuple[Image, list[Reference]]] = {}
    for text in names:
        for image, reference in _meant(images, text):
            _, references = found.setdefault(image.id, (image, []))
            if reference is not None and reference not in references:
                references.append(reference)
    return list(found.values())


def _meant(images: Images, text: str) -> list[tuple[Image, Reference | None]]:
    try:
        reference = Reference.parse(text)
    except ReferenceInvalid:
        return [(images.resolve(text), None)]
    if text in (reference.name, reference.familiar_name):
        tagged = [
            (image, tag)
            for image in images.list()
            for tag in image.tags
            if tag.name == reference.name
        ]
        if tagged:
            return sorted(tagged, key=lambda pair: str(pair[1]))
    image = images.resolve(text)
    if images.named(reference) is None:
        return [(image, None)]
    return [(image, reference if reference.tag else None)]


def _documents(images: Images, chosen: list[tuple[Image, list[Reference]]]) -> dict[str, Any]:
    manifests: list[dict[str, Any]] = []
    list_: list[dict[str, Any]] = []
    repositories: dict[str, dict[str, str]] = {}
    for image, references in chosen:
        plain = Descriptor(
            image.manifest.media_type,
            image.manifest.digest,
            image.manifest.size,
            platform=image.config.platform,
        )
        if not references:
            manifests.append(plain.to_json())
        for reference in references:
            annotations = {FULL_NAME: str(reference), REF_NAME: reference.tag}
            manifests.append(plain.to_json() | {"annotations": annotations})
            last = image.layers[-1].digest.hex if image.layers else ""
            repositories.setdefault(reference.familiar_name, {})[reference.tag] = last
        list_.append(
            {
                "Config": _path(images.manifest(image).config.digest),
                "RepoTags": [reference.familiar for reference in references] or None,
                "Layers": [_path(layer.digest) for layer in image.layers],
            }
        )
    documents: dict[str, Any] = {
        "index.json": {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests},
        "manifest.json": list_,
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
    }
    if repositories:
        documents["repositories"] = repositories
    return documents


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _stream(blobs: Blobs, members: dict[str, bytes | Descriptor]) -> Iterator[bytes]:
    made: set[str] = set()
    for name in sorted(members):
        head = name.split("/")[:-1]
        for depth in range(1, len(head) + 1):
            folder = "/".join(head[:depth]) + "/"
            if folder not in made:
                made.add(folder)
                yield _header(folder, tar_entry.DIRECTORY, 0)
        content = members[name]
        if isinstance(content, bytes):
            size = len(content)
            yield _header(name, tar_entry.REGULAR, size) + content
        else:
            size = blobs.size(content.digest)
            yield _header(name, tar_entry.REGULAR, size)
            with blobs.open(content.digest) as stream:
                while part := stream.read(_CHUNK):
                    yield part
        yield bytes(-size % tar_entry.BLOCK)


def _header(name: str, kind: bytes, size: int) -> bytes:
    entry = Entry(name.encode(), kind)
    entry.mode = 0o755 if kind == tar_entry.DIRECTORY else 0o644
    entry.size = size
    return tar_entry.header(entry)
