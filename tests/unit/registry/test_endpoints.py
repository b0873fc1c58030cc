import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.registry.endpoints import (
    HUB,
    Network,
    endpoints,
    host_of,
    is_insecure,
    is_link_local,
    is_loopback,
)


def urls(registry, **chosen):
    return [one.url for one in endpoints(registry, Network(**chosen))]


def test_docker_io_is_asked_at_its_address_after_its_mirrors():
    assert urls("docker.io") == [HUB]
    assert urls("docker.io", mirrors=("https://m.example", "http://127.0.0.1:5000")) == [
        "https://m.example",
        "http://127.0.0.1:5000",
        HUB,
    ]
    found = endpoints("docker.io", Network(mirrors=("m.example",)))
    assert [one.is_mirror for one in found] == [True, False]
    assert found[0].url == "https://m.example"
    assert urls("quay.io", mirrors=("https://m.example",)) == ["https://quay.io"]


def test_nobody_is_asked_without_tls_but_loopback_and_who_was_named():
    assert urls("r.example:5000") == ["https://r.example:5000"]
    assert urls("localhost:5000") == ["http://localhost:5000", "https://localhost:5000"]
    assert urls("[::1]:5000")[0] == "http://[::1]:5000"
    named = ["https://r.example:5000", "http://r.example:5000"]
    assert urls("r.example:5000", insecure=("r.example:5000",)) == named
    assert urls("r.example:5000", insecure=("r.example",)) == named
    assert urls("10.1.2.3", insecure=("10.0.0.0/8",)) == ["https://10.1.2.3", "http://10.1.2.3"]
    assert urls("11.1.2.3", insecure=("10.0.0.0/8", "nonsense/x")) == ["https://11.1.2.3"]


@pytest.mark.parametrize(
    ("mirror", "words"),
    [
        ("http://m.example", "without TLS"),
        ("ftp://m.example", "invalid mirror"),
        ("https://", "invalid mirror"),
        ("https://user@m.example", "invalid mirror"),
        ("https://m.example/path", "path, query, or fragment"),
    ],
)
def test_a_mirror_is_an_address_with_tls(mirror, words):
    with pytest.raises(InvalidArgument, match=words):
        urls("docker.io", mirrors=(mirror,))


@pytest.mark.parametrize("mirror", ["http://me:canary@127.0.0.1:1", "me:can/ary@m.example/path"])
def test_a_mirrors_password_is_not_told(mirror):
    with pytest.raises(InvalidArgument) as caught:
        urls("docker.io", mirrors=(mirror,))
    assert "ary@" not in str(caught.value)


def test_addresses_are_known_however_they_are_written():
    assert all(
        map(is_loopback, ("localhost", "a.localhost", "127.9.9.9", "::1", "::ffff:127.0.0.1"))
    )
    assert not any(map(is_loopback, ("127.0.0.1.example", "localhost.example", "10.0.0.1", "")))
    assert all(map(is_link_local, ("169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0")))
    assert is_link_local("::ffff:169.254.169.254")
    assert not any(map(is_link_local, ("10.0.0.1", "example.org")))
    assert host_of("[::1]:5000") == "::1"
    assert is_insecure("127.0.0.1:5000", Network())
