import pytest

from nbcontainer.commands.parse import parse
from nbcontainer.errors import Unsupported, UsageError
from tests import fakes


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    fakes.use_in(monkeypatch)


def args(line):
    return parse(line.split()).args


def refusal(line, **more):
    with pytest.raises(UsageError) as caught:
        parse(line.split(), **more)
    return caught.value


def test_short_flags_may_stand_together():
    got = args("run -it toolbox")
    assert (got.interactive, got.tty, got.detach) == (True, True, False)


def test_a_short_flags_value_may_follow_joined_with_or_without_a_sign():
    assert args("run -eA=1 -e B=2 -e=C=3 toolbox").env == ["A=1", "B=2", "C=3"]


def test_the_last_letter_of_many_may_take_the_next_word():
    got = args("run -dm 64m toolbox")
    assert got.detach is True
    assert got.memory == "64m"


def test_a_long_flags_value_may_be_the_next_word_or_follow_a_sign():
    assert args("run --name web toolbox").name == "web"
    assert args("run --name=web toolbox").name == "web"
    assert args("run --name= toolbox").name == ""


def test_a_switch_can_be_turned_off_and_does_not_take_the_next_word():
    assert args("run --sig-proxy=false toolbox").sig_proxy is False
    assert args("run --interactive toolbox").image == "toolbox"


def test_a_flag_that_was_not_given_has_its_default():
    got = args("run toolbox")
    assert (got.sig_proxy, got.env, got.name, got.pids_limit) == (True, [], "", 0)
    assert got.given == frozenset()


def test_flags_after_the_image_belong_to_the_program():
    got = args("run -d toolbox ls -l --all")
    assert got.command == ["ls", "-l", "--all"]
    assert got.detach is True


def test_where_flags_do_not_stop_they_may_follow_arguments():
    got = args("rm web -f old-db")
    assert got.container == ["web", "old-db"]
    assert got.force is True


def test_two_dashes_end_the_flags():
    assert args("rm -- -f web").container == ["-f", "web"]


def test_a_single_dash_is_an_argument():
    assert args("rm -").container == ["-"]


def test_chosen_gives_only_what_was_typed_with_the_engines_keywords():
    got = args("run --pids-limit 5 -e A=1 toolbox")
    assert got.chosen(fakes.RUN_OPTIONS) == {"pids_limit": 5, "env": ["A=1"]}


def test_a_verb_has_the_same_meaning_below_its_noun():
    assert parse(["container", "run", "toolbox"]).command is parse(["run", "toolbox"]).command


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("run --foo x", "unknown flag: --foo"),
        ("run -z x", "unknown shorthand flag: 'z' in -z"),
        ("run -iz x", "unknown shorthand flag: 'z' in -iz"),
        ("run --name", "flag needs an argument: --name"),
        ("run -e", "flag needs an argument: 'e' in -e"),
        ("run -ie", "flag needs an argument: 'e' in -ie"),
        (
            "run -d=x y",
            'invalid argument "x" for "-d, --detach" flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (
            "run --pids-limit x y",
            'invalid argument "x" for "--pids-limit" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        ("run", '"nbcontainer run" requires at least 1 argument.'),
        ("exec web", '"nbcontainer exec" requires at least 2 arguments.'),
        ("ps extra", '"nbcontainer ps" accepts no arguments.'),
        ("tag a", '"nbcontainer tag" requires exactly 2 arguments.'),
        ("tag a b c", '"nbcontainer tag" requires exactly 2 arguments.'),
        ("--foo ps", "unknown flag: --foo"),
    ],
)
def test_what_is_wrong_is_said_in_dockers_words(line, sentence):
    refused = refusal(line)
    assert refused.message == sentence
    assert refused.exit_code == (125 if "flag" in sentence else 1)


def test_a_refusal_says_where_help_is():
    assert refusal("run -z x").hint == "See 'nbcontainer run --help'."
    assert refusal("container run -z x").hint == "See 'nbcontainer container run --help'."
    assert refusal("run -z x", program="cont").hint == "See 'cont run --help'."
    assert "Usage:  nbcontainer tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]" in refusal("tag a").hint


def test_a_flag_that_is_nearly_right_is_named():
    assert refusal("run --interactiv x").hint == "Did you mean --interactive?"


@pytest.mark.parametrize("flag", ["-p", "--publish", "--publish=80:80", "-ip"])
def test_a_flag_that_is_not_offered_is_refused_by_name_with_the_reason(flag):
    with pytest.raises(Unsupported) as caught:
        parse(["run", flag, "80:80", "toolbox"])
    assert "--publish is not supported: there are no container networks" in caught.value.message


def test_an_int_has_an_end():
    assert "value out of range" in refusal(f"run --pids-limit {2**63} x").message
    assert "value out of range" in refusal("run --pids-limit " + "9" * 5000 + " x").message


def test_a_cells_body_stands_in_for_the_command_where_declared():
    parsed = parse(["exec", "web"], body="ls\n")
    assert parsed.args.command == []
    assert parsed.args.body == "ls\n"


def test_a_cells_body_is_refused_where_nothing_reads_it():
    assert refusal("ps", body="ls").message == '"nbcontainer ps" takes no cell body'


@pytest.mark.parametrize("line", ["run --help", "run -it --help", "help run", "ps -h"])
def test_help_may_be_asked_for_in_four_ways(line):
    parsed = parse(line.split())
    assert parsed.help
    assert parsed.command is not None


def test_h_is_the_hostname_where_the_verb_has_one():
    assert args("run -h box toolbox").hostname == "box"


@pytest.mark.parametrize(
    ("line", "path"), [("", ""), ("--help", ""), ("help", ""), ("container", "container")]
)
def test_help_of_the_whole_and_of_a_noun(line, path):
    parsed = parse(line.split())
    assert (parsed.help, parsed.command, parsed.path) == (True, None, path)
