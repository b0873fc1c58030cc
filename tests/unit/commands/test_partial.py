import pytest

from nbcontainer.commands.partial import propose
from nbcontainer.commands.words import split_partial
from tests import fakes


@pytest.fixture(autouse=True)
def small_table(monkeypatch):
    fakes.use_in(monkeypatch)


IMAGES = ["a3", "hello-world", "me/web:v2", "nginx", "python", "toolbox"]


def proposals(line):
    words, typed = split_partial(line)
    found, fragment = propose(words, typed, fakes.FakeEngine)
    assert line.endswith(fragment)
    return [proposal.text for proposal in found]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("r", ["rm", "run"]),
        ("l", ["lab", "logs"]),
        ("help r", ["rm", "run"]),
        ("container r", ["rm", "run"]),
        ("rm ", ["old-db", "web"]),
        ("rm web o", ["old-db"]),
        ("exec ", ["web"]),
        ("run ", IMAGES),
        ("run -it -e A=1 t", ["toolbox"]),
        ("run toolbox:", ["toolbox:latest"]),
        ("run me/web:", ["me/web:v2"]),
        ("run --na", ["--name"]),
        ("run --name=", []),
        ("run -e ", []),
        ("run --sig-proxy ", IMAGES),
        ("run toolbox ", []),
        ("run toolbox --na", []),
        ("tag ", IMAGES),
        ("tag toolbox ", []),
        ("frobnicate x", []),
        ("run -dz ", IMAGES),
        ("run --unknown ", IMAGES),
    ],
)
def test_what_may_stand_at_the_end(line, expected):
    assert proposals(line) == expected


def test_flags_that_are_not_offered_are_not_proposed():
    assert "--publish" not in proposals("run --")
    assert "-p" not in proposals("run -")
    assert "--help" in proposals("run --")


def test_an_engine_that_fails_proposes_nothing():
    def broken():
        raise OSError("no store")

    assert propose(["rm"], "", broken) == ([], "")


def test_verbs_and_flags_need_no_engine():
    def never():
        raise AssertionError("the engine was made")

    assert propose([], "ru", never)[0]
    assert propose(["run"], "--", never)[0]
