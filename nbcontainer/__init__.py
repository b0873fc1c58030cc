"""Real containers in a notebook cell, in the words of Docker.

    %load_ext nbcontainer                 the magics %cont and %%cont
    nbcontainer run --rm toolbox true     the same words in a shell
    Engine().run("toolbox", ["true"])     the same verbs in Python

Names are imported when they are first used: loading the extension costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from .engine import Engine as Engine
    from .errors import EngineError as EngineError
    from .settings import Settings as Settings

__version__ = "0.1.0"
__all__ = ["Engine", "EngineError", "Settings", "errors"]

_HOMES = {"Engine": "engine", "EngineError": "errors", "Settings": "settings"}


def __getattr__(name: str) -> Any:
    if name == "errors":
        from importlib import import_module

        return import_module(".errors", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: Any) -> None:
    """Register the magics with IPython; loading twice changes nothing."""
    from . import complete, magics

    registered = magics.load(shell)
    complete.load(shell, lambda: registered.engine)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again; containers go on."""
    from . import complete, magics

    magics.unload(shell)
    complete.unload(shell)
