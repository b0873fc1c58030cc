import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.registry.challenge import choose, parse

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:library/nginx:pull,push"'
)


def test_docker_hubs_challenge_is_read():
    (found,) = parse(HUB)
    assert found.scheme == "bearer"
    assert found.parameters == {
        "realm": "https://auth.docker.io/token",
        "service": "registry.docker.io",
        "scope": "repository:library/nginx:pull,push",
    }


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        ('Basic realm="x"', "basic"),
        ('basic REALM=x, Bearer realm="https://a/t"', "bearer"),
        ('Negotiate, Basic realm="a \\"quoted\\" one"', "basic"),
        ("Bearer service=x", None),
        ("Digest realm=x", None),
        ("", None),
        ("=,=", None),
    ],
)
def test_a_token_is_preferred_to_a_password(header, scheme):
    found = choose(header)
    assert (found.scheme if found else None) == scheme


def test_quotes_are_taken_away():
    assert choose('Basic realm="a \\"b\\""').parameters == {"realm": 'a "b"'}


@given(st.text(max_size=300))
def test_nonsense_is_read_in_time_and_never_fails(text):
    parse(text)
