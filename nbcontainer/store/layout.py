"""Every path of the store and of its runtime directory; nobody else joins them.

<home>/version                     1 line: the store's format
<home>/idmap.json                  the id range of this store's containers (root only)
<home>/store.lock                  flock for index.json and for removing shared things
<home>/content.lock                shared: content is being added; alone: gc sweeps it
<home>/index.json                  tags and manifests (OCI image layout)
<home>/oci-layout
<home>/blobs/sha256/<hex>
<home>/incoming/                   blobs on their way in, which survive their fetcher; and locks
<home>/layers/<chain id hex>/fs/   the files; beside it layer.json, and `unsynced` until the disk has all
<home>/init-layer/                 mount points that every container has; its topmost lower
<home>/containers/<id>/            config.json plan.json state.json log.jsonl lock upper/ work/ …
<home>/names/<name>                symbolic link to the container's id
<home>/volumes/<name>/_data        beside it volume.json
<home>/networks/<name>.json        a network's definition
<home>/events.jsonl
<home>/tmp/                        half-made and doomed things, named <pid>_<start>-<what>; swept by gc
<run>/foreman.sock foreman.lock features.json
<run>/c/<sandbox>                  a shim's socket
<run>/n/<network id>/<address>     symbolic link to the sandbox that has it; <run>/n/lock
<run>/stage/                       where init builds /proc, /dev and /sys, in a namespace of its own
"""

from __future__ import annotations

import os

STORE_VERSION = 1


class Layout:
    """The paths under one home and one runtime directory; both absolute."""

    __slots__ = ("home", "run")

    def __init__(self, home: str, run: str) -> None:
        self.home = home
        self.run = run

    @property
    def version(self) -> str:
        return f"{self.home}/version"

    @property
    def idmap(self) -> str:
        return f"{self.home}/idmap.json"

    @property
    def lock(self) -> str:
        return f"{self.home}/store.lock"

    @property
    def content_lock(self) -> str:
        return f"{self.home}/content.lock"

    @property
    def index(self) -> str:
        return f"{self.home}/index.json"

    @property
    def oci_layout(self) -> str:
        return f"{self.home}/oci-layout"

    @property
    def layers(self) -> str:
        return f"{self.home}/layers"

    @property
    def containers(self) -> str:
        return f"{self.home}/containers"

    @property
    def names(self) -> str:
        return f"{self.home}/names"

    @property
    def volumes(self) -> str:
        return f"{self.home}/volumes"

    @property
    def networks(self) -> str:
        return f"{self.home}/networks"

    @property
    def events(self) -> str:
        return f"{self.home}/events.jsonl"

    @property
    def tmp(self) -> str:
        return f"{self.home}/tmp"

    @property
    def init_layer(self) -> str:
        return f"{self.home}/init-layer"

    @property
    def foreman_socket(self) -> str:
        return f"{self.run}/foreman.sock"

    @property
    def foreman_lock(self) -> str:
        return f"{self.run}/foreman.lock"

    @property
    def features(self) -> str:
        return f"{self.run}/features.json"

    @property
    def stage(self) -> str:
        return f"{self.run}/stage"

    def shim_socket(self, sandbox: str) -> str:
        return f"{self.run}/c/{sandbox}"

    def blob(self, digest: str) -> str:
        """Return the file of a blob; `digest` is "sha256:<64 hex>", validated by its type."""
        algorithm, _, hexadecimal = digest.partition(":")
        return f"{self.home}/blobs/{algorithm}/{hexadecimal}"

    def incoming(self, digest: str) -> str:
        """Return the file of a blob of which only the beginning is here."""
        return f"{self.home}/incoming/{digest.replace(':', '-')}"

    def unpacking(self, chain_id: str) -> str:
        """Return the file whose lock is held by whoever unpacks a layer."""
        return f"{self.home}/incoming/unpack-{chain_id.partition(':')[2]}"

    def layer(self, chain_id: str) -> str:
        return f"{self.home}/layers/{chain_id.partition(':')[2]}"

    def container(self, container_id: str, name: str = "") -> str:
        base = f"{self.home}/containers/{container_id}"
        return f"{base}/{name}" if name else base

    def name(self, name: str) -> str:
        return f"{self.home}/names/{name}"

    def volume(self, name: str, entry: str = "") -> str:
        base = f"{self.home}/volumes/{name}"
        return f"{base}/{entry}" if entry else base

    def network(self, name: str) -> str:
        return f"{self.home}/networks/{name}.json"

    def make(self) -> None:
        """Create the directories; idempotent.  The store is its owner's alone (0700)."""
        os.makedirs(self.home, 0o700, exist_ok=True)
        for entry in (
            "blobs/sha256",
            "layers",
            "containers",
            "names",
            "volumes",
            "networks",
            "tmp",
        ):
            os.makedirs(f"{self.home}/{entry}", exist_ok=True)
        # a mode counts for the last directory of a path only
        os.makedirs(self.run, 0o700, exist_ok=True)
        os.makedirs(f"{self.run}/c", 0o700, exist_ok=True)
        os.makedirs(self.stage, 0o700, exist_ok=True)
