"""What changed while something ran: files with their sizes, and the text of small ones."""

from __future__ import annotations

from ..values import value


@value
class FileChange:
    """`kind` is A, C or D; a size is -1 where there is no file, a text None where it is no short text."""

    kind: str
    path: str
    before_bytes: int = -1
    after_bytes: int = -1
    before: str | None = None
    after: str | None = None


@value
class ContainerChange:
    """What happened to one container: the words of its events, and its files if it is still there.

    `file_count`: how many files changed, of which `files` are the first.  `listings`: directories that
    something left that was not of the image.  `peak_bytes`: the most memory since it was started, where
    that was within the time told of; else 0.  `exit_code` is None while it runs.  `ports`: what it
    published when it started.
    """

    name: str
    did: tuple[str, ...] = ()
    files: tuple[FileChange, ...] = ()
    peak_bytes: int = 0
    exit_code: int | None = None
    execs: tuple[str, ...] = ()
    ports: str = ""
    file_count: int = 0
    listings: tuple[str, ...] = ()


@value
class Changed:
    """All that changed: containers, and events of images, volumes and networks as (action, name).

    `meanwhile`: what others did in the same time, in so far as it can be told apart.
    """

    containers: tuple[ContainerChange, ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, str], ...] = ()
    meanwhile: Changed | None = None

    def __bool__(self) -> bool:
        own = self.containers or self.images or self.volumes or self.networks
        return bool(own or self.meanwhile)
