"""An nbcontainer is told from another by its helpers' code."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from nbcontainer.runtime import edition as module
from nbcontainer.runtime.edition import edition


def test_the_edition_is_the_version_and_a_sum() -> None:
    assert re.fullmatch(r"[0-9.]+\+[0-9a-f]{8} ", edition("/nowhere"))


def test_a_store_that_was_made_anew_is_another(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("1\n")
    first = edition(str(tmp_path))
    assert edition(str(tmp_path)) == first
    os.utime(tmp_path / "version", ns=(1, 1))
    assert edition(str(tmp_path)) != first


def test_two_copies_are_the_same_edition_and_a_changed_one_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = edition("/nowhere")
    package = Path(module.__file__).parent.parent
    copy = tmp_path / "nbcontainer"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "__file__", str(copy / "runtime" / "edition.py"))
    assert edition("/nowhere") == ours
    (copy / "runtime" / "shim.py").write_text("x = 1\n")
    assert edition("/nowhere") != ours
