import base64

import pytest

from nbcontainer.registry.server_auth import Guard
from tests.registries import ACCOUNT

HOST = "127.0.0.1:5000"
SCOPE = "repository:a:pull"


def basic(user, secret):
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


def test_without_an_account_everybody_may():
    assert Guard().judge("", HOST, SCOPE).may


def test_a_password_is_asked_for_and_judged():
    guard = Guard(ACCOUNT)
    refused = guard.judge("", HOST, SCOPE)
    assert (refused.may, refused.challenge) == (False, 'Basic realm="nbcontainer"')
    assert guard.judge(basic(*ACCOUNT), HOST, SCOPE).may
    for wrong in (basic("student", "x"), basic("x", ACCOUNT[1]), "Basic %%%", "Basic", "Bearer x"):
        assert not guard.judge(wrong, HOST, SCOPE).may


def test_a_token_allows_what_it_was_asked_for_until_it_ends():
    now = [1000.0]
    guard = Guard(ACCOUNT, tokens=True, life_s=60, clock=lambda: now[0])
    refused = guard.judge("", HOST, SCOPE)
    assert refused.challenge.startswith(f'Bearer realm="http://{HOST}/token",service=')
    assert refused.challenge.endswith(f'scope="{SCOPE}"')
    status, document = guard.token(basic(*ACCOUNT), f"scope={SCOPE}")
    assert status == 200
    bearer = f"Bearer {document['token']}"
    assert guard.judge(bearer, HOST, SCOPE).may
    assert guard.judge(bearer, HOST, "").may
    assert not guard.judge(bearer, HOST, "repository:a:pull,push").may
    assert not guard.judge(bearer, HOST, "repository:b:pull").may
    now[0] = 1061.0
    assert "invalid_token" in guard.judge(bearer, HOST, SCOPE).challenge


@pytest.mark.parametrize("text", ["", ".", "a.b", "%.%", "é.é"])
def test_a_token_that_somebody_made_up_allows_nothing(text):
    assert not Guard(ACCOUNT, tokens=True).judge(f"Bearer {text}", HOST, SCOPE).may


def test_anothers_token_allows_nothing():
    _, document = Guard(ACCOUNT, tokens=True).token(basic(*ACCOUNT), f"scope={SCOPE}")
    assert not Guard(ACCOUNT, tokens=True).judge(f"Bearer {document['token']}", HOST, SCOPE).may


def test_a_wrong_password_gets_no_token_and_a_visitor_one_that_allows_nothing():
    guard = Guard(ACCOUNT, tokens=True)
    assert guard.token(basic("student", "x"), f"scope={SCOPE}")[0] == 401
    status, document = guard.token("", f"scope={SCOPE}")
    assert status == 200
    assert not guard.judge(f"Bearer {document['token']}", HOST, SCOPE).may


def test_a_guard_shows_no_password():
    assert ACCOUNT[1] not in repr(Guard(ACCOUNT))
