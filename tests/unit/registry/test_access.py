import pytest

from nbcontainer.errors import ImageNotFound, RateLimited, RegistryUnreachable
from nbcontainer.registry.access import Access, Options
from nbcontainer.registry.credentials import Account
from nbcontainer.registry.endpoints import Network
from nbcontainer.registry.retry import Policy
from tests.blobs import put_image
from tests.registries import ACCOUNT, client, free_port, ours
from tests.scripted import scripted


@pytest.fixture
def access(tmp_path):
    made = []

    def make(**chosen):
        options = Options(str(tmp_path / "docker"), policy=Policy(tries=1), **chosen)
        made.append(Access(options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_registry_on_loopback_needs_no_tls(registry, access):
    put_image(client(registry.host), "a", "v1", b"layer")
    found = access().first(registry.host, lambda c: c.manifest("a", "v1"))
    assert found.document.layers


def test_a_mirror_is_asked_first_and_passed_over_where_it_fails(registry, access):
    put_image(client(registry.host), "library/a", "v1", b"layer")
    dead = f"http://127.0.0.1:{free_port()}"
    with (
        ours(f"{registry.folder}-2") as lacking,
        scripted(lambda call: (429, {"Retry-After": "99"}, b"")) as limited,
    ):
        mirrors = (dead, f"http://{lacking.host}", f"http://{limited}", f"http://{registry.host}")
        asks = access(network=Network(mirrors=mirrors))
        assert asks.first("docker.io", lambda c: c.manifest("library/a", "v1"))


def test_what_no_mirror_has_is_asked_of_the_registry_itself(registry, access):
    asks = access(network=Network(mirrors=(f"http://{registry.host}",)))
    asked = []

    def ask(one):
        asked.append(one.endpoint.url)
        if not one.endpoint.is_mirror:
            raise ImageNotFound("not there either")
        return one.manifest("library/a", "v1")

    with pytest.raises(ImageNotFound, match="not there either"):
        asks.first("docker.io", ask)
    assert asked == [f"http://{registry.host}", "https://registry-1.docker.io"]


def test_a_mirror_is_never_written_to_and_never_sees_docker_hubs_account(registry, access):
    asks = access(network=Network(mirrors=(f"http://{registry.host}",)))
    asks.credentials.put("docker.io", Account(*ACCOUNT))
    seen = []

    def answer(call):
        seen.append(call.authorization)
        return 401, {"WWW-Authenticate": "Basic realm=x"}, b""

    with scripted(answer) as host:
        luring = access(network=Network(mirrors=(f"http://{host}",)))

        def ask(one):
            if not one.endpoint.is_mirror:
                raise ImageNotFound("not there either")
            return one.manifest("library/a", "v1")

        with pytest.raises(ImageNotFound):
            luring.first("docker.io", ask)
    assert seen == [""]
    written = []
    asks.first("docker.io", lambda c: written.append(c.endpoint.url), write=True)
    assert written == ["https://registry-1.docker.io"]


def test_an_account_that_came_later_is_used(tmp_path, access):
    with ours(tmp_path / "r", account=ACCOUNT) as registry:
        asks = access()
        with pytest.raises(Exception, match="no basic auth credentials"):
            asks.first(registry.host, lambda c: c.ping())
        asks.credentials.put(registry.host, Account(*ACCOUNT))
        asks.first(registry.host, lambda c: c.ping())


def test_the_error_that_tells_most_is_told(access):
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(RegistryUnreachable, match="connection refused"):
        access().first(host, lambda c: c.ping())
    with (
        scripted(lambda call: (429, {"Retry-After": "99"}, b"")) as limited,
        pytest.raises(RateLimited),
    ):
        access().first(limited, lambda c: c.ping())
