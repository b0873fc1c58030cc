import os

import pytest

from nbcontainer.runtime import removal
from nbcontainer.spec.runtime import Mount, RuntimeConfig
from nbcontainer.store.containers import Containers
from nbcontainer.store.layout import Layout
from nbcontainer.store.version import open_store
from nbcontainer.store.volumes import Volumes

ID = "a" * 64
CONFIG = RuntimeConfig(
    ID, "web", "i", "d", 0, (), ("true",), auto_remove=True,
    mounts=(
        Mount("volume", "/a", "0" * 64, anonymous=True),
        Mount("volume", "/b", "named"),
        Mount("bind", "/c", "/tmp"),
    ),
)  # fmt: skip


@pytest.fixture
def layout(tmp_path):
    layout = Layout(str(tmp_path / "home"), str(tmp_path / "run"))
    open_store(layout)
    for name in ("0" * 64, "named"):
        Volumes(layout).create(name)
    Containers(layout).create(CONFIG)
    return layout


def test_the_container_goes_with_its_anonymous_volumes_alone(layout):
    doomed = removal.take_out(layout, CONFIG)
    assert len(doomed) == 2
    assert Containers(layout).list() == []
    assert [volume.name for volume in Volumes(layout).list()] == ["named"]
    removal.delete(doomed)
    assert not any(map(os.path.exists, doomed))


def test_a_second_removal_finds_nothing_to_do(layout):
    removal.delete(removal.take_out(layout, CONFIG))
    assert removal.take_out(layout, CONFIG) == ()


def test_where_the_store_refuses_all_stays(layout, monkeypatch):
    def refuses(self, container_id):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Containers, "remove", refuses)
    assert removal.take_out(layout, CONFIG) == ()
    assert len(Containers(layout).list()) == 1
    assert len(Volumes(layout).list()) == 2


def test_trees_that_are_gone_are_passed_over(tmp_path):
    there = tmp_path / "tree"
    there.mkdir()
    removal.delete((str(tmp_path / "no" / "x"), str(tmp_path / "gone"), str(there)))
    assert not there.exists()
