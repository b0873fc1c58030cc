import pytest

import nbcontainer
from nbcontainer import errors
from tests.shells import shell as shell


def test_names_come_when_they_are_asked_for():
    assert nbcontainer.errors is errors
    assert nbcontainer.EngineError is errors.EngineError
    assert nbcontainer.Settings.__name__ == "Settings"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Docker'"):
        _ = nbcontainer.Docker


def test_loading_the_extension_registers_magic_and_completion_once(shell):
    nbcontainer.load_ipython_extension(shell)
    assert "cont" in shell.magics_manager.magics["line"]
    assert "cont" in shell.magics_manager.magics["cell"]
    names = [getattr(m, "matcher_identifier", "") for m in shell.Completer.custom_matchers]
    assert names.count("nbcontainer.cont") == 1
    assert [type(c).__name__ for c in shell.configurables].count("ContMagics") == 1


def test_unloading_takes_them_away(shell):
    nbcontainer.unload_ipython_extension(shell)
    assert "cont" not in shell.magics_manager.magics["line"]
    assert "cont" not in shell.magics_manager.magics["cell"]
    assert shell.Completer.custom_matchers == []
