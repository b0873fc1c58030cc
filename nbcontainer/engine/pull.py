"""Pull: find what a reference means at its registry, have what is missing fetched, give it its names."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

from ..errors import (
    Corrupt,
    EngineError,
    HostLacks,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    RegistryDenied,
    Unsupported,
)
from ..registry.answers import refusal_code
from ..registry.client import Client, Fetched
from ..spec.descriptor import CONFIGS, LAYERS, Descriptor, Platform
from ..spec.digest import Digest
from ..spec.image import ImageConfig, chain_ids
from ..spec.manifest import Index, Manifest, fits
from ..spec.reference import DEFAULT_TAG, Reference
from ..store.images import Image
from ..store.incoming import Incoming
from ..store.snapshots import is_unpacked
from ..under_way import LayerProgress, Transfer
from ..values import replace, value
from .host import Host
from .images import attributes
from .registries import access_of
from .transfers import carry

_NESTED = 4
# how many entries of an index are looked at that do not say what they run on
_SILENT = 16
Items = Iterator[LayerProgress | str]
Carried = Generator[LayerProgress | str, None, list[str]]


@value
class Found:
    """An image at its registry: who has it, its manifest, and the digest of what the reference names."""

    client: Client
    manifest: Fetched
    top: Digest
    config: ImageConfig


def session(
    host: Host, text: str, *, platform: str = "", all_tags: bool = False, quiet: bool = False
) -> Transfer:
    """Return the pull of a reference; iterating carries it out.

    Raises: ReferenceInvalid, InvalidArgument in Docker's words, before anything is asked.
    """
    reference = Reference.parse(text)
    if all_tags and (reference.digest or _names_tag(text)):
        raise InvalidArgument("tag can't be used with --all-tags/-a")
    _refuse_reserved(reference)
    wanted = Platform.parse(platform) if platform else None
    if all_tags:
        return Transfer(_all(host, reference, wanted, quiet))
    note = (
        []
        if _names_tag(text) or reference.digest or quiet
        else [f"Using default tag: {DEFAULT_TAG}"]
    )
    return Transfer(_one(host, reference, wanted, note, quiet))


def _refuse_reserved(reference: Reference) -> None:
    # the empty image that a Dockerfile begins with: it is nowhere
    if reference.familiar_name == "scratch":
        raise InvalidArgument("'scratch' is a reserved name")


def own_platform() -> Platform:
    """Return what this machine runs."""
    return Platform.of("linux", os.uname().machine)


def _names_tag(text: str) -> bool:
    return ":" in text.partition("@")[0].rpartition("/")[2]


def _one(
    host: Host, reference: Reference, platform: Platform | None, note: list[str], quiet: bool
) -> Items:
    yield from note
    lines = yield from _pull(host, reference, platform, reference.familiar, quiet)
    if not quiet:
        yield from lines
    yield str(reference)


def _all(host: Host, reference: Reference, platform: Platform | None, quiet: bool) -> Items:
    access = access_of(host)
    name = reference.familiar_name
    try:
        tags = access.first(reference.registry, lambda c: c.tags(reference.repository))
    except (NotFound, RegistryDenied) as error:
        raise _in_dockers_words(error, reference) from None
    if not tags:
        raise ImageNotFound(f"repository {name} not found: it has no tags")
    status = ""
    for tag in sorted(tags):
        one = replace(reference, tag=tag, digest=None)
        lines = yield from _pull(host, one, platform, name, quiet)
        status = next(line for line in lines if line.startswith("Status: "))
        if not quiet:
            yield from (line for line in lines if line != status)
    if not quiet:
        yield status
    yield reference.name


def _pull(
    host: Host, reference: Reference, platform: Platform | None, shown: str, quiet: bool
) -> Carried:
    """Pull one image: yield progress, return the lines about it.  `platform` may be left open."""
    by_tag = replace(reference, digest=None)
    with host.blobs.adding():
        found = _find(host, reference, platform or own_platform())
        if not quiet:
            where = str(reference.digest) if reference.digest else reference.tag
            # the repository as Docker shows it: without the registry, with docker.io's library/
            yield f"{where}: Pulling from {reference.repository}"
        by_digest = Reference(reference.registry, reference.repository, "", found.top)
        before = host.images.named(by_digest if reference.digest else by_tag)
        lines = yield from _fetch(host, reference, found)
        about = found.manifest.descriptor
        manifest = Descriptor(about.media_type, about.digest, len(found.manifest.data))
        # written once: each write waits for the disk
        if not host.blobs.has(about.digest):
            host.blobs.put(found.manifest.data)
        names = (by_digest,) if reference.digest else (by_tag, by_digest)
        host.images.take_in([(manifest, names)])
    image = host.images.named(by_digest)
    assert image is not None
    told = attributes(image, reference.familiar_name)
    host.publish("image", "pull", reference.familiar, **told)
    is_new = before is None or before.id != image.id
    words = "Downloaded newer image for" if is_new else "Image is up to date for"
    lines += [f"Digest: {found.top}", f"Status: {words} {shown}"]
    if platform and not fits(platform, found.config.platform):
        lines.append(
            f"WARNING: image with reference {reference.familiar} was found but does not match the specified "
            f"platform: wanted {platform}, actual: {found.config.platform}"
        )
    return lines


def _fetch(host: Host, reference: Reference, found: Found) -> Carried:
    """Have the layers fetched that are not here; return a line a layer, lowest first."""
    diff_ids = found.config.diff_ids
    wanted = list(zip(_layers(found), diff_ids, chain_ids(diff_ids), strict=True))
    backend = _backend(host)
    missing = {
        chain_id
        for layer, _, chain_id in wanted
        if not host.blobs.has(layer.digest)
        or (backend and not is_unpacked(host.layout, chain_id, backend))
    }
    if missing:
        endpoint = found.client.endpoint
        order = {
            "verb": "pull",
            "registry": reference.registry,
            "repository": reference.repository,
            "endpoint": [endpoint.url, endpoint.insecure, endpoint.is_mirror],
            "layers": [
                (layer.to_json(), str(diff_id), str(chain_id))
                for layer, diff_id, chain_id in wanted
            ],
        }
        yield from carry(host, order)
    return [
        f"{layer.digest.short}: {'Pull complete' if chain_id in missing else 'Already exists'}"
        for layer, _, chain_id in wanted
    ]


def _backend(host: Host) -> str:
    try:
        return host.features.snapshotter
    except HostLacks:
        return ""  # an image can be had where no container can run


def _layers(found: Found) -> tuple[Descriptor, ...]:
    document = found.manifest.document
    assert isinstance(document, Manifest)
    return document.layers


def _find(host: Host, reference: Reference, platform: Platform) -> Found:
    """Ask for what a reference means, down to one image for the platform.

    Raises: in Docker's words: ImageNotFound, RegistryDenied, Unsupported, Corrupt, …
    """
    where = str(reference.digest) if reference.digest else reference.tag

    def ask(client: Client) -> Found:
        # a HEAD does not count against a limit, and mostly tells that nothing is new
        digest = client.manifest_digest(reference.repository, where)
        known = _stored(host, reference, digest, platform, client) if digest else None
        if known is not None:
            return known
        fetched = client.manifest(reference.repository, where)
        found = _descend(host, client, reference.repository, fetched, platform)
        return replace(found, top=fetched.descriptor.digest)

    try:
        return access_of(host).first(reference.registry, ask)
    except (NotFound, RegistryDenied) as error:
        raise _in_dockers_words(error, reference) from None


def _descend(
    host: Host,
    client: Client,
    repository: str,
    fetched: Fetched,
    platform: Platform,
    depth: int = 0,
) -> Found:
    """Return the one image of a manifest or of an index that runs on the platform."""
    index = fetched.document
    if not isinstance(index, Index):
        return _with_config(host, client, repository, fetched)
    if depth == _NESTED:
        raise Corrupt(f"{repository}: indexes are nested too deeply")
    failure: EngineError = index.lacks(platform)
    for entry in index.choose(platform)[:_SILENT]:
        inner = client.manifest(repository, str(entry.digest))
        size = len(inner.data)
        if size != entry.size:
            raise Corrupt(f"manifest {entry.digest}: {size} bytes, not {entry.size}")
        try:
            found = _descend(host, client, repository, inner, platform, depth + 1)
        except (ImageNotFound, Unsupported) as error:
            if entry.platform:
                raise
            failure = error  # not this one, or no image
            continue
        if entry.platform or fits(platform, found.config.platform):
            return found
    raise failure


def _stored(
    host: Host, reference: Reference, digest: Digest, platform: Platform, client: Client
) -> Found | None:
    """Return what this digest was when it was pulled before, for the same platform."""
    image = host.images.named(Reference(reference.registry, reference.repository, "", digest))
    if image is None or platform != own_platform() or not _is_for(image, platform):
        return None  # an index has others, which only it knows
    try:
        data = host.blobs.read(image.manifest.digest)
        host.blobs.read(image.id)
    except (NotFound, Corrupt):
        return None  # damaged: fetched anew
    document = Manifest.parse(data, image.manifest.media_type)
    return Found(client, Fetched(image.manifest, data, document), digest, image.config)


def _is_for(image: Image, platform: Platform) -> bool:
    own = image.config.platform
    return (platform.os, platform.architecture) == (own.os, own.architecture)


def _with_config(host: Host, client: Client, repository: str, fetched: Fetched) -> Found:
    document = fetched.document
    assert isinstance(document, Manifest)
    _refuse_other_kinds(document)
    # who pulls the same at the same time waits, and then finds it
    incoming = Incoming(host.layout, document.config.digest, document.config.size)
    if incoming.claim():
        try:
            data = client.small_blob(repository, document.config)
            incoming.restart()
            incoming.write(data)
            incoming.commit()
        finally:
            incoming.release()
    else:
        data = host.blobs.read(document.config.digest)
    config = ImageConfig.parse(data)
    if len(config.diff_ids) != len(document.layers):
        raise Corrupt(
            f"image {document.config.digest.short}: {len(document.layers)} layers, "
            f"but {len(config.diff_ids)} diff_ids",
            "This is no image of files; other things in registries cannot be pulled.",
        )
    return Found(client, fetched, fetched.descriptor.digest, config)


def _refuse_other_kinds(document: Manifest) -> None:
    """Refuse what registries keep that is no image: charts, signatures, modules."""
    for part, kinds in ((document.config, CONFIGS), *((one, LAYERS) for one in document.layers)):
        if part.media_type not in kinds:
            raise Unsupported(
                f"unsupported media type {part.media_type[:200]}", "This is no image of files."
            )


def _in_dockers_words(error: EngineError, reference: Reference) -> EngineError:
    """Return what Docker says of a refusal when it pulls."""
    code = refusal_code(error)
    name, full = reference.familiar_name, reference.familiar
    if code == "MANIFEST_UNKNOWN":
        return ImageNotFound(f"manifest for {full} not found: {error.message}", error.hint)
    if code == "NAME_UNKNOWN":
        return ImageNotFound(f"repository {name} not found: {error.message}", error.hint)
    if isinstance(error, RegistryDenied) and code in ("DENIED", "UNAUTHORIZED"):
        return RegistryDenied(
            f"pull access denied for {name}, repository does not exist or may require 'docker login': "
            f"{error.message}",
            error.hint,
        )
    if isinstance(error, NotFound) and not isinstance(error, ImageNotFound):
        return ImageNotFound(f"manifest for {full} not found: {error.message}", error.hint)
    return error


def before_run(
    host: Host, reference: Reference, platform: str, *, is_missing: bool, quiet: bool
) -> Transfer:
    """Return the pull that comes before a container; it says less than a pull that was asked for."""
    _refuse_reserved(reference)
    wanted = Platform.parse(platform) if platform else None
    return Transfer(_before_run(host, reference, wanted, is_missing, quiet), aside=True)


def _before_run(
    host: Host, reference: Reference, platform: Platform | None, is_missing: bool, quiet: bool
) -> Items:
    if is_missing and not quiet:
        yield f"Unable to find image '{reference.familiar}' locally"
    last = None
    for item in _one(host, reference, platform, [], False):
        # Docker leaves the last line, which only names the image, out here
        if last is not None and not (quiet and isinstance(last, str)):
            yield last
        last = item
