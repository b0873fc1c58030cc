"""Descriptor: what a content is, how long, and its digest; the edges of the graph that an image is."""

from __future__ import annotations

from os import uname
from typing import Any

from ..errors import Corrupt, InvalidArgument
from ..values import field, value
from .digest import Digest
from .document import count_of, map_of, object_of, text_of, texts_of

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

# a layer that its registry need not have; OCI has deprecated the kind
_OCI_LAYER_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"

LAYERS = frozenset(
    (
        OCI_LAYER,
        OCI_LAYER_GZIP,
        OCI_LAYER_ZSTD,
        *(_OCI_LAYER_FOREIGN + compression for compression in ("", "+gzip", "+zstd")),
        DOCKER_LAYER,
        DOCKER_LAYER_GZIP,
        f"{DOCKER_LAYER}.zstd",
        DOCKER_LAYER_FOREIGN,
    )
)
# early registries kept any of the last three: https://github.com/distribution/distribution/issues/1622
CONFIGS = frozenset(
    (OCI_CONFIG, DOCKER_CONFIG, "application/octet-stream", "application/json", "text/html")
)
INDEXES = frozenset((OCI_INDEX, DOCKER_INDEX))
MANIFESTS = frozenset((OCI_MANIFEST, DOCKER_MANIFEST))

REF_NAME = "org.opencontainers.image.ref.name"

# uname's and users' words -> the specification's (Go's GOARCH)
_ARCHITECTURES = {
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armv7l": "arm",
    "armel": "arm", "i386": "386", "i686": "386",
}  # fmt: skip
# what Go knows: containerd's platforms package
_MACHINES = frozenset(
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le "
    "mips64p32 mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm".split()
)
_SYSTEMS = frozenset(
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris "
    "windows zos".split()
)
_VARIANTS = {"armhf": "v7", "armv7l": "v7", "armel": "v6"}


@value
class Platform:
    """What a program needs to run: linux/arm64/v8.  The default variant (arm64 v8) is left out."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""
    os_version: str = ""

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "", os_version: str = "") -> Platform:
        """Return the platform in normal form: x86_64 is amd64, aarch64 and arm64/v8 are arm64."""
        machine = architecture.lower()
        variant = variant.lower() or _VARIANTS.get(machine, "")
        machine = _ARCHITECTURES.get(machine, machine)
        if machine == "arm64" and variant in ("8", "v8"):
            variant = ""
        elif machine == "arm" and variant.isdigit():
            variant = f"v{variant}"
        return cls(os.lower(), machine, variant, os_version)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read "linux/arm64/v8", "linux/amd64", or an architecture or an operating system alone.

        Raises: InvalidArgument in Docker's words.
        """
        parts = text.split("/")
        if len(parts) > 3 or not all(
            p and p.replace("_", "").replace("-", "").isalnum() for p in parts
        ):
            raise InvalidArgument(f'"{text}": invalid platform: expected os/architecture[/variant]')
        if len(parts) > 1:
            return cls.of(*parts)
        word = text.lower()
        if word in _SYSTEMS:
            return cls.of(word, uname().machine)  # for this machine, as Docker takes it
        if word not in _MACHINES and word not in _ARCHITECTURES:
            raise InvalidArgument(f'"{text}": unknown operating system or architecture')
        return cls.of("linux", word)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Platform:
        what = "platform"
        return cls.of(
            text_of(data, "os", what),
            text_of(data, "architecture", what),
            text_of(data, "variant", what),
            text_of(data, "os.version", what),
        )

    def to_json(self) -> dict[str, str]:
        shown = {"architecture": self.architecture, "os": self.os, "variant": self.variant}
        shown["os.version"] = self.os_version
        return {key: value for key, value in shown.items() if value}

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@value
class Descriptor:
    """`size` is in bytes.  `urls` are kept and never fetched: they are where credentials are lured to."""

    media_type: str
    digest: Digest
    size: int
    annotations: dict[str, str] = field(default_factory=dict)
    platform: Platform | None = None
    urls: tuple[str, ...] = ()
    artifact_type: str = ""

    @classmethod
    def from_json(cls, data: Any, what: str = "descriptor") -> Descriptor:
        """Build a descriptor from the specification's names.

        Raises: Corrupt.
        """
        if not isinstance(data, dict):
            raise Corrupt(f"{what}: expected an object, found {type(data).__name__}")
        media_type = text_of(data, "mediaType", what)
        if not media_type:
            raise Corrupt(f"{what}: mediaType is missing")
        if "size" not in data:
            raise Corrupt(f"{what}: size is missing")
        platform = object_of(data, "platform", what)
        return cls(
            media_type,
            Digest.parse(data.get("digest")),
            count_of(data, "size", what),
            map_of(data, "annotations", what),
            Platform.from_json(platform) if platform else None,
            texts_of(data, "urls", what),
            text_of(data, "artifactType", what),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the specification's form; what is empty is left out."""
        data: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.urls:
            data["urls"] = list(self.urls)
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        if self.platform:
            data["platform"] = self.platform.to_json()
        if self.artifact_type:
            data["artifactType"] = self.artifact_type
        return data
