import base64
import json
import os
import pickle
import stat

import pytest

from nbcontainer.errors import EngineError, InvalidArgument
from nbcontainer.registry.credentials import HUB_KEY, Account, Credentials

SECRET = "c4nary-s3cret"


def write(folder, **config):
    (folder / "config.json").write_text(json.dumps(config))
    return Credentials(str(folder))


def packed(user, secret):
    return base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_an_account_is_found_as_docker_writes_it(tmp_path):
    found = write(
        tmp_path,
        auths={
            "localhost:5000": {"auth": packed("a", "b:c")},
            "https://quay.io/v1/": {"auth": packed("q", "x")},
            HUB_KEY: {"auth": packed("h", "y")},
            "r.example": {"username": "u", "password": "p"},
            "t.example": {"auth": packed("u", ""), "identitytoken": "long"},
            "empty.example": {},
        },
    )
    assert (found.get("localhost:5000").user, found.get("localhost:5000").secret) == ("a", "b:c")
    assert found.get("quay.io").user == "q"
    assert found.get("docker.io").user == "h"
    assert found.get("r.example").secret == "p"
    assert found.get("t.example").token == "long"
    assert found.get("empty.example") is None
    assert found.get("localhost") is None
    assert Credentials(str(tmp_path / "absent")).get("x") is None


def test_what_is_kept_is_for_its_owner_alone_and_the_rest_of_the_file_stays(tmp_path):
    folder = tmp_path / "docker"
    credentials = Credentials(str(folder))
    assert credentials.put("localhost:5000", Account("u", SECRET)) == ""
    path = folder / "config.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = json.loads(path.read_text())
    config["psFormat"] = "table"
    path.write_text(json.dumps(config))
    path.chmod(0o644)
    credentials.put("docker.io", Account("h", "z"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = json.loads(path.read_text())
    assert config["psFormat"] == "table"
    assert set(config["auths"]) == {"localhost:5000", HUB_KEY}
    assert credentials.erase("localhost:5000")
    assert not credentials.erase("localhost:5000")
    assert credentials.get("docker.io").secret == "z"
    assert os.listdir(folder) == ["config.json"]


def test_a_linked_file_stays_a_link(tmp_path):
    real = tmp_path / "real.json"
    real.write_text("{}")
    (tmp_path / "config.json").symlink_to(real)
    Credentials(str(tmp_path)).put("r.example", Account("u", SECRET))
    assert (tmp_path / "config.json").is_symlink()
    assert "r.example" in real.read_text()


@pytest.mark.parametrize("text", ["[]", "{", "\0", '"x"', "[" * 5000])
def test_a_damaged_file_is_refused_without_being_quoted(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InvalidArgument, match=r"config.json: this is no JSON object"):
        Credentials(str(tmp_path)).get("x")


def test_a_damaged_account_is_refused_without_being_quoted(tmp_path):
    found = write(tmp_path, auths={"x": {"auth": "%%%" + SECRET}})
    with pytest.raises(InvalidArgument) as caught:
        found.get("x")
    assert SECRET not in str(caught.value.lines())


def test_an_account_shows_no_secret_and_is_not_pickled():
    account = Account("me", SECRET, SECRET)
    assert SECRET not in repr(account) + str(account) + f"{account}"
    with pytest.raises(TypeError):
        pickle.dumps(account)


HELPER = """#!/bin/sh
verb=$1
tr -d '\\0' > "$KEPT.$verb"
env > "$KEPT.env"; echo "$@" > "$KEPT.args"
case $verb in
get) if [ -e "$KEPT.store" ]; then echo '{"Username":"me","Secret":"c4nary-s3cret"}'
     else echo "credentials not found in native keychain"; exit 1; fi ;;
erase) rm -f "$KEPT.store" ;;
esac
"""


@pytest.fixture
def helper(tmp_path):
    program = tmp_path / "docker-credential-lab"
    program.write_text(HELPER)
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KEPT": str(tmp_path / "kept")}


@pytest.mark.parametrize("config", [{"credsStore": "lab"}, {"credHelpers": {"r.example": "lab"}}])
def test_a_helper_keeps_it_and_the_file_does_not(tmp_path, helper, monkeypatch, config):
    for key, value in helper.items():
        monkeypatch.setenv(key, value)
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    credentials = Credentials(str(folder), dict(os.environ))
    assert credentials.get("r.example") is None
    assert credentials.put("r.example", Account("me", SECRET)) == "lab"
    assert SECRET not in (folder / "config.json").read_text()
    assert json.loads((tmp_path / "kept.store").read_text())["Secret"] == SECRET
    # neither its arguments nor its environment hold it
    assert SECRET not in (tmp_path / "kept.args").read_text() + (tmp_path / "kept.env").read_text()
    assert credentials.get("r.example").secret == SECRET
    assert credentials.erase("r.example")
    assert credentials.get("r.example") is None


def test_a_helper_that_fails_is_not_quoted(tmp_path, monkeypatch):
    program = tmp_path / "docker-credential-bad"
    program.write_text(f"#!/bin/sh\necho {SECRET}; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = write(tmp_path, credsStore="bad")
    with pytest.raises(EngineError, match="docker-credential-bad get: exit status 3") as caught:
        found.get("x")
    assert SECRET not in str(caught.value.lines())


@pytest.mark.parametrize("name", ["../x", "a/b", "x y", "-" * 3 + "\n"])
def test_a_helpers_name_is_no_path(tmp_path, name):
    with pytest.raises(InvalidArgument, match="no name of a credential helper"):
        write(tmp_path, credsStore=name).get("x")


def test_a_missing_helper_is_named(tmp_path):
    with pytest.raises(
        InvalidArgument, match='"docker-credential-nowhere": executable file not found'
    ):
        write(tmp_path, credsStore="nowhere").get("x")
