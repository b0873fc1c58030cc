import pytest

from nbcontainer.render.template_functions import FUNCTIONS, HEADER_FUNCTIONS, show, to_json


# the expected texts are what Docker 28.2.2 prints
@pytest.mark.parametrize(
    ("name", "arguments", "out"),
    [
        ("printf", ("%5s|%-5s|%q|%v|%d", "a", "b", "c", True, 3), '    a|b    |"c"|true|3'),
        ("printf", ("%s-%d", "a", "28"), "a-%!d(string=28)"),
        ("printf", ("%s %s", "a"), "a %!s(MISSING)"),
        ("printf", ("a", "b"), "a%!(EXTRA string=b)"),
        ("printf", ("%05d %x %.1f%%", 42, 255, 1.25), "00042 ff 1.2%"),
        ("print", ("a", 1, 2, "b"), "a1 2b"),
        ("println", ("a", 1), "a 1\n"),
        ("slice", ("hello", 1, 3), "el"),
        ("pad", ("a", 2, 3), "  a   "),
        ("pad", ("", 2, 3), ""),
        ("truncate", ("hello", 3), "hel"),
        ("split", ("a,b", ","), ["a", "b"]),
        ("title", ("hello world",), "Hello World"),
        ("html", ("<a>",), "&lt;a&gt;"),
        ("urlquery", ("a b&",), "a+b%26"),
        ("and", (1, ""), ""),
        ("or", ("", 0, 2), 2),
        ("not", ("",), True),
        ("eq", (1, 2, 1), True),
        ("ne", ("a", "b"), True),
        ("lt", (1, 2), True),
        ("ge", ("b", "a"), True),
        ("len", ("é",), 2),
        ("js", ("'\"",), "'\\\""),
    ],
)
def test_functions_answer_as_dockers(name, arguments, out):
    assert FUNCTIONS[name](*arguments) == out


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("len", (None,)),
        ("len", (True,)),
        ("index", (None, 1)),
        ("index", (3, 1)),
        ("index", ([1], True)),
        ("slice", (3,)),
        ("slice", ("abc", 9)),
        ("join", ("a", ",")),
        ("lt", (True, False)),
        ("lt", (1, "a")),
        ("eq", (1,)),
    ],
)
def test_wrong_arguments_are_value_errors(name, arguments):
    with pytest.raises(ValueError):
        FUNCTIONS[name](*arguments)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<no value>"),
        ([None], "[<nil>]"),
        (1.0, "1"),
        (1.5, "1.5"),
        ({"b": [1, "x"], "a": {}}, "map[a:map[] b:[1 x]]"),
        (False, "false"),
    ],
)
def test_values_are_printed_as_go_prints_them(value, text):
    assert show(value) == text


def test_json_escapes_nothing_that_need_not_be_and_leaves_out_methods():
    assert to_json({"a": "<é>", "Label": len}) == '{"a":"<é>"}'


def test_over_headers_a_function_leaves_the_header():
    assert HEADER_FUNCTIONS["upper"]("Names") == "Names"
    assert HEADER_FUNCTIONS["join"]("NAMES", ",") == "NAMES"
