"""Who may do what at our registry: everybody, or an account, by Basic or by tokens as Docker Hub's.

A token is a text that this server alone can make: what it allows and until when, with a keyed hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from ..values import value

LIFE_S = 300
SERVICE = "nbcontainer"


@value
class Verdict:
    """Whether a request may go on; else the challenge to answer it with, "" where no account helps."""

    may: bool
    challenge: str = ""
    user: str = ""


class Guard:
    """Judges requests.  `account` is user and password, None lets everybody in."""

    def __init__(
        self,
        account: tuple[str, str] | None = None,
        *,
        tokens: bool = False,
        life_s: int = LIFE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._tokens = tokens
        self._life_s = life_s
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return f"Guard(account={'***' if self._account else None}, tokens={self._tokens})"

    def judge(self, authorization: str, host: str, scope: str) -> Verdict:
        """Judge a request by its Authorization header; `scope` is what it needs, "" for the ping."""
        if self._account is None:
            return Verdict(True)
        kind, _, given = authorization.partition(" ")
        if not self._tokens:
            user = self._basic(given) if kind.lower() == "basic" else ""
            return Verdict(bool(user), 'Basic realm="nbcontainer"', user)
        asked = f'Bearer realm="http://{host}/token",service="{SERVICE}"'
        if scope:
            asked += f',scope="{scope}"'
        if kind.lower() != "bearer":
            return Verdict(False, asked)
        claims = self._claims(given)
        if claims is None:
            return Verdict(False, f'{asked},error="invalid_token"')
        if scope and not _allows(claims[1], scope):
            return Verdict(False, f'{asked},error="insufficient_scope"', claims[0])
        return Verdict(True, user=claims[0])

    def token(self, authorization: str, query: str) -> tuple[int, dict[str, object]]:
        """Answer a request for a token: a status and a document."""
        kind, _, given = authorization.partition(" ")
        user = self._basic(given) if kind.lower() == "basic" else ""
        if kind and not user:
            return 401, {"details": "incorrect username or password"}
        asked = " ".join(parse_qs(query).get("scope", [])).split()[:16]
        # a visitor without an account gets a token that allows nothing, as private registries give
        allowed = asked if user or self._account is None else []
        ends = self._clock() + self._life_s
        body = json.dumps([user, allowed, ends]).encode()
        text = f"{_pack(body)}.{_pack(self._sign(body))}"
        return 200, {"token": text, "access_token": text, "expires_in": self._life_s}

    def _basic(self, given: str) -> str:
        """Return the user whose name and password these are, "" for others."""
        try:
            user, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        assert self._account is not None
        right = hmac.compare_digest(f"{user}:{secret}".encode(), ":".join(self._account).encode())
        return user if right else ""

    def _claims(self, text: str) -> tuple[str, list[str]] | None:
        packed, _, signature = text.partition(".")
        try:
            body = base64.urlsafe_b64decode(packed)
            signed = base64.urlsafe_b64decode(signature)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(self._sign(body), signed):
            return None
        user, scopes, ends = json.loads(body)
        return (user, scopes) if ends > self._clock() else None

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()


def _pack(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _allows(granted: list[str], wanted: str) -> bool:
    name, _, actions = wanted.rpartition(":")
    needed = set(actions.split(","))
    for scope in granted:
        own, _, theirs = scope.rpartition(":")
        if own == name and (theirs == "*" or needed <= set(theirs.split(","))):
            return True
    return False
