import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.descriptor import DOCKER_MANIFEST, OCI_MANIFEST, Descriptor
from nbcontainer.spec.digest import sha256
from nbcontainer.views.search import search_row, search_test, verbose_manifest

FOUND = {
    "name": "nginx",
    "description": "Official build of Nginx.\nA long description that goes on and on",
    "star_count": 20000,
    "is_official": True,
}


def test_a_result_is_a_row():
    row = search_row(FOUND)
    assert (row["Name"], row["StarCount"], row["IsOfficial"]) == ("nginx", 20000, "[OK]")
    assert row["Description"] == "Official build of Nginx. A long description …"
    assert search_row(FOUND, no_trunc=True)["Description"].endswith("on and on")


@pytest.mark.parametrize("found", [{}, {"star_count": "many", "description": None, "name": 5}])
def test_a_strangers_result_is_a_row_whatever_it_holds(found):
    assert search_row(found)["StarCount"] == 0


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, True),
        ({"stars": ["100"]}, True),
        ({"stars": ["30000"]}, False),
        ({"is-official": ["true"]}, True),
        ({"is-official": ["false"]}, False),
        ({"is-automated": ["true"]}, False),
    ],
)
def test_filters(filters, fits):
    assert search_test(filters)(search_row(FOUND)) is fits


@pytest.mark.parametrize(
    ("filters", "words"),
    [({"stars": ["x"]}, "invalid filter 'stars=x'"),
     ({"is-official": ["perhaps"]}, "invalid filter 'is-official=perhaps'")],
)  # fmt: skip
def test_a_filter_that_means_nothing_is_refused(filters, words):
    with pytest.raises(InvalidArgument, match=f"^{words}$"):
        search_test(filters)


def test_a_manifest_with_what_surrounds_it():
    data = b'{"a": 1}'
    told = verbose_manifest("r/a:v1", Descriptor(OCI_MANIFEST, sha256(data), 8), data)
    assert told["Ref"] == "r/a:v1"
    assert told["Descriptor"]["digest"] == sha256(data)
    assert told["OCIManifest"] == {"a": 1}
    docker = verbose_manifest("r/a:v1", Descriptor(DOCKER_MANIFEST, sha256(data), 8), data)
    assert docker["SchemaV2Manifest"] == {"a": 1}
