from nbcontainer.commands import dispatch
from nbcontainer.commands.parse import parse
from nbcontainer.commands.table import Edge
from nbcontainer.results import Table
from nbcontainer.under_way import Stream


class Engine:
    def __init__(self):
        self.asked = []

    def stats(self, *names, **flags):
        self.asked.append((names, flags))
        return Table("stats", (("Name", "NAME"),), [{"Name": "web", "CPUPerc": "1.00%"}])

    def meter(self, *names, **flags):
        self.asked.append((names, flags))
        return self

    def tables(self):
        yield self.stats()
        yield self.stats()


def call(engine, *words, terminal=False):
    parsed = parse(["stats", *words])
    parsed.args.edge = Edge(stdout_is_terminal=terminal)
    return dispatch.call(parsed, lambda: engine)


def test_once_is_a_table():
    engine = Engine()
    assert isinstance(call(engine, "--no-stream", "web", "-a"), Table)
    assert engine.asked == [(("web",), {"all": True, "no_trunc": False})]


def test_a_format_says_which_figures():
    assert list(call(Engine(), "--no-stream", "--format", "{{.Name}} {{.CPUPerc}}")) == [
        "web 1.00%"
    ]


def test_else_a_table_comes_every_second_in_the_place_of_the_last_on_a_terminal():
    found = call(Engine())
    assert isinstance(found, Stream)
    assert list(found) == ["NAME\nweb"] * 2
    first = next(iter(call(Engine(), terminal=True)))
    assert first == "\x1b[HNAME\x1b[K\nweb\x1b[K\x1b[J"
