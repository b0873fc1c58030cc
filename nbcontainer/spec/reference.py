"""Reference: where an image is found, and under which name; Docker's grammar and its refusals.

    registry.example:5000/team/app:v2@sha256:…
    `------ registry ----´ `repository´ tag  digest

See: distribution/reference, whose rules these are: the part before the first slash is a registry if it
has a dot or a colon, is localhost, or has an upper-case letter; what has none is docker.io's, and a name
of one part there belongs to library/.
"""

from __future__ import annotations

import re

from ..errors import Corrupt, ReferenceInvalid
from ..values import value
from .digest import Digest

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_IMAGE_ID = r"[a-f0-9]{64}"


@value
class Reference:
    """`tag` is "" only where a digest stands; with both, the digest decides."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __lt__(self, other: Reference) -> bool:
        return str(self) < str(other)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return `text` with docker.io, library/ and latest filled in.

        Raises: ReferenceInvalid, in Docker's words.
        """
        if re.fullmatch(_IMAGE_ID, text):
            raise ReferenceInvalid(
                f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )
        rest, at, digest_text = text.partition("@")
        registry, rest = _split_registry(rest)
        repository, colon, tag = rest.partition(":")
        if repository != repository.lower():
            raise ReferenceInvalid(
                f"invalid reference format: repository name ({_shown(repository)}) must be lowercase"
            )
        if (
            not re.fullmatch(_REGISTRY, registry)
            or not re.fullmatch(_REPOSITORY, repository)
            or (colon and not re.fullmatch(_TAG, tag))
        ):
            raise ReferenceInvalid("invalid reference format")
        if len(registry) + 1 + len(repository) > 255:
            raise ReferenceInvalid("repository name must not be more than 255 characters")
        digest = _digest(digest_text) if at else None
        return cls(registry, repository, tag or ("" if digest else DEFAULT_TAG), digest)

    @property
    def name(self) -> str:
        """Registry and repository, in full."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: docker.io and library/ are left out."""
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        owner, _, rest = self.repository.partition("/")
        short = rest if owner == "library" and rest and "/" not in rest else self.repository
        # docker.io/localhost/x must not come back as localhost's x
        return short if _split_registry(short)[0] == DEFAULT_REGISTRY else self.name

    @property
    def familiar(self) -> str:
        """The whole reference as people write it: nginx:latest."""
        return self.familiar_name + self._suffix()

    def __str__(self) -> str:
        return self.name + self._suffix()

    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    is_registry = slash and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    registry, repository = (first, rest) if is_registry else (DEFAULT_REGISTRY, text)
    if registry == "index.docker.io":
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _digest(text: str) -> Digest:
    algorithm, _, digits = text.partition(":")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*", algorithm):
        raise ReferenceInvalid("invalid reference format")
    try:
        return Digest.parse(text)
    except Corrupt:
        if algorithm not in ("sha256", "sha512"):
            raise ReferenceInvalid("unsupported digest algorithm") from None
        if re.fullmatch(r"[0-9a-f]{32,}", digits):
            raise ReferenceInvalid("invalid checksum digest length") from None
        raise ReferenceInvalid("invalid reference format") from None


def _shown(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."
