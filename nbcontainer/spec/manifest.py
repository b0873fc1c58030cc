"""Manifest: one image's config and layers.  Index: manifests for several platforms.

A document says three times what it is: by its Content-Type, by `mediaType`, by its members.  All that
speak must agree, else two tools may run two different images under one digest (CVE-2021-41190).
"""

from __future__ import annotations

from typing import Any

from ..errors import Corrupt, ImageNotFound, Unsupported
from ..values import field, value
from .descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Platform,
)
from .document import map_of, objects_of, parse_document, refuse_case_twins, serialize, text_of

MAX_LAYERS = 1024
MAX_MANIFESTS = 4096
_KEYS = frozenset(
    ("schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "subject",
     "artifactType", "fsLayers", "history")
)  # fmt: skip


@value
class Manifest:
    """One image: its config and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = OCI_MANIFEST
    annotations: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, content_type: str = "") -> Manifest:
        """Read a manifest; `content_type` is what the registry or the descriptor called it.

        Raises: Corrupt, also if it is an index; Unsupported for Docker's schema 1.
        """
        document = parse_manifest(data, content_type)
        if not isinstance(document, cls):
            raise Corrupt("manifest: this is an index of several manifests")
        return document

    def to_json(self) -> bytes:
        """Return the document's bytes, which its digest is taken of."""
        data: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        return serialize(data)


@value
class Index:
    """Manifests (or further indexes), one a platform."""

    manifests: tuple[Descriptor, ...]
    media_type: str = OCI_INDEX
    annotations: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, content_type: str = "") -> Index:
        """Read an index.

        Raises: Corrupt, also if it is a manifest; Unsupported for Docker's schema 1.
        """
        document = parse_manifest(data, content_type)
        if not isinstance(document, cls):
            raise Corrupt("index: this is a manifest of one image")
        return document

    def to_json(self) -> bytes:
        """Return the document's bytes."""
        data: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "manifests": [manifest.to_json() for manifest in self.manifests],
        }
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        return serialize(data)

    def choose(self, platform: Platform) -> tuple[Descriptor, ...]:
        """Return the manifest that runs on `platform`: the same variant, else the nearest older one.

        Where none says that it does, these are all that do not say what they run on: only their images,
        or what their own indexes say, can tell.

        Raises: ImageNotFound, in Docker's words.
        """
        fitting = [
            (_distance(platform, entry.platform), position, entry)
            for position, entry in enumerate(self.manifests)
            if entry.platform and fits(platform, entry.platform)
        ]
        if fitting:
            return (min(fitting, key=lambda item: item[:2])[2],)
        silent = tuple(
            entry
            for entry in self.manifests
            if entry.platform is None
            and entry.media_type in INDEXES | MANIFESTS
            and not entry.artifact_type
        )
        if not silent:
            raise self.lacks(platform)
        return silent

    def lacks(self, platform: Platform) -> ImageNotFound:
        """Return the error that says, in Docker's words, that nothing here runs on `platform`."""
        offered = sorted({str(m.platform) for m in self.manifests if m.platform})
        return ImageNotFound(
            f"no matching manifest for {platform} in the manifest list entries",
            f"offered are {', '.join(offered)[:200]}" if offered else None,
        )


def parse_manifest(data: bytes, content_type: str = "") -> Manifest | Index:
    """Read a manifest or an index, whichever it is.

    Raises: Corrupt if its kinds disagree, or a member has the wrong shape; Unsupported for schema 1.
    """
    document = parse_document(data, "manifest")
    refuse_case_twins(document, _KEYS, "manifest")
    media_type = _media_type(document, content_type.partition(";")[0].strip())
    annotations = map_of(document, "annotations", "manifest")
    if media_type in INDEXES:
        if "config" in document or "layers" in document:
            raise Corrupt("index: config or layers stand in an index of manifests")
        entries = objects_of(document, "manifests", "index", MAX_MANIFESTS)
        return Index(tuple(map(Descriptor.from_json, entries)), media_type, annotations)
    if "manifests" in document:
        raise Corrupt("manifest: manifests stand in a manifest of one image")
    layers = objects_of(document, "layers", "manifest", MAX_LAYERS)
    return Manifest(
        Descriptor.from_json(document.get("config"), "manifest: config"),
        tuple(Descriptor.from_json(layer, "manifest: layer") for layer in layers),
        media_type,
        annotations,
    )


def _media_type(document: dict[str, Any], content_type: str) -> str:
    version = document.get("schemaVersion")
    if version == 1 and type(version) is int:
        raise Unsupported(
            "manifest: Docker's schema 1 is not supported",
            "push the image again with a current tool",
        )
    if version != 2 or type(version) is not int:
        raise Corrupt(f"manifest: schemaVersion is {str(version)[:40]!r}, not 2")
    if "fsLayers" in document or ("history" in document and "layers" not in document):
        raise Corrupt("manifest: members of schema 1 and 2 stand together")
    said = text_of(document, "mediaType", "manifest")
    if said and content_type in INDEXES | MANIFESTS and said != content_type:
        raise Corrupt(f"manifest: mediaType is {said[:100]}, but it came as {content_type}")
    kind = said or (content_type if content_type in INDEXES | MANIFESTS else "")
    if not kind:
        kind = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if kind not in INDEXES | MANIFESTS:
        raise Corrupt(f"manifest: {kind[:100]} is no manifest and no index")
    if not said and kind in (DOCKER_INDEX, DOCKER_MANIFEST):
        raise Corrupt("manifest: mediaType is missing")
    return kind


def fits(wanted: Platform, offered: Platform) -> bool:
    """Tell whether what is made for one platform runs on the other: the same machine, no newer variant."""
    if (wanted.os, wanted.architecture) != (offered.os, offered.architecture):
        return False
    return _version(offered, wanted) <= _version(wanted, wanted)


def _distance(wanted: Platform, offered: Platform | None) -> int:
    return _version(wanted, wanted) - _version(offered or wanted, wanted)


def _version(platform: Platform, wanted: Platform) -> int:
    # amd64 has v1…v4, arm v5…v8; what names none runs anywhere on amd64 and means v7 on arm
    digits = platform.variant.removeprefix("v")
    if digits.isdecimal() and len(digits) < 4:
        return int(digits)
    return {"arm": 7, "arm64": 8}.get(wanted.architecture, 1)
