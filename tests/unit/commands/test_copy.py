import io

import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import InvalidArgument, UsageError
from nbcontainer.results import Text
from tests.notes import Notes, do


def test_cp_passes_on_what_was_asked():
    engine = Notes(cp=5)
    assert do("cp -a -L web:/etc/x .", engine) == Text()
    assert engine.calls == [("cp", ("web:/etc/x", "."), {"archive": True, "follow_link": True})]


def test_who_watches_hears_how_much_it_was():
    edge = Edge(stderr_is_terminal=True)
    said = do("container cp a web:/b", Notes(cp=2048), edge=edge)
    assert list(said) == ["Successfully copied 2.05kB to web:/b"]
    assert do("cp -q a web:/b", Notes(cp=2048), edge=edge) == Text()


def test_a_dash_is_a_tar():
    engine = Notes(cp=5)
    tar, out = io.BytesIO(), io.BytesIO()
    do("cp - web:/d", engine, edge=Edge(stdin=lambda: tar))
    do("cp web:/d -", engine, edge=Edge(stdout=lambda: out))
    assert [call[1] for call in engine.calls] == [(tar, "web:/d"), ("web:/d", out)]
    with pytest.raises(InvalidArgument, match="cowardly refusing"):
        do("cp web:/d -", engine, edge=Edge(stdout=lambda: out, stdout_is_terminal=True))
    with pytest.raises(UsageError, match="no standard input"):
        do("cp - web:/d", engine)
    with pytest.raises(InvalidArgument, match="at least one container"):
        do("cp - -", engine)


def test_a_cell_is_a_file():
    engine = Notes()
    do("cp - web:/srv/page", engine, body="<h1>hi</h1>\n")
    assert engine.calls == [("put_file", ("web", "/srv/page", b"<h1>hi</h1>\n"), {})]
    for line in ("cp a web:/x", "cp - web:/dir/", "cp - here"):
        with pytest.raises(UsageError, match="%%cont cp - NAME:/path/file"):
            do(line, engine, body="x")
