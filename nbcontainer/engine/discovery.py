"""What is at registries: search, and manifests as they stand there."""

from __future__ import annotations

import json
from typing import Any

from ..errors import InvalidArgument, NotFound, Unsupported
from ..registry.client import Client, Fetched
from ..registry.endpoints import without_account
from ..results import Detail, Table
from ..spec.descriptor import CONFIGS
from ..spec.filters import parse_filters
from ..spec.image import ImageConfig
from ..spec.manifest import Index
from ..spec.reference import DEFAULT_REGISTRY, Reference
from ..values import replace
from ..views import search as view
from .host import Host
from .registries import access_of

_FILTERS = frozenset(("stars", "is-official", "is-automated"))
_LIMIT = 100


def search(host: Host, term: str, *, filter: Any, limit: int, no_trunc: bool) -> Table:
    """Return what is found under a word.

    "HOST/word" asks that registry for its repositories; else Docker Hub's own search is asked, or, where
    docker.io has mirrors, what those have.  Raises: InvalidArgument, RegistryUnreachable, RegistryDenied.
    """
    fits = view.search_test(parse_filters(filter, _FILTERS))
    limit = limit or 25
    if not 1 <= limit <= _LIMIT:
        raise InvalidArgument(f"Limit {limit} is outside the range of [1, {_LIMIT}]")
    registry, word = _split(term)
    access = access_of(host)
    if registry == DEFAULT_REGISTRY and not access.options.network.mirrors:
        client = access.search_client()
        try:
            found = client.search(word, limit)
        finally:
            client.close()
    else:
        names = access.first(registry, _catalog)
        prefix = "" if registry == DEFAULT_REGISTRY else f"{registry}/"
        found = [_as_found(name, prefix) for name in names if word in name]
    rows = [view.search_row(one, no_trunc=no_trunc) for one in found]
    kept = [row for row in rows if fits(row)]
    return Table("search", view.SEARCH_COLUMNS, kept[:limit])


def _split(term: str) -> tuple[str, str]:
    first, slash, rest = term.partition("/")
    if slash and "@" in first:
        raise InvalidArgument(f"invalid registry: {without_account(first)!r}")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return DEFAULT_REGISTRY, term


def _catalog(client: Client) -> list[str]:
    try:
        return client.catalog()
    except (NotFound, Unsupported):
        raise Unsupported(
            f"{client.endpoint.host} does not tell which repositories it has"
        ) from None


def _as_found(name: str, prefix: str) -> dict[str, Any]:
    is_official = name.startswith("library/")
    shown = name.removeprefix("library/") if not prefix else prefix + name
    return {"name": shown, "description": "", "star_count": 0, "is_official": is_official}


def manifest_inspect(host: Host, text: str, *, verbose: bool) -> Detail:
    """Return the document under a reference, as its registry has it; `verbose`: with what surrounds it.

    Raises: ImageNotFound, RegistryDenied, …
    """
    reference = Reference.parse(text)
    where = str(reference.digest) if reference.digest else reference.tag
    access = access_of(host)

    def ask(client: Client) -> tuple[Fetched, list[Fetched]]:
        top = client.manifest(reference.repository, where)
        return top, _described(client, reference.repository, top) if verbose else []

    try:
        top, found = access.first(reference.registry, ask)
    except NotFound:
        raise NotFound(f"no such manifest: {reference.familiar}") from None
    if not verbose:
        return Detail([json.loads(top.data)], single=True)
    is_listed = isinstance(top.document, Index)
    documents = [
        view.verbose_manifest(
            str(replace(reference, digest=one.descriptor.digest) if is_listed else reference),
            one.descriptor,
            one.data,
        )
        for one in found
    ]
    # a list of manifests is shown as one, however few it has
    return Detail(documents, single=not is_listed)


def _described(client: Client, repository: str, top: Fetched) -> list[Fetched]:
    """Return a manifest, or all of an index, with the platforms that they are for."""
    if isinstance(top.document, Index):
        found = [
            (client.manifest(repository, str(entry.digest)), entry.platform)
            for entry in top.document.manifests
        ]
    else:
        kind = top.document.config.media_type
        config = client.small_blob(repository, top.document.config) if kind in CONFIGS else b""
        found = [(top, ImageConfig.parse(config).platform if config else None)]
    return [
        replace(one, descriptor=replace(one.descriptor, platform=platform))
        for one, platform in found
    ]
