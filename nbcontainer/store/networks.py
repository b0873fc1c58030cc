"""Networks: their definitions in the store, and who has which of their addresses while running.

A definition is one file, networks/<name>.json, made by a link that fails where the name is taken.  An
address is a symbolic link <run>/n/<network id>/<address> -> <sandbox>: making it is the claim, and from
the sandbox's name alone can be told whether its owner lives.  Whoever needs several of these at one
moment holds <run>/n/lock.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable

from ..errors import Conflict, InvalidArgument, NetworkNotFound, StateUnreadable, Unavailable
from ..linux.process import own_mark
from ..spec.codec import decode, encode
from ..spec.network import Network
from .files import (
    Lock,
    dump_json,
    no_space,
    read_json,
    sync_directory,
    unlink_quietly,
    write_atomic,
)
from .layout import Layout

_SUFFIX = ".json"
_TRIES = 1000
_numbers = itertools.count(1)
_Networks = list[Network]  # not to be taken for Networks.list


class Networks:
    """The networks of one store."""

    __slots__ = ("_layout",)

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def create(self, network: Network) -> None:
        """Write the definition.  If it fails, nothing is left.

        Raises: Conflict in Docker's words if the name is taken; NoSpace.
        """
        path = self._layout.network(network.name)
        made = f"{self._layout.tmp}/{own_mark()}-network-{next(_numbers)}"
        with no_space(f"create network {network.name}"):
            write_atomic(made, dump_json(encode(network)), sync=True)
            try:
                os.link(made, path)
            except FileExistsError:
                raise Conflict(f"network with name {network.name} already exists") from None
            finally:
                unlink_quietly(made)
            sync_directory(self._layout.networks)

    def replace(self, network: Network) -> None:
        """Write a definition over the one of its name; for who holds the lock."""
        write_atomic(self._layout.network(network.name), dump_json(encode(network)), sync=True)

    def get(self, name: str) -> Network:
        """Return the network of exactly this name.  Raises: NetworkNotFound, StateUnreadable."""
        if not name or "/" in name or "\0" in name or name.startswith("."):
            raise not_found(name)
        try:
            return decode(Network, read_json(self._layout.network(name)), lenient=True)
        except (FileNotFoundError, NotADirectoryError):
            raise not_found(name) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise not_found(name) from None
            raise

    def list(self) -> _Networks:
        """Return all networks by name; one whose file is damaged is left out."""
        found = []
        try:
            names = sorted(os.listdir(self._layout.networks))
        except FileNotFoundError:
            return []
        for name in names:
            if not name.endswith(_SUFFIX):
                continue
            try:
                found.append(self.get(name.removesuffix(_SUFFIX)))
            except (NetworkNotFound, StateUnreadable):
                continue
        return found

    def resolve(self, text: str) -> Network:
        """Return the network that a name, an id or the start of exactly one id means.

        Raises: NetworkNotFound; InvalidArgument for a start that fits several.
        """
        try:
            return self.get(text)
        except NetworkNotFound:
            pass
        found = [network for network in self.list() if text and network.id.startswith(text)]
        if len(found) > 1:
            raise InvalidArgument(f"network {text} is ambiguous ({len(found)} matches found)")
        if not found:
            raise not_found(text)
        return found[0]

    def remove(self, name: str) -> None:
        """Remove a definition.  Raises: NetworkNotFound, NoSpace."""
        with no_space(f"remove network {name}"):
            try:
                os.unlink(self._layout.network(name))
            except FileNotFoundError:
                raise not_found(name) from None
            sync_directory(self._layout.networks)


def not_found(name: str) -> NetworkNotFound:
    """Return Docker's error."""
    return NetworkNotFound(f"network {name[:300]} not found", "`network ls` shows what is there.")


class Leases:
    """Who has which address of this store's networks."""

    __slots__ = ("_folder",)

    def __init__(self, run: str) -> None:
        self._folder = f"{run}/n"

    def lock(self) -> Lock:
        """Return the lock for what must be seen as one: addresses, bridges, definitions."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        return Lock(f"{self._folder}/lock")

    def claim(self, network_id: str, sandbox: str, choose: Callable[[list[str]], str]) -> str:
        """Claim the address that `choose` picks, given those that are taken; return it.

        Raises: what `choose` raises.
        """
        folder = f"{self._folder}/{network_id}"
        os.makedirs(folder, 0o700, exist_ok=True)
        for _ in range(_TRIES):
            address = choose(_names(folder))
            try:
                os.symlink(sandbox, f"{folder}/{address}")
            except FileExistsError:
                continue  # somebody was faster
            except FileNotFoundError:
                os.makedirs(folder, 0o700, exist_ok=True)
                continue
            return address
        raise Unavailable("the addresses of this network are changing too fast", "Try again.")

    def release(self, network_id: str, sandbox: str) -> None:
        """Give back what a sandbox has on one network; idempotent."""
        folder = f"{self._folder}/{network_id}"
        for address in _names(folder):
            if _target(f"{folder}/{address}") == sandbox:
                unlink_quietly(f"{folder}/{address}")
        try:
            os.rmdir(folder)
        except OSError:
            pass  # others are there

    def networks(self) -> list[str]:
        """Return the ids of the networks on which somebody has an address."""
        return [name for name in _names(self._folder) if name != "lock"]

    def of_network(self, network_id: str) -> dict[str, str]:
        """Return address -> sandbox."""
        folder = f"{self._folder}/{network_id}"
        found = {address: _target(f"{folder}/{address}") for address in _names(folder)}
        return {address: sandbox for address, sandbox in found.items() if sandbox}

    def of_sandbox(self, sandbox: str) -> dict[str, list[str]]:
        """Return network id -> addresses."""
        found: dict[str, list[str]] = {}
        for network_id in self.networks():
            for address, owner in self.of_network(network_id).items():
                if owner == sandbox:
                    found.setdefault(network_id, []).append(address)
        return found

    def sandboxes(self) -> set[str]:
        """Return everybody who has an address."""
        found: set[str] = set()
        for network_id in self.networks():
            found.update(self.of_network(network_id).values())
        return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
