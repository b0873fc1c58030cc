"""A registry of each make, and a client for it."""

import pytest

from tests.needs import check
from tests.registries import client, close_all, debian, ours


@pytest.fixture(autouse=True)
def closed():
    """No connection outlives its test."""
    yield
    close_all()


@pytest.fixture
def registry(tmp_path):
    """Our registry, open to everybody."""
    with ours(tmp_path / "registry") as found:
        yield found


@pytest.fixture(params=["ours", "debian"])
def each_client(request, tmp_path):
    """A client of our registry, and one of Debian's."""
    if request.param == "ours":
        with ours(tmp_path / "registry") as found:
            yield client(found.host)
        return
    check("docker-registry")
    with debian(tmp_path) as host:
        yield client(host)
