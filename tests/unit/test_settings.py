import os

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.settings import Settings


def test_the_home_is_what_the_environment_says_else_dockers_kind_of_place(monkeypatch):
    assert Settings.load({"NBCONTAINER_HOME": "/a/../b"}).home == "/b"
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert Settings.load({}).home == "/var/lib/nbcontainer"
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert Settings.load({"XDG_DATA_HOME": "/d"}).home == "/d/nbcontainer"
    assert Settings.load({"HOME": "/home/u"}).home == "/home/u/.local/share/nbcontainer"


def test_an_argument_wins_over_the_environment():
    assert Settings.load({"NBCONTAINER_HOME": "/a"}, home="/c").home == "/c"


def test_two_stores_have_two_runtime_folders(tmp_path):
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    one = Settings.load({**environment, "NBCONTAINER_HOME": "/a"})
    two = Settings.load({**environment, "NBCONTAINER_HOME": "/b"})
    again = Settings.load({**environment, "NBCONTAINER_HOME": "/a"})
    assert one.run == again.run != two.run
    assert os.path.dirname(one.run) == str(tmp_path)


def test_without_a_runtime_folder_of_the_user_it_lies_in_the_store(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    for environment in ({}, {"XDG_RUNTIME_DIR": str(tmp_path / "absent")}):
        settings = Settings.load({**environment, "NBCONTAINER_HOME": "/a"})
        assert settings.run == "/a/run"


@pytest.mark.parametrize(
    ("text", "on"), [("1", True), ("true", True), ("Yes", True), ("0", False), ("", False)]
)
def test_switches_read_as_people_write_them(text, on):
    settings = Settings.load({"NBCONTAINER_LAB": text, "NBCONTAINER_DEBUG": text})
    assert (settings.lab, settings.debug) == (on, on)


def test_the_environment_is_copied_when_it_is_read():
    environment = {"A": "1"}
    settings = Settings.load(environment)
    environment["A"] = "2"
    assert settings.environ == {"A": "1"}


def test_an_address_to_publish_at_is_one():
    environ = {"HOME": "/root", "NBCONTAINER_PUBLISH_ADDRESS": "::1"}
    assert Settings.load(environ).publish_address == "::1"
    with pytest.raises(
        InvalidArgument, match="NBCONTAINER_PUBLISH_ADDRESS: invalid IP address: foo"
    ):
        Settings.load(environ | {"NBCONTAINER_PUBLISH_ADDRESS": "foo"})
