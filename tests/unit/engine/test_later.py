import sys

import pytest

from nbcontainer.engine.later import Later


def test_a_module_is_imported_with_its_first_use(monkeypatch):
    monkeypatch.delitem(sys.modules, "nbcontainer.engine.border")
    later = Later(".border")
    assert "nbcontainer.engine.border" not in sys.modules
    assert callable(later.in_words)
    assert "nbcontainer.engine.border" in sys.modules


def test_what_the_module_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = Later(".border").nothing
