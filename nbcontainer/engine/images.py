"""Images as a whole: list, name, describe, remove, prune."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import EngineError, HostLacks, InvalidArgument, StillInUse
from ..results import Pruned, Table, Text
from ..spec.digest import Digest
from ..spec.filters import (
    IMAGE_KEYS,
    IMAGE_PRUNE_KEYS,
    image_test,
    parse_filters,
    prune_test,
    prunes_only_dangling,
    reference_fits,
)
from ..spec.image import chain_ids
from ..spec.lifecycle import State
from ..spec.reference import Reference
from ..spec.runtime import RuntimeConfig
from ..store.images import Image
from ..units import parse_rfc3339, rfc3339
from ..views import image as view
from ..views.system import pruned
from .collect import collect
from .create import find_image
from .host import Host

_Users = list[tuple[RuntimeConfig, State]]


def images(
    host: Host,
    repository: str,
    *,
    digests: bool,
    filter: Any,
    no_trunc: bool,
) -> Table:
    """Return a row for each name of each image, the newest image first."""
    filters = dict(parse_filters(filter, IMAGE_KEYS))
    if repository:
        filters["reference"] = (*filters.get("reference", ()), *_spellings(repository))
    patterns = filters.get("reference", ())
    now = host.now_ns()
    fits = image_test(
        filters, created=lambda text: _created_ns(host.images.resolve(text)), now_ns=now
    )
    users = _users(host)
    rows = []
    for image in host.images.list():
        # one that is known by a digest alone is dangling as well, and has a row with its repository
        names = tuple(tag.familiar for tag in image.tags)
        if not fits(image.config.labels, _created_ns(image), names):
            continue
        tags = [tag for tag in image.tags if not patterns or _fits_any(tag, patterns)]
        rows += view.image_rows(
            image.config,
            id=str(image.id),
            tags=tags or image.digests,
            digests=image.digests if digests else (),
            size=host.images.size(image),
            containers=len(users.get(str(image.id), ())),
            now_ns=host.chance.seen_ns(_created_ns(image)),
            no_trunc=no_trunc,
        )
    return Table("image", view.DIGEST_COLUMNS if digests else view.COLUMNS, rows)


def _spellings(repository: str) -> list[str]:
    """Return the argument and, where it is a full name, its familiar form."""
    try:
        reference = Reference.parse(repository)
    except EngineError:
        return [repository]
    is_bare = repository in (reference.name, reference.familiar_name)
    familiar = reference.familiar_name if is_bare else reference.familiar
    return list(dict.fromkeys((repository, familiar)))


def _fits_any(tag: Reference, patterns: Iterable[str]) -> bool:
    return any(reference_fits((tag.familiar,), pattern) for pattern in patterns)


def _created_ns(image: Image) -> int:
    return parse_rfc3339(image.config.created)


def history(host: Host, name: str, *, no_trunc: bool, human: bool) -> Table:
    """Return how an image was made, the newest step first."""
    image = find_image(host, name)
    rows = view.history_rows(
        image.config,
        id=str(image.id),
        sizes=host.images.layer_sizes(image),
        now_ns=host.chance.seen_ns(_created_ns(image)),
        no_trunc=no_trunc,
        human=human,
    )
    return Table("history", view.HISTORY_COLUMNS, rows)


def inspect(host: Host, name: str) -> dict[str, Any]:
    """Return Docker's document on an image.  Raises: ImageNotFound, ReferenceInvalid."""
    return document(host, host.images.resolve(name))


def document(host: Host, image: Image) -> dict[str, Any]:
    """Return Docker's document on a stored image."""
    return view.inspect(
        image.config,
        id=str(image.id),
        tags=image.tags,
        digests=image.digests,
        size=host.images.size(image),
        driver=_driver(host),
        manifest=image.manifest,
        tagged_at=image.tagged_at,
    )


def _driver(host: Host) -> str:
    try:
        return host.features.snapshotter
    except HostLacks:
        return ""  # where no container can run, images can be looked at


def tag(host: Host, source: str, target: str) -> None:
    """Give an image one more name; what had the name before loses it.

    Raises: ImageNotFound, ReferenceInvalid.
    """
    reference = tag_reference(target)
    with host.blobs.adding():
        image = find_image(host, source)
        host.images.tag(reference, image.manifest, rfc3339(host.chance.stamp_ns()))
    host.publish("image", "tag", str(image.id), **attributes(image, reference.familiar))


def tag_reference(text: str) -> Reference:
    """Return the reference by which an image may be named.  Raises: ReferenceInvalid."""
    reference = Reference.parse(text)
    if reference.digest is not None:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    return reference


def attributes(image: Image, name: str) -> dict[str, str]:
    """Return what an event of an image carries: its labels, and the name that it is about."""
    return {**image.config.labels, "name": name}


# -- removal


def rmi(host: Host, names: Iterable[str], *, force: bool) -> Text:
    """Take names away from images, and remove those that lost their last; return what was done.

    Raises: ImageNotFound, Conflict and StillInUse in Docker's words; what was done before stays done.
    """
    lines: list[str] = []
    try:
        for name in names:
            lines += remove(host, name, force=force)
    finally:
        if any(line.startswith("Deleted") for line in lines):
            collect(host)
    return Text(lines)


def remove(host: Host, name: str, *, force: bool) -> list[str]:
    """Do what rmi does to one image, without sweeping; return its lines."""
    image = host.images.resolve(name)
    users = _users(host).get(str(image.id), [])
    references = (*image.tags, *image.digests)
    lines: list[str] = []
    is_named = not (str(image.id).startswith(name) or image.id.hex.startswith(name))
    if is_named:
        if not force and users and is_single(references):
            raise StillInUse(
                f'conflict: unable to remove repository reference "{name}" (must force) - container '
                f"{users[0][0].id[:12]} is using its referenced image {image.id.short}",
                "Remove the container first; with --force only the name goes.",
            )
        gone = _meant(image, Reference.parse(name))
        left = [each for each in references if each not in gone]
        for each in gone:
            lines += _untag(host, image, each)
        if left:
            return lines
    elif is_single(references):
        _check(image, users, force=force, references=())
        for each in references:
            lines += _untag(host, image, each)
    try:
        _check(image, users, force=force, references=() if is_named else references)
    except StillInUse:
        if is_named:
            return lines  # its name is gone, as was asked; who uses it keeps it
        raise
    return lines + _delete(host, image)


def is_single(references: Iterable[Reference]) -> bool:
    """Tell whether an image has at most one name, its digests in that repository not counted."""
    tags = [each for each in references if each.digest is None]
    repositories = {each.name for each in references if each.digest is not None}
    repositories.update(each.name for each in tags)
    return len(tags) <= 1 and len(repositories) <= 1


def _meant(image: Image, asked: Reference) -> list[Reference]:
    """Return the names that `rmi asked` takes away: with a repository's last tag its digests, too."""
    same = [each for each in (*image.tags, *image.digests) if each.name == asked.name]
    if asked.digest is not None:
        exact = [each for each in same if each == asked]
        return exact or same
    others = [each for each in image.tags if each.name == asked.name and each != asked]
    return [asked] if others else [each for each in same if each == asked or each.digest]


def _check(image: Image, users: _Users, *, force: bool, references: tuple[Reference, ...]) -> None:
    """Raise the conflict that stands against deleting the image, unless force is enough."""

    used = "Stop and remove the container first."
    for config, state in users:
        if state.status.is_alive:
            why = f"(cannot be forced) - image is being used by running container {config.id[:12]}"
            raise StillInUse(f"conflict: unable to delete {image.id.short} {why}", used)
    if force:
        return
    if references:
        why, hint = "image is referenced in multiple repositories", "Remove its names one by one"
    elif users:
        why = f"image is being used by stopped container {users[0][0].id[:12]}"
        hint = "Remove the container first"
    else:
        return
    raise StillInUse(
        f"conflict: unable to delete {image.id.short} (must be forced) - {why}",
        f"{hint}, or use --force.",
    )


def _untag(host: Host, image: Image, reference: Reference) -> list[str]:
    host.images.untag(reference)
    host.publish("image", "untag", str(image.id), **attributes(image, str(image.id)))
    return [f"Untagged: {reference.familiar}"]


def _delete(host: Host, image: Image) -> list[str]:
    """Forget the image; return the lines about the names and layers that go with it."""
    lines = [f"Untagged: {each.familiar}" for each in _names_now(host, image)]
    host.images.remove(image)
    host.publish("image", "delete", str(image.id), **attributes(image, str(image.id)))
    live = {chain for other in host.images.list() for chain in chain_ids(other.config.diff_ids)}
    live |= {Digest(layer) for config, _, _ in host.containers.list() for layer in config.layers}
    dead = [chain for chain in chain_ids(image.config.diff_ids) if chain not in live]
    return [*lines, f"Deleted: {image.id}", *(f"Deleted: {chain}" for chain in reversed(dead))]


def _names_now(host: Host, image: Image) -> tuple[Reference, ...]:
    for other in host.images.list():
        if other.id == image.id:
            return (*other.tags, *other.digests)
    return ()


def image_prune(host: Host, *, all: bool, filter: Any) -> Pruned:
    """Remove the images without a name, or with `all` those that no container uses."""
    filters = parse_filters(filter, IMAGE_PRUNE_KEYS)
    fits = prune_test(filters, host.now_ns())
    only_dangling = prunes_only_dangling(filters, all)
    users = _users(host)
    lines: list[str] = []
    for image in host.images.list():
        if str(image.id) in users or (only_dangling and image.tags):
            continue
        if not fits(image.config.labels, _created_ns(image)):
            continue
        names = [each.familiar for each in (*image.tags, *image.digests)] or [image.id.hex]
        for name in names:
            try:
                lines += remove(host, name, force=False)
            except EngineError:
                continue  # in use, or gone, by another process meanwhile
    freed = collect(host, leftovers=True)
    host.publish("image", "prune", "", reclaimed=str(freed))
    shown = [f"{line[0].lower()}{line[1:]}" for line in lines]
    return pruned("Images", shown, freed)


def _users(host: Host) -> Mapping[str, _Users]:
    """Return the containers of each image, by its id."""
    found: dict[str, _Users] = {}
    for config, state, _ in host.containers.list():
        found.setdefault(config.image_id, []).append((config, state))
    return found
