"""Modules of the engine that are imported with the first verb that needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module; its first use imports it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name, __package__), attribute)
