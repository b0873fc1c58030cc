import pytest

from nbcontainer.errors import ContainerNotFound, InvalidArgument, NotFound
from nbcontainer.spec.copy_rules import (
    Endpoint,
    Placed,
    Thing,
    base_name,
    direction,
    parent,
    place,
    split,
)


@pytest.mark.parametrize(
    ("text", "container", "path"),
    [
        ("web:/etc/x", "web", "/etc/x"),
        ("web:x", "web", "x"),
        ("web:", "web", "/"),
        ("./a:b", "", "./a:b"),
        ("/a:b", "", "/a:b"),
        ("dir/a:b", "", "dir/a:b"),
        ("plain", "", "plain"),
        ("-", "", "-"),
    ],
)
def test_an_argument_is_a_containers_path_or_the_hosts(text, container, path):
    assert split(text) == Endpoint(container, path)
    assert split(text).is_stream is (text == "-")


def test_a_container_without_a_name_is_refused():
    with pytest.raises(ContainerNotFound):
        split(":/x")


def test_one_side_is_a_container():
    web, here = Endpoint("web", "/x"), Endpoint("", "/x")
    assert (direction(web, here), direction(here, web)) == ("out", "in")
    with pytest.raises(InvalidArgument, match="copying between containers is not supported"):
        direction(web, web)
    with pytest.raises(InvalidArgument, match="must specify at least one container source"):
        direction(here, here)


FILE, DIRECTORY = "file", "directory"


@pytest.mark.parametrize(
    ("source", "target", "placed"),
    [
        (("/s/f", FILE), ("/d/new", ""), Placed("/d", "new")),
        (("/s/f", FILE), ("/d/f", FILE), Placed("/d", "f")),
        (("/s/f", FILE), ("/d", DIRECTORY), Placed("/d", "f")),
        (("/s/f", FILE), ("/d/", DIRECTORY), Placed("/d/", "f")),
        (("f", FILE), ("new", ""), Placed(".", "new")),
        (("/s", DIRECTORY), ("/d/new", ""), Placed("/d", "new")),
        (("/s", DIRECTORY), ("/d/new/", ""), Placed("/d", "new")),
        (("/s", DIRECTORY), ("/d", DIRECTORY), Placed("/d", "s")),
        (("/s/", DIRECTORY), ("/d", DIRECTORY), Placed("/d", "s")),
        (("/s/.", DIRECTORY), ("/d", DIRECTORY), Placed("/d", "")),
        (("/s/.", DIRECTORY), ("/d/new", ""), Placed("/d", "new")),
        ((".", DIRECTORY), ("/d", DIRECTORY), Placed("/d", "")),
        (("/", DIRECTORY), ("/d", DIRECTORY), Placed("/d", "")),
    ],
)
def test_dockers_table_of_cases(source, target, placed):
    assert place(Thing(*source), Thing(*target)) == placed


@pytest.mark.parametrize(
    ("source", "target", "error", "words"),
    [
        (("/s/f", FILE), ("/d/new/", ""), NotFound, "web:/d/new/: no such directory"),
        (("/s/f", FILE), ("/d/f/", FILE), InvalidArgument, "web:/d/f/: not a directory"),
        (("/s", DIRECTORY), ("/d/f", FILE), InvalidArgument, "cannot copy directory"),
        (("/s/f/", FILE), ("/d", DIRECTORY), InvalidArgument, "/s/f/: not a directory"),
        (("/s/f/.", FILE), ("/d", DIRECTORY), InvalidArgument, "not a directory"),
    ],
)
def test_what_cannot_be_is_refused(source, target, error, words):
    with pytest.raises(error, match=words):
        place(Thing(*source), Thing(*target), "web")


def test_parts_of_paths():
    assert [base_name(p) for p in ("/a/b", "/a/b/", "b", "/")] == ["b", "b", "b", "/"]
    assert [parent(p) for p in ("/a/b", "/a", "a", "/a/b/", "/")] == ["/a", "/", ".", "/a", "/"]
