"""A real IPython shell with the extension loaded and a fake engine behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.testing.globalipapp import start_ipython

import nbcontainer
from tests import fakes

_SHELL = start_ipython()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shell; `shell.engine` is the fake engine."""
    assert _SHELL is not None
    _SHELL.reset()
    fakes.use_in(monkeypatch)
    nbcontainer.load_ipython_extension(_SHELL)
    magics = _SHELL.magics_manager.registry["ContMagics"]
    magics._engine = _SHELL.engine = fakes.FakeEngine()
    yield _SHELL
    nbcontainer.unload_ipython_extension(_SHELL)


@pytest.fixture
def magics(shell: Any) -> Any:
    """The registered magics."""
    return shell.magics_manager.registry["ContMagics"]
