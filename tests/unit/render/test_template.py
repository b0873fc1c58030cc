import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.render.template import Template, format_detail, format_stream, format_table
from nbcontainer.results import Detail, Table, Text
from tests.fakes import PS, FakeEngine, row

DOCUMENT = {
    "Name": "/web",
    "State": {"Pid": 7, "Running": True, "Error": "", "Health": None},
    "Args": ["-c", "ls"],
    "Config": {"Labels": {"com.x": "1", "b": "2"}, "Env": ["A=1", "B=2"]},
}


def made(text, data=DOCUMENT):
    return Template(text).render(data)


def refusal(text, data=DOCUMENT, **more):
    with pytest.raises(InvalidArgument) as caught:
        Template(text).render(data, **more)
    return caught.value


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("{{.Name}}", "/web"),
        ("{{.State.Pid}} {{.State.Running}}", "7 true"),
        ("{{json .State}}", '{"Pid":7,"Running":true,"Error":"","Health":null}'),
        ("{{.Name | upper | json}}", '"/WEB"'),
        ("{{range .Args}}[{{.}}]{{end}}", "[-c][ls]"),
        ("{{range $i, $e := .Args}}{{$i}}={{$e}},{{end}}", "0=-c,1=ls,"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "b=2 com.x=1 "),
        ("{{range .State.Health}}x{{else}}none{{end}}", "none"),
        ("{{range .Args}}{{break}}{{end}}{{range .Args}}{{continue}}x{{end}}", ""),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.Error}}bad{{else if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if .State.Error}}bad{{else if .State.Error}}x{{else}}down{{end}}.", "down."),
        ("{{with .State}}{{.Pid}}{{$.Name}}{{end}}", "7/web"),
        ("{{with .State.Error}}x{{else}}none{{end}}", "none"),
        ("{{with $x := .State}}{{$x.Pid}}{{end}}", "7"),
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "none"),
        ('{{index .Config.Labels "com.x"}}', "1"),
        ('{{index .Config.Labels "none"}}', ""),
        ("{{index .Args 1}}", "ls"),
        ("{{len .Args}}", "2"),
        ('{{join .Config.Env ", "}}', "A=1, B=2"),
        ("{{.Args}}", "[-c ls]"),
        ("{{.Config.Labels}}", "map[b:2 com.x:1]"),
        ("{{.Config.Labels.none}}", "<no value>"),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{(index .Args 0)}}{{(.State).Pid}}", "-c7"),
        ("{{if and .State.Running (eq .State.Pid 7)}}yes{{end}}", "yes"),
        ("{{println .Name}}", "/web\n"),
        ("a {{- 1 -}} b", "a1b"),
        ("{{/* nothing */}}x", "x"),
        ('{{"}}"}}{{`{{`}}', "}}{{"),
        ("no braces } {", "no braces } {"),
    ],
)
def test_what_people_write_works_as_in_go(text, out):
    assert made(text) == out


def test_a_function_that_is_a_field_is_refused_with_dockers_sentence_and_the_dot():
    error = refusal("{{Image}}")
    assert error.message == 'template parsing error: template: :1: function "Image" not defined'
    assert error.hint == "did you mean {{.Image}}?"
    assert refusal("{{nope}}").hint is None


def test_a_field_that_is_missing_is_named_with_its_place():
    error = refusal("{{.State.Foo}}")
    assert error.message == (
        'template parsing error: template: :1:8: executing "" at <.State.Foo>: '
        'map has no entry for key "Foo"'
    )
    assert refusal("{{.name}}").hint == "did you mean .Name?"
    assert ":2:2:" in refusal("\n{{.Foo}}").message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{{.Name.Foo}}", "can't evaluate field Foo in type string"),
        ("{{.State.Health.Foo}}", 'nil data; no entry for key "Foo"'),
        ("{{len 3}}", "error calling len: len of type int"),
        ("{{index .Args 9}}", "error calling index: index out of range: 9"),
        ('{{index .Args "a"}}', "cannot index slice/array with type string"),
        ("{{upper}}", "wrong number or type of args for upper: got 0"),
        ("{{join .Args}}", "wrong number or type of args for join: got 1"),
        ('{{join .Name ","}}', "expected []string"),
        ("{{upper 3}}", "expected string; got int"),
        ("{{range .Name}}{{end}}", "range can't iterate over /web"),
        ("{{.Name 1}}", "Name is not a method but has arguments"),
        ("{{1 2}}", "can't give argument to non-function 1"),
        ("{{eq .Name 1}}", "incompatible types for comparison"),
    ],
)
def test_what_cannot_be_done_is_an_error_and_never_a_traceback(text, part):
    assert part in refusal(text).message


def test_endless_output_is_cut_off():
    text = "{{range 1000000}}" + "x" * 100 + "{{end}}"
    assert "more than 16 MiB" in refusal(text).message


@pytest.fixture
def ps():
    return FakeEngine().ps(all=True)


def test_a_table_template_makes_columns_with_dockers_headers(ps):
    made = format_table(ps, "table {{.Names}}\\t{{.Image}}")
    assert isinstance(made, Table)
    assert repr(made) == ("NAMES     IMAGE\nweb       nginx:latest\nold-db    toolbox:latest")
    assert made["Names"] == ["web", "old-db"]
    assert made.ids == ps.ids


@pytest.mark.parametrize(
    ("part", "header"),
    [
        ("{{.ID}}", "CONTAINER ID"),
        ("{{.ID | lower}}", "CONTAINER ID"),
        ("{{.RunningFor}}", "CREATED"),
        ("{{.CreatedAt}}", "CREATED AT"),
        ('{{.Label "com.x.role"}}', "role"),
        ("{{.Status}} of {{.Names}}", "STATUS of NAMES"),
    ],
)
def test_headers_are_dockers_whatever_is_done_to_the_value(part, header):
    more = {"RunningFor": "", "CreatedAt": "", "Status": "", "Label": str.upper}
    table = Table("container", PS, [row("web", **more)])
    assert repr(format_table(table, f"table {part}")).splitlines()[0] == header


def test_a_plain_template_gives_a_line_a_row(ps):
    made = format_table(ps, "{{.Names}}\\t{{upper .Image}}")
    assert isinstance(made, Text)
    assert made == ["web\tNGINX:LATEST", "old-db\tTOOLBOX:LATEST"]


def test_json_gives_a_sorted_document_a_row(ps):
    line = '{"ID":"webid","Image":"nginx:latest","Names":"web","Ports":""}'
    assert format_table(ps, "json")[0] == line
    assert format_table(ps, "{{json .}}")[0] == line


def test_a_field_that_no_row_has_is_refused_in_dockers_words(ps):
    with pytest.raises(InvalidArgument) as caught:
        format_table(ps, "{{.Name}}")
    assert caught.value.message == (
        'template parsing error: template: :1:2: executing "" at <.Name>: '
        "can't evaluate field Name in type *formatter.ContainerContext"
    )
    assert caught.value.hint == "did you mean .Names?"


def test_a_rows_text_cannot_move_the_cursor():
    table = Table("container", PS, [row("x\x1b[2J")])
    assert format_table(table, "{{.Names}}") == ["x\\x1b[2J"]


def test_a_template_over_no_rows_is_still_checked():
    with pytest.raises(InvalidArgument):
        format_table(Table("container", PS, []), "{{Names}}")


def test_documents_are_formatted_one_by_one():
    both = Detail([{"a": 1}, {"a": 2}])
    assert format_detail(both, "{{.a}}") == ["1", "2"]
    assert format_detail(both, "json") == ['[{"a":1},{"a":2}]']
    assert format_detail(Detail([{"a": 1}], single=True), "json") == ['{"a":1}']


def test_rows_that_come_with_time_are_formatted_lazily():
    def rows():
        yield {"Action": "start"}
        raise AssertionError("read too far")

    assert next(iter(format_stream(rows(), "{{.Action}}\\t!"))) == "start\t!"
    assert next(iter(format_stream(rows(), "json"))) == '{"Action":"start"}'
