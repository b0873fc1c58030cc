import subprocess
import sys

import pytest

from nbcontainer.commands import table
from nbcontainer.commands.kinds import LIST, STRING
from nbcontainer.commands.table import Args, Argument, Option, refused
from nbcontainer.errors import UsageError
from tests import fakes


@pytest.fixture
def small_table(monkeypatch):
    fakes.use_in(monkeypatch)


def missing(*words):
    with pytest.raises(UsageError) as caught:
        table.find(words, "cont")
    return caught.value


def test_a_verb_is_found_with_what_follows(small_table):
    found, path, rest = table.find(["container", "ps", "-a"])
    assert (found.paths[0], path, rest) == ("container ls", "container ps", ["-a"])


def test_an_unknown_verb_names_the_nearest(small_table):
    error = missing("inf")
    assert error.message == "'inf' is not a command of cont"
    assert error.hint == "Did you mean 'info'?"
    assert missing("container", "ruun").hint == "Did you mean 'container run'?"


def test_an_unknown_verb_that_is_near_nothing_points_to_help(small_table):
    assert missing("frobnicate").hint == "See 'cont --help'."


def test_a_docker_verb_that_is_not_offered_is_refused_with_the_reason(small_table):
    assert "does not offer: Docker has given up content trust" in missing("trust").message
    assert "does not offer" in missing("image", "build").message


def test_every_declared_verb_is_found_through_the_modules_table():
    for path in table.load_all():
        found, called, rest = table.find(path.split())
        assert (called, rest) == (path, [])
        assert path in found.paths


@pytest.mark.parametrize("word", [*table.GROUPS, *table.MODULES])
def test_loading_a_word_declares_all_that_begins_with_it(word):
    """In a process of its own: what others loaded would hide that its module does not."""
    program = (
        "import sys; from nbcontainer.commands import table; table.load(sys.argv[1]); "
        "print('\\n'.join(table._declared))"
    )
    done = subprocess.run([sys.executable, "-c", program, word], capture_output=True, text=True)
    wanted = {path for path in table.load_all() if path.split()[0] == word}
    assert wanted <= set(done.stdout.split("\n")), done.stderr


def test_every_word_in_the_modules_table_is_declared():
    declared = table.load_all()
    assert [w for w in table.MODULES if w not in declared and w not in table.GROUPS] == []


def test_no_verb_is_both_offered_and_refused():
    assert set(table.MODULES) & set(table.ABSENT) == set()


def test_letters_and_names_of_flags_are_unique_and_keys_meet_no_argument():
    for found in set(table.load_all().values()):
        letters = [o.short for o in found.options.values() if o.short]
        assert sorted(set(letters)) == sorted(letters), found.paths
        keys = {o.key for o in found.options.values()}
        assert not keys & {argument.name for argument in found.arguments}, found.paths


def test_an_option_spells_its_key_and_its_zero():
    assert Option("cap-add", "", LIST).key == "cap_add"
    assert Option("cap-add", "", LIST).zero() == []
    assert Option("pull", "", STRING, default="missing").zero() == "missing"


def test_refused_options_carry_their_reason():
    both = refused("why not", "gpus", "publish:p")
    assert [(o.name, o.short, o.refused) for o in both] == [
        ("gpus", "", "why not"),
        ("publish", "p", "why not"),
    ]


@pytest.mark.parametrize(
    ("argument", "usage"),
    [
        (Argument("container"), "CONTAINER"),
        (Argument("container", most=None), "CONTAINER [CONTAINER...]"),
        (Argument("volume", least=0), "[VOLUME]"),
        (Argument("volume", least=0, most=None), "[VOLUME...]"),
        (Argument("command", label="[COMMAND] [ARG...]"), "[COMMAND] [ARG...]"),
    ],
)
def test_usage_is_written_as_dockers(argument, usage):
    assert argument.usage == usage


def test_an_undeclared_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="declares no 'color'"):
        _ = Args({}).color
