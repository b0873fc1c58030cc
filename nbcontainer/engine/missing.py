"""What run and create do about an image that is not here; costs nothing where it is."""

from __future__ import annotations

from ..builtin import builtin_name
from ..errors import InvalidArgument, ReferenceInvalid
from ..settings import PULL_POLICIES
from ..spec.descriptor import Platform
from ..spec.reference import Reference
from ..under_way import Transfer
from .host import Host


def session(
    host: Host, text: str, *, policy: str, platform: str = "", quiet: bool = False
) -> Transfer | None:
    """Return the pull that must come before a container of this image, None where none must.

    Raises: InvalidArgument for a policy that is none of Docker's; ReferenceInvalid.
    """
    policy = policy or host.settings.pull
    if policy not in PULL_POLICIES:
        raise InvalidArgument(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"'
        )
    if policy == "never":
        return None
    is_missing = policy == "missing"
    if is_missing and _is_here(host, text, platform):
        return None
    try:
        # a built-in image is made, not fetched
        if is_missing and not platform and builtin_name(text):
            return None
        reference = Reference.parse(text)
    except ReferenceInvalid:
        if _is_here(host, text, platform):
            return None  # an id, which no registry knows
        raise
    # only now: what speaks to registries takes long to import
    from . import pull

    return pull.before_run(host, reference, platform, is_missing=is_missing, quiet=quiet)


def _is_here(host: Host, text: str, platform: str) -> bool:
    image = host.images.find(text)
    if image is None or not platform:
        return image is not None
    asked, own = Platform.parse(platform), image.config.platform
    return (asked.os, asked.architecture) == (own.os, own.architecture)
