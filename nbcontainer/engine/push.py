"""Push: find what a name means here, have its registry given what it lacks, remember under which digest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import EngineError, ImageNotFound, InvalidArgument, RegistryDenied
from ..registry.answers import refusal_code
from ..registry.client import Client
from ..spec.digest import Digest
from ..spec.reference import DEFAULT_TAG, Reference
from ..store.images import Image
from ..under_way import LayerProgress, Transfer
from .host import Host
from .images import attributes
from .registries import access_of
from .transfers import carry

Items = Iterator[LayerProgress | str]


def session(host: Host, text: str, *, all_tags: bool = False, quiet: bool = False) -> Transfer:
    """Return the push of an image, or with `all_tags` of all of a repository's; iterating carries it out.

    Raises: ReferenceInvalid, InvalidArgument, ImageNotFound in Docker's words, before anything is asked.
    """
    reference = Reference.parse(text)
    if reference.digest is not None:
        raise InvalidArgument("cannot push a digest reference")
    is_bare = text in (reference.name, reference.familiar_name)
    if all_tags and not is_bare:
        raise InvalidArgument("tag can't be used with --all-tags/-a")
    tags = _tags(host, reference, all_tags)
    note = [f"Using default tag: {DEFAULT_TAG}"] if is_bare and not all_tags and not quiet else []
    return Transfer(_push(host, reference, tags, note, quiet))


def _tags(host: Host, reference: Reference, all_tags: bool) -> dict[str, Image]:
    if all_tags:
        found = {
            tag.tag: image
            for image in host.images.list()
            for tag in image.tags
            if tag.name == reference.name
        }
        if not found:
            raise ImageNotFound(
                f"An image does not exist locally with the tag: {reference.familiar_name}",
                "`images` shows what is here; `tag` gives an image a registry's name.",
            )
        return dict(sorted(found.items()))
    image = host.images.named(reference)
    if image is None:
        raise ImageNotFound(
            f"An image does not exist locally with the tag: {reference.familiar_name}",
            "`images` shows what is here; `tag` gives an image a registry's name.",
        )
    return {reference.tag: image}


def _push(
    host: Host, reference: Reference, tags: dict[str, Image], note: list[str], quiet: bool
) -> Items:
    yield from note
    if not quiet:
        yield f"The push refers to repository [{reference.name}]"
    # nothing of it may be swept while it is sent
    with host.blobs.adding():
        client = _reach(host, reference)
        by_image: dict[Digest, tuple[Image, list[str]]] = {}
        for tag, image in tags.items():
            by_image.setdefault(image.id, (image, []))[1].append(tag)
        for image, names in by_image.values():
            try:
                lines = yield from _deliver(host, client, reference, image, names)
            except RegistryDenied as error:
                raise _in_dockers_words(error) from None
            if not quiet:
                yield from lines
    if quiet:
        yield str(reference) if len(tags) == 1 else reference.name


def _reach(host: Host, reference: Reference) -> Client:
    """Return the client of the address that answers, before much is sent to it."""

    def ask(client: Client) -> Client:
        # what a registry says here it would say later, too
        client.manifest_digest(reference.repository, reference.tag)
        return client

    try:
        return access_of(host).first(reference.registry, ask, write=True)
    except RegistryDenied as error:
        raise _in_dockers_words(error) from None


def _deliver(
    host: Host, client: Client, reference: Reference, image: Image, tags: list[str]
) -> Any:
    """Have one image delivered: yield progress, return its lines: layers topmost first, then tags."""
    endpoint = client.endpoint
    order = {
        "verb": "push",
        "registry": reference.registry,
        "repository": reference.repository,
        "endpoint": [endpoint.url, endpoint.insecure, endpoint.is_mirror],
        "image": str(image.id),
        "tags": tags,
        "mounts": _mounts(host, reference, image),
    }
    last: dict[str, str] = {}
    carrying = carry(host, order)
    try:
        while True:
            progress = next(carrying)
            last[progress.id] = progress.status
            yield progress
    except StopIteration as end:
        done = end.value
    finally:
        carrying.close()
    lines = [
        f"{diff_id.short}: {last.get(diff_id.short, 'Pushed')}"
        for diff_id in reversed(image.config.diff_ids)
    ]
    for tag, digest, size in done:
        lines.append(f"{tag}: digest: {digest} size: {size}")
        name = Reference(reference.registry, reference.repository, "", Digest.parse(digest))
        host.images.take_in([(image.manifest, (name,))])
        familiar = f"{reference.familiar_name}:{tag}"
        host.publish("image", "push", familiar, **attributes(image, reference.familiar_name))
    return lines


def _mounts(host: Host, reference: Reference, image: Image) -> dict[str, list[str]]:
    """Return which other repositories of the same registry have a layer, as far as is known here."""
    wanted = {layer.digest for layer in image.layers}
    found: dict[str, list[str]] = {}
    for other in host.images.list():
        names = [
            one.repository
            for one in other.digests
            if one.registry == reference.registry and one.repository != reference.repository
        ]
        for layer in other.layers:
            if layer.digest in wanted:
                known = found.setdefault(str(layer.digest), [])
                known += [name for name in names if name not in known]
    return found


def _in_dockers_words(error: EngineError) -> EngineError:
    if refusal_code(error) == "UNAUTHORIZED":
        said = "denied: requested access to the resource is denied"
        return RegistryDenied(said, error.hint)
    return error
