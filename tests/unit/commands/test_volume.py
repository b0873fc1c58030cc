from __future__ import annotations

import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import Unsupported
from nbcontainer.results import Table, Text
from tests.notes import Notes, do


def test_create_prints_the_name() -> None:
    engine = Notes(volume_create="data")
    assert do("volume create --label a=b data", engine) == Text(["data"])
    assert engine.calls == [("volume_create", ("data",), {"driver": "local", "label": ["a=b"]})]


def test_driver_options_are_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="-o, --opt is not supported"):
        do("volume create -o type=nfs data", Notes())


def test_ls_prints_names_when_quiet() -> None:
    engine = Notes(volume_ls=Table("volume", [("Name", "VOLUME NAME")], [{"Name": "data"}]))
    assert do("volume ls -q -f dangling=true", engine) == Text(["data"])
    assert engine.calls[0][2] == {"filter": ["dangling=true"]}


def test_prune_asks_and_passes_its_flags_on() -> None:
    engine = Notes(volume_prune=Text(["Total reclaimed space: 0B"]))
    assert do("volume prune", engine, edge=Edge(confirm=lambda text: False)) == Text()
    assert len(do("volume prune -af", engine)) == 1
    assert engine.calls == [("volume_prune", (), {"all": True, "filter": []})]
