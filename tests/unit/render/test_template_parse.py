import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.render.template_functions import FUNCTIONS
from nbcontainer.render.template_parse import SyntaxProblem, parse

NAMES = frozenset(FUNCTIONS)


# the sentences are those of Docker 28.2.2's `docker version --format`
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{", "unclosed action"),
        ("{{.Client", "unclosed action"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{if .Client}}", "unexpected EOF"),
        ("{{range .Client}}a", "unexpected EOF"),
        ("{{$x}}", 'undefined variable "$x"'),
        ("{{}}", "missing value for command"),
        ("{{.A | }}", "missing value for command"),
        ("{{.Client | nope}}", 'function "nope" not defined'),
        ('{{"abc}}', "unterminated quoted string"),
        ("{{`abc}}", "unterminated raw quoted string"),
        ("{{/* x", "unclosed comment"),
        ("{{(.A}}", "unclosed left paren"),
        ("{{.A)}}", 'unexpected ")" in command'),
        ("{{.A.}}", 'unexpected "." in operand'),
        ("{{3.a}}", 'unexpected "a" in operand'),
        ("{{if}}x{{end}}", "missing value for command"),
        ("{{if .A}}{{else}}{{else}}{{end}}", "expected end; found {{else}}"),
        ('{{template "x"}}', "{{template}} is not supported"),
        ("{{.A ; .B}}", "unexpected bad character U+003B ';' in command"),
    ],
)
def test_what_cannot_be_parsed_is_said_in_gos_words(text, sentence):
    with pytest.raises(SyntaxProblem) as caught:
        parse(text, NAMES)
    assert str(caught.value) == sentence
    assert caught.value.line == 1


def test_the_line_of_a_problem_is_counted():
    with pytest.raises(SyntaxProblem) as caught:
        parse("a\nb\n{{Nope}}", NAMES)
    assert caught.value.line == 3


def test_variables_end_with_their_block():
    with pytest.raises(SyntaxProblem, match="undefined variable"):
        parse("{{if true}}{{$x := 1}}{{end}}{{$x}}", NAMES)


@pytest.mark.parametrize("text", ["{{if true}}" * 5000, "{{" + "(" * 5000])
def test_deep_nesting_is_refused_before_the_stack_ends(text):
    with pytest.raises(SyntaxProblem, match="too deep|unclosed"):
        parse(text + "}}", NAMES)


@given(st.text(alphabet='{}.$ab"`|()=:/*- \\\nif', max_size=30))
def test_any_text_is_parsed_or_refused(text):
    try:
        parse(text, NAMES)
    except SyntaxProblem:
        pass


@given(st.text(alphabet='.$ab"`|()=:, 1-', max_size=20))
def test_any_action_is_parsed_or_refused(text):
    try:
        parse("{{" + text + "}}", NAMES)
    except SyntaxProblem:
        pass
