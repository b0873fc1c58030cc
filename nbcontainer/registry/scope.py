"""Scopes: what a token shall allow, as token servers read it ("repository:me/app:pull,push")."""

from __future__ import annotations


def pull(repository: str) -> str:
    """Return the scope for reading a repository."""
    return f"repository:{repository}:pull"


def push(repository: str) -> str:
    """Return the scope for writing a repository."""
    return f"repository:{repository}:pull,push"


def delete(repository: str) -> str:
    """Return the scope for deleting from a repository."""
    return f"repository:{repository}:pull,delete"


CATALOG = "registry:catalog:*"


def covers(held: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Tell whether a token for the scopes `held` allows all that `wanted` asks for."""
    granted = [_split(scope) for scope in held]
    return all(
        any(name == own and actions <= theirs for own, theirs in granted)
        for name, actions in map(_split, wanted)
    )


def _split(scope: str) -> tuple[str, frozenset[str]]:
    name, _, actions = scope.rpartition(":")
    return name, frozenset(actions.split(","))
