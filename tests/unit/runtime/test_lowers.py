import os

import pytest

from nbcontainer.linux import namespaces
from nbcontainer.runtime import lowers
from nbcontainer.runtime.lowers import Lowers
from tests.needs import needs
from tests.running import running

pytestmark = needs("root", "idmap")
BASE = 400_000


@pytest.fixture
def user_fd():
    """A user namespace in which 0 is BASE outside."""
    with running(["unshare", "-U", "sh", "-c", "echo; read x"], stdin=-1, stdout=-1) as it:
        it.stdout.readline()
        ids = ((0, BASE, 65536),)
        namespaces.write_maps(it.pid, ids, ids)
        descriptor = os.open(f"/proc/{it.pid}/ns/user", os.O_RDONLY)
        yield descriptor
        os.close(descriptor)
        it.kill()


@pytest.fixture
def layer(tmp_path):
    path = tmp_path / "layer"
    path.mkdir()
    (path / "file").write_text("x")
    return str(path)


def owner(descriptor):
    return os.stat("file", dir_fd=descriptor).st_uid


def test_a_layer_is_cloned_once_and_shows_the_containers_ids(layer, user_fd):
    kept = Lowers()
    first = kept.get(layer, user_fd)
    assert owner(first) == BASE
    assert kept.get(layer, user_fd) == first
    kept.forget(layer)


def test_a_layer_that_was_made_anew_is_cloned_anew(layer, user_fd):
    kept = Lowers()
    kept.get(layer, user_fd)
    os.rename(layer, f"{layer}.old")
    os.mkdir(layer)
    with open(f"{layer}/file", "w"):
        pass
    assert os.path.samestat(os.fstat(kept.get(layer, user_fd)), os.stat(layer))
    kept.forget(layer)


def test_only_so_many_are_kept(layer, user_fd, monkeypatch):
    monkeypatch.setattr(lowers, "_MOST", 1)
    kept = Lowers()
    before = len(os.listdir("/proc/self/fd"))
    kept.get(layer, user_fd)
    kept.get(os.path.dirname(layer), user_fd)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    kept.forget(os.path.dirname(layer))


def test_what_cannot_be_cloned_leaks_nothing(layer, user_fd):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError):
        lowers.clone(f"{layer}/missing", user_fd)
    with pytest.raises(OSError):
        lowers.clone(layer, 0)
    assert len(os.listdir("/proc/self/fd")) == before
