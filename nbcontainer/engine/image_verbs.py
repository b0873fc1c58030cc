"""ImageVerbs: what Engine does with images, here and at registries; one method a verb."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..results import Detail, Image, Table, Text
from ..under_way import Transfer
from .border import in_words
from .host import Host

if TYPE_CHECKING:
    from .archives import Source


@in_words
class ImageVerbs:
    """The verbs about images, on one store."""

    def __init__(self, host: Host) -> None:
        self.host = host

    # -- images of this store

    def history(self, image: str, *, no_trunc: bool = False, human: bool = True) -> Table:
        """Return how an image was made, the newest step first."""
        from . import images

        return images.history(self.host, image, no_trunc=no_trunc, human=human)

    def image_prune(self, *, all: bool = False, filter: Any = None) -> Text:
        """Remove the images without a name, or with `all` those that no container uses."""
        from . import images

        return images.image_prune(self.host, all=all, filter=filter)

    def images(
        self,
        repository: str = "",
        *,
        all: bool = False,
        digests: bool = False,
        filter: Any = None,
        no_trunc: bool = False,
    ) -> Table:
        """Return the images, the newest first.  There are no intermediate ones that `all` would add."""
        from . import images

        return images.images(
            self.host, repository, digests=digests, filter=filter, no_trunc=no_trunc
        )

    def import_(
        self,
        file: Source,
        reference: str = "",
        *,
        change: Any = (),
        message: str = "",
        platform: str = "",
    ) -> Image:
        """Make an image of a tar of files, given by its path or as a stream."""
        from . import commit

        return commit.import_(
            self.host, file, reference, change=change, message=message, platform=platform
        )

    def layers(
        self,
        image: str,
        other: str = "",
        *,
        path: str = "",
        no_trunc: bool = False,
        tree: bool = False,
    ) -> Detail:
        """Return what each layer adds, changes, removes and wastes, or what two images share.

        `path`: also tell which layer a file is of; `tree`: also each layer's biggest files.
        """
        from . import layers

        return layers.explore(self.host, image, other, path=path, no_trunc=no_trunc, tree=tree)

    def load(self, input: Source, *, quiet: bool = False) -> Text:
        """Take in the images of an archive, given by its path or as a stream.

        There is no progress that `quiet` would suppress.
        """
        from . import archives

        return archives.load(self.host, input)

    def rmi(self, *images: str, force: bool = False, no_prune: bool = False) -> Text:
        """Take names away from images, and remove those that lost their last.

        No image has parents of its own here that `no_prune` would keep.
        """
        from . import images as noun

        return noun.rmi(self.host, images, force=force)

    def save(self, *images: str, output: Source) -> int:
        """Write images as one tar to a path or a stream; return its bytes."""
        from . import archives

        return archives.save(self.host, images, output)

    def tag(self, source: str, target: str) -> None:
        """Give an image one more name."""
        from . import images

        images.tag(self.host, source, target)

    # -- images of registries

    def pull(
        self, image: str, *, platform: str = "", all_tags: bool = False, quiet: bool = False
    ) -> Text:
        """Fetch an image, or with `all_tags` all of a repository's; return Docker's lines.

        Raises: ImageNotFound, RegistryDenied, RegistryUnreachable, RateLimited, Corrupt, NoSpace.
        """
        return self.pull_session(image, platform=platform, all_tags=all_tags, quiet=quiet).result()

    def pull_session(
        self, image: str, *, platform: str = "", all_tags: bool = False, quiet: bool = False
    ) -> Transfer:
        """Return the pull of an image, to be carried out by iterating: its progress and its lines."""
        from . import pull

        return pull.session(self.host, image, platform=platform, all_tags=all_tags, quiet=quiet)

    def missing_session(
        self, image: str, *, pull: str = "", platform: str = "", quiet: bool = False
    ) -> Transfer | None:
        """Return the pull that must come before a container of this image, None where none must.

        `pull` is "always", "missing" or "never"; "" is what the settings say.
        """
        from . import missing

        return missing.session(self.host, image, policy=pull, platform=platform, quiet=quiet)

    def push(self, image: str, *, all_tags: bool = False, quiet: bool = False) -> Text:
        """Give an image to the registry that its name says; return Docker's lines.

        Raises: ImageNotFound, RegistryDenied, RegistryUnreachable.
        """
        return self.push_session(image, all_tags=all_tags, quiet=quiet).result()

    def push_session(self, image: str, *, all_tags: bool = False, quiet: bool = False) -> Transfer:
        """Return the push of an image, to be carried out by iterating: its progress and its lines."""
        from . import push

        return push.session(self.host, image, all_tags=all_tags, quiet=quiet)

    def login(self, server: str = "", *, username: str = "", password: str = "") -> Text:
        """Have a registry judge an account, and keep it; without one, the one that is kept is judged.

        Raises: RegistryDenied, RegistryUnreachable; nothing is kept then.
        """
        from . import accounts

        return accounts.login(self.host, server, username, password)

    def known_user(self, server: str = "") -> str:
        """Return whose account is kept for a registry, "" where there is none."""
        from . import accounts

        return accounts.known_user(self.host, server)

    def logout(self, server: str = "") -> Text:
        """Forget the account for a registry."""
        from . import accounts

        return accounts.logout(self.host, server)

    def search(
        self, term: str, *, filter: Any = None, limit: int = 25, no_trunc: bool = False
    ) -> Table:
        """Return what a registry has under a word: Docker Hub's search, or another's repositories."""
        from . import discovery

        return discovery.search(self.host, term, filter=filter, limit=limit, no_trunc=no_trunc)

    def manifest_inspect(self, image: str, *, verbose: bool = False) -> Detail:
        """Return a manifest or an index as its registry has it."""
        from . import discovery

        return discovery.manifest_inspect(self.host, image, verbose=verbose)

    # -- a registry of one's own

    def registry_start(
        self,
        *,
        port: int = 5000,
        auth: str = "",
        token: bool = False,
        readonly: bool = False,
        rate_limit: int = 0,
    ) -> Text:
        """Start this store's registry on loopback; `auth` is user:password, port 0 takes a free one.

        Raises: Conflict if it runs with other choices; Unavailable if the port is taken.
        """
        from . import local_registry

        return local_registry.start(
            self.host, port=port, auth=auth, token=token, readonly=readonly, rate_limit=rate_limit
        )

    def registry_stop(self, *, volumes: bool = False) -> Text:
        """End this store's registry; with `volumes` remove what it holds."""
        from . import local_registry

        return local_registry.stop(self.host, volumes=volumes)

    def registry_log(self, *, tail: str | int = "all") -> Table:
        """Return each request to this store's registry, and what it means."""
        from . import local_registry

        return local_registry.log(self.host, str(tail))

    def registry_follow(self, *, tail: str | int = "all") -> Iterator[dict[str, Any]]:
        """Return an iterator over the requests, those to come included."""
        from . import local_registry

        return local_registry.follow(self.host, str(tail))

    def registry_ls(self) -> Table:
        """Return what this store's registry holds."""
        from . import local_registry

        return local_registry.ls(self.host)
