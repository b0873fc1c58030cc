import pytest

from nbcontainer.commands.interpolate import evaluator
from nbcontainer.commands.words import split, split_partial, without_semicolon
from nbcontainer.errors import UsageError
from nbcontainer.results import Container, Table, Text

NAMES = {
    "name": "web",
    "spaced": "a b",
    "ids": ["one", "two"],
    "x": Table("container", [("ID", "ID")], [{"ID": "a"}, {"ID": "b"}]),
    "lines": Text(["l1", "l2"]),
    "box": Container("c" * 64, "box"),
    "data": b"bytes",
    "d": {"k": "v"},
}


def words(line):
    return split(line, evaluator(NAMES, {}))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ps -a", ["ps", "-a"]),
        ("  run\t x  ", ["run", "x"]),
        ("sh -c 'echo $HOME'", ["sh", "-c", "echo $HOME"]),
        ('sh -c "echo \\"hi\\" \\n"', ["sh", "-c", 'echo "hi" \\n']),
        ("a\\ b", ["a b"]),
        ("''", [""]),
        ("-e A='b c'd", ["-e", "A=b cd"]),
        ("", []),
        ("a\\", ["a\\"]),
    ],
)
def test_quotes_are_a_shells(line, expected):
    assert split(line) == expected


@pytest.mark.parametrize("line", ["sh -c 'echo", 'a "b'])
def test_an_open_quote_is_refused(line):
    with pytest.raises(UsageError, match="is not closed"):
        split(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("rm {name}", ["rm", "web"]),
        ("run {spaced}", ["run", "a b"]),
        ("-v {name}:/x", ["-v", "web:/x"]),
        ("sh -c 'echo {name}'", ["sh", "-c", "echo web"]),
        ("rm {ids}", ["rm", "one", "two"]),
        ("rm {x}", ["rm", "a", "b"]),
        ("rm {x.ids[0]}", ["rm", "a"]),
        ("echo {lines}", ["echo", "l1", "l2"]),
        ("exec {box} ls", ["exec", "c" * 64, "ls"]),
        ("echo '{ids}'", ["echo", "one two"]),
        ("echo {data}", ["echo", "bytes"]),
        ("echo {d['k']}", ["echo", "v"]),
        ("echo {' '.join(ids)}", ["echo", "one two"]),
        ("echo {{'a': name}['a']}", ["echo", "{{a:", "name}[a]}"]),
        ("echo {dict(a=name)['a']}", ["echo", "web"]),
        ('echo {"{}".format(name)}', ["echo", "web"]),
    ],
)
def test_single_braces_are_python(line, expected):
    assert words(line) == expected


@pytest.mark.parametrize(
    "word",
    [
        "{{.Names}}",
        "{{.Names}}:{{.Image}}",
        "{{name}}",
        "${HOME}",
        "${name}",
        "{}",
        "{1..3}",
        "[0-9]{3}",
        "{print}",
        "{missing}",
        "{name,ids}",
        "{",
        "{name",
        "$HOME",
    ],
)
def test_what_belongs_to_a_template_or_a_shell_is_untouched(word):
    assert words(f"echo {word}") == ["echo", word]


def test_a_template_with_quotes_and_blanks_is_one_word_in_quotes():
    assert words("""ps --format '{{json .}} {{join .x ", "}}'""")[-1] == (
        """{{json .}} {{join .x ", "}}"""
    )


def test_awk_keeps_its_program():
    assert words("awk '{print $1}'") == ["awk", "{print $1}"]


def test_an_expression_that_fails_is_an_error_and_not_text():
    with pytest.raises(UsageError, match=r"\{ids\[9\]\} has no value: IndexError"):
        words("rm {ids[9]}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ([], "")),
        ("ru", ([], "ru")),
        ("run ", (["run"], "")),
        ("run -it 'my im", (["run", "-it"], "my im")),
        ("run -e A=1 to", (["run", "-e", "A=1"], "to")),
    ],
)
def test_a_half_typed_line_ends_in_its_fragment(line, expected):
    assert split_partial(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ps;", ("ps", True)),
        ("ps ; ", ("ps", True)),
        ("ps", ("ps", False)),
        ("exec web find . -exec echo {} \\;", ("exec web find . -exec echo {} \\;", False)),
        ("exec web sh -c 'a;'", ("exec web sh -c 'a;'", False)),
        ("exec web sh -c 'a';", ("exec web sh -c 'a'", True)),
        ("find . -exec x ';'", ("find . -exec x ';'", False)),
    ],
)
def test_a_semicolon_at_the_end_silences_unless_it_is_a_word(line, expected):
    assert without_semicolon(line) == expected


def test_a_template_in_double_quotes_may_hold_escaped_quotes():
    line = r'inspect --format "{{join .Args \" \"}}\t{{.Name}} \\ {{\"\\\\\"}}" web'
    template = r'{{join .Args " "}}\t{{.Name}} \ {{"\\"}}'
    assert split(line, lambda text: 1 / 0) == ["inspect", "--format", template, "web"]
    assert split(line) == ["inspect", "--format", template, "web"]
