import os
import stat

import pytest

from nbcontainer.builtin import toolbox
from nbcontainer.builtin.libraries import Loader
from tests.needs import lacks


@pytest.fixture
def without_busybox(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "ls", "sh"):
        (folder / name).symlink_to(os.path.realpath(toolbox.which(name)))
    return str(folder)


def test_every_promised_tool_is_there():
    built = toolbox.tree(Loader())
    assert [name for name in toolbox.TOOLS if f"/bin/{name}" not in built] == []


def test_the_hosts_tools_come_with_their_loader_and_libraries(without_busybox):
    built = toolbox.tree(Loader(), without_busybox)
    loader = Loader()
    for name in ("cat", "sh"):
        source = built[f"/bin/{name}"].source
        assert source
        for path in loader.closure([source]):
            assert path in built


def test_a_dynamic_busybox_is_not_taken_for_a_static_one(tmp_path):
    (tmp_path / "busybox").symlink_to(os.path.realpath(toolbox.which("cat")))
    assert toolbox.static_busybox(Loader(), str(tmp_path)) is None


def test_a_program_that_does_not_run_has_no_applets(tmp_path):
    path = tmp_path / "busybox"
    path.write_text("no program")
    path.chmod(0o755)
    assert toolbox.applets(str(path)) == []


def test_tools_that_are_one_program_are_stored_once(tmp_path):
    (tmp_path / "sh").symlink_to(os.path.realpath(toolbox.which("sh")))
    (tmp_path / "cat").symlink_to(os.path.realpath(toolbox.which("sh")))
    built = toolbox.tree(Loader(), str(tmp_path))
    assert built["/bin/sh"].source
    assert built["/bin/cat"].target == "sh"


def test_an_unreadable_tool_is_passed_over(tmp_path):
    (tmp_path / "sh").mkdir()
    built = toolbox.tree(Loader(), str(tmp_path))
    assert "/bin/sh" not in built


def test_nothing_of_the_hosts_own_configuration_gets_in():
    built = toolbox.tree(Loader())
    copied = [built[path].source for path in built if path.startswith("etc/")]
    assert [path for path in copied if path and "terminfo" not in path] == []
    assert "/etc/resolv.conf" not in built
    assert "/etc/hostname" not in built


def test_temporary_folders_are_open_to_all_and_sticky():
    built = toolbox.tree(Loader())
    assert stat.S_IMODE(built["/tmp"].mode) == 0o1777
    assert stat.S_IMODE(built["/var/tmp"].mode) == 0o1777


def test_users_that_images_name_are_known():
    names = [line.split(":")[0] for line in toolbox.PASSWD.splitlines()]
    assert {"root", "nobody", "www-data", "nginx"} <= set(names)


def test_the_ping_of_iputils_is_taken_and_another_says_what_it_needs(tmp_path):
    (tmp_path / "busybox").symlink_to(os.path.realpath(toolbox.which("busybox") or "/none"))
    if not toolbox.static_busybox(Loader(), str(tmp_path)):
        lacks("busybox", "none that is static")
    assert "--cap-add NET_RAW" in toolbox.tree(Loader(), str(tmp_path))["/bin/ping"].data.decode()
    (tmp_path / "ping").write_bytes(b"from iputils 20221126")
    (tmp_path / "ping").chmod(0o755)
    built = toolbox.tree(Loader(), str(tmp_path))
    assert built["/bin/ping"].source == str(tmp_path / "ping")
