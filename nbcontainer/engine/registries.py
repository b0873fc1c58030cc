"""Registries as this engine knows them: what was chosen, the accounts, and the one that it runs itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import StateUnreadable
from ..linux import process
from ..registry.access import Access, Options
from ..registry.auth import Realms
from ..registry.endpoints import Network
from ..registry.transport import Trust
from ..settings import Settings
from ..store.files import read_json
from ..store.layout import Layout

if TYPE_CHECKING:
    from .host import Host


def access_of(host: Host) -> Access:
    """Return the host's way to registries; the same for as long as nothing changes that it depends on."""
    options = options_of(host.settings, host.layout)
    known = host.access
    if known is None or known.options != options:
        if known is not None:
            known.close()
        known = host.access = Access(options)
    return known


def options_of(settings: Settings, layout: Layout) -> Options:
    """Return what was chosen; in lab mode our own registry stands before docker.io."""
    from .. import __version__

    mirrors = settings.mirrors
    if settings.lab:
        own = running(layout)
        mirrors = (f"http://127.0.0.1:{own['port']}", *mirrors) if own else mirrors
    return Options(
        folder=settings.docker_config,
        network=Network(mirrors, settings.insecure_registries),
        realms=Realms(settings.auth_realms),
        trust=Trust(bundle=settings.ca_file),
        agent=f"nbcontainer/{__version__}",
        environ=settings.environ or {},
    )


def running(layout: Layout) -> dict[str, Any] | None:
    """Return what is known of this store's registry if it runs: port, pid, start, and its choices."""
    try:
        found = read_json(f"{layout.run}/registry.json")
    except (FileNotFoundError, StateUnreadable):
        return None
    try:
        alive = process.is_same_process(found["pid"], found["start"], found["boot"])
    except (KeyError, TypeError):
        return None  # not written by us
    return dict(found) if alive else None
