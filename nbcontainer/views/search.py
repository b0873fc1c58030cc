"""The rows of search, and a manifest with what surrounds it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import InvalidArgument
from ..spec.descriptor import DOCKER_MANIFEST, OCI_MANIFEST, Descriptor
from .words import ellipsis

SEARCH_COLUMNS = (
    ("Name", "NAME"),
    ("Description", "DESCRIPTION"),
    ("StarCount", "STARS"),
    ("IsOfficial", "OFFICIAL"),
)
_DESCRIPTION = 45


def search_row(found: Mapping[str, Any], *, no_trunc: bool = False) -> dict[str, Any]:
    """Return a row for one result of a search; what it says is a stranger's text."""
    description = " ".join(str(found.get("description") or "").split())
    stars = found.get("star_count")
    return {
        "Name": str(found.get("name", "")),
        "Description": description if no_trunc else ellipsis(description, _DESCRIPTION),
        "StarCount": stars if isinstance(stars, int) else 0,
        "IsOfficial": "[OK]" if found.get("is_official") else "",
        "IsAutomated": "[OK]" if found.get("is_automated") else "",
    }


def search_test(filters: Mapping[str, Sequence[str]]) -> Callable[[Mapping[str, Any]], bool]:
    """Return whether a row passes --filter stars=N, is-official=…, is-automated=….

    Raises: InvalidArgument in Docker's words for a value that is none.
    """
    least = [_number(text) for text in filters.get("stars", ())]
    wanted = [
        (column, _truth(key, text))
        for key, column in (("is-official", "IsOfficial"), ("is-automated", "IsAutomated"))
        for text in filters.get(key, ())
    ]
    return lambda row: (
        all(row["StarCount"] >= number for number in least)
        and all(bool(row[column]) == value for column, value in wanted)
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise InvalidArgument(f"invalid filter 'stars={text[:100]}'")
    return int(text)


def _truth(key: str, text: str) -> bool:
    if text not in ("1", "true", "0", "false"):
        raise InvalidArgument(f"invalid filter '{key}={text[:100]}'")
    return text in ("1", "true")


def verbose_manifest(reference: str, descriptor: Descriptor, data: bytes) -> dict[str, Any]:
    """Return what `manifest inspect --verbose` says of one manifest, under Docker's name for its kind."""
    names = {OCI_MANIFEST: "OCIManifest", DOCKER_MANIFEST: "SchemaV2Manifest"}
    return {
        "Ref": reference,
        "Descriptor": descriptor.to_json(),
        "Raw": base64.b64encode(data).decode(),
        names.get(descriptor.media_type, "Manifest"): json.loads(data),
    }
