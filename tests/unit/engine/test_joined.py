"""Whose user namespace a container lives in, found from configurations alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nbcontainer.engine import joined
from nbcontainer.errors import ContainerNotFound, InvalidArgument, WrongStatus
from nbcontainer.spec.runtime import Namespaces


class Containers:
    """Containers by id, which is their name too."""

    def __init__(self, **spaces: Namespaces) -> None:
        self.spaces = spaces

    def resolve(self, text: str) -> str:
        if text not in self.spaces:
            raise ContainerNotFound(f"No such container: {text}")
        return text

    def config(self, container_id: str) -> Any:
        return SimpleNamespace(namespaces=self.spaces[self.resolve(container_id)])


def host(running: tuple[str, ...] = (), **spaces: Namespaces) -> Any:
    return SimpleNamespace(
        containers=Containers(**spaces),
        state=lambda name: SimpleNamespace(pid=1 if name in running else 0),
    )


def test_what_joins_nobody_stays_as_it_is() -> None:
    spaces = Namespaces(pid="host")
    assert joined.resolve(host(), spaces) is spaces


def test_who_joins_a_container_with_the_hosts_ids_has_them_too() -> None:
    found = joined.resolve(host(a=Namespaces(user="host")), Namespaces(ipc="container:a"))
    assert (found.ipc, found.user) == ("container:a", "host")


def test_the_owner_is_found_through_whom_a_container_joined_itself() -> None:
    world = host(
        a=Namespaces(), b=Namespaces(user="container:a"), c=Namespaces(network="container:b")
    )
    found = joined.resolve(world, Namespaces(pid="container:a", ipc="container:c"))
    assert found.user == ""


def test_two_owners_are_refused_unless_the_hosts_ids_are_asked_for() -> None:
    world = host(a=Namespaces(), b=Namespaces())
    both = {"pid": "container:a", "ipc": "container:b"}
    with pytest.raises(InvalidArgument, match="different user namespaces"):
        joined.resolve(world, Namespaces(**both))
    assert joined.resolve(world, Namespaces(user="host", **both)).user == "host"


def test_an_owner_that_was_removed_is_still_one_owner() -> None:
    world = host(b=Namespaces(user="container:gone"), c=Namespaces(user="container:gone"))
    joined.resolve(world, Namespaces(pid="container:b", ipc="container:c"))


def test_each_kind_of_a_container_that_does_not_run_is_named_in_dockers_words() -> None:
    for kind, word in (("pid", "PID"), ("network", "network"), ("ipc", "IPC"), ("uts", "UTS")):
        with pytest.raises(WrongStatus, match=f"cannot join {word} of a non running container: a"):
            joined.require_running(host(a=Namespaces()), Namespaces(**{kind: "container:a"}))
    joined.require_running(host(("a",), a=Namespaces()), Namespaces(pid="container:a"))
