from __future__ import annotations

import io
from typing import Any

import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import (
    InvalidArgument,
    UsageError,
)
from nbcontainer.results import Text
from tests.notes import Notes, do


def test_save_refuses_a_terminal_and_writes_to_a_pipe() -> None:
    engine = Notes()
    pipe = io.BytesIO()
    with pytest.raises(InvalidArgument, match="cowardly refusing to save to a terminal"):
        do("save bb", engine, edge=Edge(stdout=lambda: pipe, stdout_is_terminal=True))
    with pytest.raises(InvalidArgument, match="cowardly refusing"):
        do("save bb", engine)
    do("save bb", engine, edge=Edge(stdout=lambda: pipe))
    do("export -o f.tar web", engine)
    assert engine.calls == [("save", ("bb",), {"output": pipe}), ("export", ("web", "f.tar"), {})]


def test_load_reads_a_file_or_standard_input(tmp_path: Any) -> None:
    engine = Notes(load=Text(["Loaded image: bb:1"]))
    (tmp_path / "a.tar").write_bytes(b"x")
    do(f"load -i {tmp_path}/a.tar", engine)
    do("load", engine, edge=Edge(stdin=lambda: io.BytesIO(b"y")))
    assert [call[0] for call in engine.calls] == ["load", "load"]
    with pytest.raises(UsageError, match="stdin is empty"):
        do("load", engine)
    with pytest.raises(InvalidArgument, match="open /nope: no such file or directory"):
        do("load -i /nope", engine)
