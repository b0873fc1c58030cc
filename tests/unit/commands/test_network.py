import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import InvalidArgument, Unsupported
from nbcontainer.results import Table, Text
from nbcontainer.results_network import Drawing, Fetched
from tests import notes
from tests.notes import Notes


def do(line, engine=None, body=None):
    engine = engine or Notes()
    return notes.do(line, engine, body=body), engine.calls


def test_create_passes_every_flag_on():
    _, calls = do(
        "network create --subnet 10.0.0.0/24 --gateway 10.0.0.9 --internal --label a=b -o x=y web"
    )
    ((verb, args, flags),) = calls
    assert (verb, args) == ("network_create", ("web",))
    assert flags["subnet"] == ["10.0.0.0/24"]
    assert (flags["gateway"], flags["internal"], flags["label"]) == (["10.0.0.9"], True, ["a=b"])
    assert (flags["opt"], flags["driver"], flags["ipv6"]) == (["x=y"], "bridge", False)


@pytest.mark.parametrize("flag", ["--attachable", "--ingress", "--aux-address a=1.1.1.1"])
def test_what_belongs_to_a_swarm_is_refused_by_name(flag):
    with pytest.raises(Unsupported):
        do(f"network create {flag} web")


def test_connect_and_disconnect_name_the_network_first():
    _, calls = do("network connect --alias db --ip 10.0.0.5 back web")
    assert calls == [
        ("network_connect", ("back", "web"), {"alias": ["db"], "ip": "10.0.0.5", "ip6": ""})
    ]
    _, calls = do("network disconnect -f back web")
    assert calls == [("network_disconnect", ("back", "web"), {"force": True})]


def test_curl_sends_data_by_post_and_a_cells_body_too():
    _, calls = do("curl -d a=1 -d b=2 web:8080/form")
    assert calls[0][1] == ("web:8080/form",)
    assert calls[0][2]["data"] == "a=1&b=2"
    _, calls = do("curl web", body='{"a": 1}')
    assert calls[0][2]["data"] == '{"a": 1}'
    _, calls = do("curl -I web")
    assert (calls[0][2]["method"], calls[0][2]["include"]) == ("HEAD", True)


def test_curl_takes_seconds_and_what_says_nothing_here():
    _, calls = do("curl -s -S -v -m 1.5 web")
    assert (calls[0][2]["timeout"], calls[0][2]["include"]) == ("1.5", True)
    with pytest.raises(Unsupported, match="redirects"):
        do("curl -L web")


def test_curl_writes_a_file(tmp_path):
    engine = Notes(curl=Fetched("http://web/", 200, "OK", (), b"page"))
    assert do(f"curl -o {tmp_path}/page web", engine)[0] == Text()
    assert (tmp_path / "page").read_bytes() == b"page"
    with pytest.raises(InvalidArgument, match="is a directory"):
        do(f"curl -o {tmp_path} web", engine)


def test_port_may_name_one():
    assert do("port web 80/udp")[1] == [("port", ("web", "80/udp"), {})]
    assert do("container port web")[1] == [("port", ("web", ""), {})]


def test_the_graph_is_a_drawing_or_its_markup():
    engine = Notes(network_graph=Drawing(["host"], "<svg>\n</svg>"))
    assert isinstance(do("network graph", engine)[0], Drawing)
    assert do("network graph --html", engine)[0] == Text(["<svg>", "</svg>"])


def test_ls_may_print_ids_alone():
    table = Table("network", (("ID", "NETWORK ID"),), [{"ID": "abc", "Name": "x"}])
    assert do("network ls -q", Notes(network_ls=table))[0] == Text(["abc"])


def test_prune_asks_first():
    engine = Notes(network_prune=Text(["Deleted Networks:", "old"]))
    assert notes.do("network prune", engine, edge=Edge(confirm=lambda text: False)) == Text()
    assert engine.calls == []
    assert len(notes.do("network prune -f", engine)) == 2
