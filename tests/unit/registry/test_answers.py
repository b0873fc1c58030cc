import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.errors import (
    Corrupt,
    ImageNotFound,
    InvalidArgument,
    NotFound,
    RateLimited,
    RegistryDenied,
    RegistryUnreachable,
    Unsupported,
)
from nbcontainer.registry.answers import Refusal, error_of, refusal_code, retry_after
from nbcontainer.registry.exchange import Request

REQUEST = Request("GET", "https://r.example/v2/a/manifests/v1?secret=1")


class Answered:
    def __init__(self, status, body=b"", **headers):
        self.status, self.body = status, body
        self.headers = {key.replace("_", "-"): text for key, text in headers.items()}
        self.url = REQUEST.url

    def all(self, limit):
        if len(self.body) > limit:
            raise Corrupt("too long")
        return self.body


def said(code, message):
    return f'{{"errors":[{{"code":"{code}","message":"{message}","detail":null}}]}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, said("MANIFEST_UNKNOWN", "manifest unknown"), ImageNotFound,
         "manifest unknown: manifest unknown"),
        (404, said("BLOB_UNKNOWN", "no"), NotFound, "blob unknown: no"),
        (404, b"<html>", NotFound, 'Get "https://r.example/v2/a/manifests/v1": not found'),
        (401, said("UNAUTHORIZED", "authentication required"), RegistryDenied,
         "unauthorized: authentication required"),
        (403, said("DENIED", "requested access to the resource is denied"), RegistryDenied,
         "denied: requested access to the resource is denied"),
        (405, said("UNSUPPORTED", "no"), Unsupported, "unsupported: no"),
        (400, said("DIGEST_INVALID", "other bytes"), Corrupt, "digest invalid: other bytes"),
        (400, b"", InvalidArgument, "received unexpected HTTP status 400"),
        (500, b"\x00\xff", RegistryUnreachable, "received unexpected HTTP status 500"),
        (503, said("UNAVAILABLE", "later"), RegistryUnreachable, "503: unavailable: later"),
        (418, b"[" * 9999, InvalidArgument, "418"),
    ],
)  # fmt: skip
def test_a_refusal_becomes_dockers_words(status, body, kind, words):
    error = error_of(REQUEST, Answered(status, body))
    assert type(error) is kind
    assert words in str(error)
    assert "secret" not in str(error)


def test_a_registry_without_an_account_says_so():
    error = error_of(REQUEST, Answered(401, WWW_Authenticate="Basic realm=x"))
    assert str(error) == "no basic auth credentials"
    assert "login r.example" in error.hint


def test_a_rate_limit_says_when_it_ends_and_what_to_do():
    body = said("TOOMANYREQUESTS", "You have reached your pull rate limit.")
    error = error_of(REQUEST, Answered(429, body, Retry_After="90"))
    assert isinstance(error, RateLimited)
    assert str(error) == "toomanyrequests: You have reached your pull rate limit."
    assert 85 < error.until - time.time() <= 90
    assert "(in 90 s)" in error.hint
    assert "login r.example" in error.hint
    assert "Wait" in error_of(REQUEST, Answered(429, b"")).hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("999999999", 604800.0),
        ("-1", None),
        ("soon", None),
        ("9" * 5000, None),
        ("", None),
    ],
)
def test_the_moment_to_come_back_is_read_both_ways(text, seconds):
    assert retry_after({"retry-after": text}, 10.0) == seconds


def test_a_code_is_read_back():
    error = error_of(REQUEST, Answered(404, said("NAME_UNKNOWN", "x")))
    assert refusal_code(error) == "NAME_UNKNOWN"
    assert str(Refusal("", "words")) == "words"


@given(st.binary(max_size=400), st.integers(400, 599))
def test_whatever_a_registry_says_is_one_clean_line(body, status):
    text = str(error_of(REQUEST, Answered(status, body)))
    assert text.isprintable()
    assert len(text) < 600
