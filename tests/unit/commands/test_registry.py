import io

import pytest

from nbcontainer.commands.table import Edge
from nbcontainer.errors import UsageError
from nbcontainer.results import Table, Text
from tests.notes import Notes, do

OK = Text(["Login Succeeded"])


def asking(*answers):
    left, asked = list(answers), []

    def ask(prompt, is_secret):
        asked.append((prompt, is_secret))
        return left.pop(0)

    return ask, asked


def test_login_reads_the_password_from_stdin():
    engine = Notes(login=OK)
    edge = Edge(stdin=lambda: io.BytesIO(b"s3cret\n"))
    assert list(do("login -u me --password-stdin r.example", engine, edge=edge)) == [*OK]
    assert engine.calls == [("login", ("r.example",), {"username": "me", "password": "s3cret"})]


def test_login_reads_the_password_from_the_cell():
    engine = Notes(login=OK)
    do("login -u me --password-stdin r.example", engine, body="s3cret\n")
    assert engine.calls[0][2]["password"] == "s3cret"


def test_login_asks_for_what_is_missing_and_hides_the_secret():
    engine = Notes(login=OK, known_user="")
    ask, asked = asking("me", "s3cret")
    do("login r.example", engine, edge=Edge(ask=ask))
    assert asked == [("Username: ", False), ("Password: ", True)]
    assert engine.calls[-1] == ("login", ("r.example",), {"username": "me", "password": "s3cret"})


def test_login_with_an_account_that_is_kept_asks_nothing():
    engine = Notes(login=OK, known_user="me")
    do("login r.example", engine)
    assert engine.calls[-1] == ("login", ("r.example",), {"username": "", "password": ""})


def test_login_warns_of_a_password_on_the_command_line():
    lines = do("login -u me -p x", Notes(login=OK))
    assert lines[0].startswith("WARNING! Using --password via the CLI is insecure.")


@pytest.mark.parametrize(
    ("line", "body", "words"),
    [
        ("login -u me -p x --password-stdin", None, "mutually exclusive"),
        ("login --password-stdin", "x", "Must provide --username"),
        ("login -u me --password-stdin", None, "no standard input"),
        ("login -u me", None, "interactive login from a non TTY"),
        ("login -u me", "x", "read with --password-stdin only"),
    ],
)
def test_login_refuses_what_cannot_be(line, body, words):
    with pytest.raises(UsageError, match=words):
        do(line, Notes(login=OK, known_user=""), body=body)


def test_the_other_verbs_pass_on_what_was_asked():
    engine = Notes(
        search=Table("search", (("Name", "NAME"),), []),
        registry_log=Table("request", (("What", "WHAT"),), []),
        registry_ls=Table("repository", (("Tag", "TAG"),), []),
        registry_follow=iter([]),
    )
    do("logout r.example", engine)
    do("search --limit 5 nginx", engine)
    do("manifest inspect -v r.example/a", engine)
    do("registry start -p 0 --auth a:b --token --readonly --rate-limit 3", engine)
    do("registry log -n 5", engine)
    do("registry log -f", engine)
    do("registry ls", engine)
    do("registry stop -v", engine)
    assert engine.calls == [
        ("logout", ("r.example",), {}),
        ("search", ("nginx",), {"filter": [], "limit": 5, "no_trunc": False}),
        ("manifest_inspect", ("r.example/a",), {"verbose": True}),
        (
            "registry_start",
            (),
            {"port": 0, "auth": "a:b", "token": True, "readonly": True, "rate_limit": 3},
        ),
        ("registry_log", (), {"tail": "5"}),
        ("registry_follow", (), {"tail": "all"}),
        ("registry_ls", (), {}),
        ("registry_stop", (), {"volumes": True}),
    ]
