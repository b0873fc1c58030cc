"""The rows of images and history, and inspect's document of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..spec.descriptor import Descriptor
from ..spec.image import ImageConfig
from ..spec.reference import Reference
from ..units import human_bytes, parse_rfc3339
from .words import ago, created_at, ellipsis, labels_text, short_id

COLUMNS = (
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("Size", "SIZE"),
)
DIGEST_COLUMNS = (*COLUMNS[:2], ("Digest", "DIGEST"), *COLUMNS[2:])
HISTORY_COLUMNS = (
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
)
_NONE = "<none>"


def image_rows(
    config: ImageConfig,
    *,
    id: str,
    tags: Sequence[Reference],
    digests: Sequence[Reference] = (),
    size: int,
    containers: int,
    now_ns: int,
    no_trunc: bool = False,
) -> list[dict[str, Any]]:
    """Return a row for each name of an image; a nameless one has one row of <none>.

    `digests` are the names by digest under which registries have it; where they are given, a name has a row
    for each one of its repository.  `containers`: how many use the image.
    `Ages`: as in a row of ps.
    """
    created_ns = parse_rfc3339(config.created)
    base: dict[str, Any] = {
        "ID": id if no_trunc else short_id(id),
        "Digest": _NONE,
        "CreatedAt": created_at(created_ns),
        "CreatedSince": since_text(created_ns, now_ns),
        "Size": human_bytes(size),
        "VirtualSize": human_bytes(size, 4),
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
        "Containers": str(containers),
        "Labels": labels_text(config.labels),
        "Label": lambda key: config.labels.get(key, ""),
        "Ages": lambda: {"CreatedSince": ("{} ago", created_ns)},
    }
    if not tags:
        return [{"Repository": _NONE, "Tag": _NONE, **base}]
    return [
        {**base, "Repository": tag.familiar_name, "Tag": tag.tag or _NONE, "Digest": digest}
        for tag in tags
        for digest in _digests_of(tag, digests)
    ]


def _digests_of(tag: Reference, digests: Sequence[Reference]) -> list[str]:
    if tag.digest is not None:
        return [str(tag.digest) if tag in digests else _NONE]
    return [str(one.digest) for one in digests if one.name == tag.name] or [_NONE]


def since_text(created_ns: int, now_ns: int) -> str:
    """Return "3 weeks ago"; "N/A" for an image that does not say when it was made."""
    return ago(created_ns, now_ns) if created_ns else "N/A"


def history_rows(
    config: ImageConfig,
    *,
    id: str,
    sizes: Sequence[int],
    now_ns: int,
    no_trunc: bool = False,
    human: bool = True,
) -> list[dict[str, Any]]:
    """Return the rows of history, the newest first.

    `sizes` are the layers' bytes, lowest first; an entry that made no layer counts 0.  Only the
    newest row has an id: what an image was built from is not an image of its own here.
    """
    left = list(reversed(sizes))
    rows: list[dict[str, Any]] = []
    entries = list(reversed(config.history))
    for entry in entries:
        size = 0 if entry.empty_layer or not left else left.pop(0)
        created_ns = parse_rfc3339(entry.created)
        by = entry.created_by.replace("\t", " ").replace("\n", " ")
        rows.append(
            {
                "ID": ("<missing>" if rows else id if no_trunc else short_id(id)),
                "CreatedAt": entry.created,
                "CreatedSince": since_text(created_ns, now_ns) if human else entry.created,
                "CreatedBy": by if no_trunc else ellipsis(by, 45),
                "Size": human_bytes(size) if human else str(size),
                "Comment": entry.comment,
                "Author": entry.author,
            }
        )
    return rows


def inspect(
    config: ImageConfig,
    *,
    id: str,
    tags: Sequence[Reference],
    digests: Sequence[Reference],
    size: int,
    driver: str = "overlay",
    manifest: Descriptor | None = None,
    tagged_at: str = "",
) -> dict[str, Any]:
    """Return inspect's document of an image; `tagged_at`: when it was last given a name here."""
    return {
        "Id": id,
        "RepoTags": [tag.familiar for tag in tags],
        "RepoDigests": [f"{one.familiar_name}@{one.digest}" for one in digests],
        "Parent": "",
        "Comment": config.history[-1].comment if config.history else "",
        "Created": config.created or "0001-01-01T00:00:00Z",
        "DockerVersion": "",
        "Author": config.author,
        "Config": _config(config),
        "Architecture": config.architecture,
        **({"Variant": config.variant} if config.variant else {}),
        "Os": config.os,
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {"Data": None, "Name": driver},
        "RootFS": {"Type": "layers", "Layers": [str(one) for one in config.diff_ids]},
        "Metadata": {"LastTagTime": tagged_at or "0001-01-01T00:00:00Z"},
        "Descriptor": _descriptor(manifest) if manifest is not None else None,
    }


def _descriptor(manifest: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": manifest.size,
    }


def _config(config: ImageConfig) -> dict[str, Any]:
    known = config.config_json()
    empty: dict[str, Any] = {
        "User": "",
        "Env": None,
        "Cmd": None,
        "Entrypoint": None,
        "Volumes": None,
        "WorkingDir": "",
        "Labels": None,
        "OnBuild": None,
    }
    return {**empty, **known}
