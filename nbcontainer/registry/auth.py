"""The ring that answers challenges: Basic, or a token for what the request is about.

An account is sent to the registry's own address, or to the token server that its challenge names if that
one belongs to it: by its host, by its domain, or because the user named it.  Whoever else is named gets
no credentials, and what it answers is taken as an anonymous visitor's token.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..errors import Corrupt, Denied, RegistryDenied
from ..values import value
from . import challenge, scope
from .credentials import Account
from .endpoints import HUB, Endpoint, is_link_local
from .exchange import Answer, Request, Ring
from .transport import origin

_TOKEN_BYTES = 1 << 20
_DEFAULT_LIFE_S = 60.0
_MARGIN_S = 10.0
_CLIENT = "nbcontainer"
# registries whose token server has a name that does not follow from theirs
_KNOWN_REALMS = {HUB: ("auth.docker.io",)}


class _Token:
    """A token, the scopes it was asked for, and when it ends (monotonic)."""

    __slots__ = ("ends", "scopes", "text")

    def __init__(self, text: str, scopes: tuple[str, ...], ends: float) -> None:
        self.text = text
        self.scopes = scopes
        self.ends = ends


@value
class Realms:
    """Token servers that the user trusts with accounts: host or host:port."""

    trusted: tuple[str, ...] = ()


class Auth:
    """Sends requests with what the registry asks for; may be used by several threads."""

    def __init__(
        self,
        inner: Ring,
        endpoint: Endpoint,
        account: Account | None = None,
        realms: Realms | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._account = account
        self._realms = realms or Realms()
        self._clock = clock
        self._lock = threading.Lock()
        self._challenge: challenge.Challenge | None = None
        self._tokens: list[_Token] = []

    def send(self, request: Request) -> Answer:
        """Send a request; one that is refused for want of a token is sent again with one.

        Raises: RegistryDenied, Denied (a token server that may not be asked), RegistryUnreachable.
        """
        ours = origin(request.url) == origin(self._endpoint.url)
        sent = self._authorization(request.scopes) if ours else ""
        answer = self._inner.send(_with(request, sent))
        if answer.status != 401 or not ours:
            return answer
        asked = challenge.choose(answer.headers.get("WWW-Authenticate", ""))
        if asked is None:
            return answer
        with self._lock:
            self._challenge = asked
            # what was refused is worth nothing, whatever it says of its end
            self._tokens = [token for token in self._tokens if f"Bearer {token.text}" != sent]
        try:
            fresh = self._authorization(_scopes(request, asked))
        except BaseException:
            answer.close()
            raise
        if not fresh or fresh == sent:
            return answer
        answer.close()
        return self._inner.send(_with(request, fresh))

    def _authorization(self, scopes: tuple[str, ...]) -> str:
        """Return the header's value, "" where nothing is known to be needed."""
        asked = self._challenge
        if asked is None:
            return ""
        if asked.scheme == "basic":
            usable = self._account is not None and bool(self._account.secret)
            return self._account.basic() if usable and self._account is not None else ""
        # one thread asks, the others then find its token
        with self._lock:
            now = self._clock()
            self._tokens = [token for token in self._tokens if token.ends > now]
            for token in self._tokens:
                if scope.covers(token.scopes, scopes):
                    return f"Bearer {token.text}"
            made = self._token(asked, scopes)
            self._tokens.append(made)
            return f"Bearer {made.text}"

    def _token(self, asked: challenge.Challenge, scopes: tuple[str, ...]) -> _Token:
        realm = asked.parameters["realm"]
        account = self._account if self._is_trusted(realm) else None
        service = asked.parameters.get("service", "")
        answer = self._inner.send(_token_request(realm, service, scopes, account))
        if answer.status != 200:
            raise self._refusal(answer, realm, account)
        text, life_s = _read_token(answer)
        margin = min(_MARGIN_S, life_s / 4)
        return _Token(text, scopes, self._clock() + life_s - margin)

    def _is_trusted(self, realm: str) -> bool:
        """Tell whether a token server may be given the account.

        Raises: Denied for one that may not be asked at all.
        """
        parts, own = urlsplit(realm), urlsplit(self._endpoint.url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise Denied(f"the registry {own.netloc} names no token server: {realm[:200]!r}")
        if is_link_local(host):
            raise Denied(f"the token server {host} of {own.netloc} has a link-local address")
        if parts.scheme == "http" and own.scheme != "http":
            raise Denied(f"the token server {host} of {own.netloc} would be asked without TLS")
        if origin(realm) == origin(self._endpoint.url):
            return True
        if host in _KNOWN_REALMS.get(self._endpoint.url, ()):
            return True
        if host in self._realms.trusted or parts.netloc in self._realms.trusted:
            return True
        return parts.scheme == "https" and _same_domain(host, (own.hostname or "").lower())

    def _refusal(self, answer: Answer, realm: str, account: Account | None) -> Exception:
        from .answers import error_of

        server = urlsplit(realm).netloc
        hint = None
        if account is None and self._account is not None:
            hint = (
                f"Your account was not sent to {server}, which is another host; if it belongs to the "
                f"registry, name it in NBCONTAINER_AUTH_REALMS."
            )
        if answer.status in (401, 403) and account is not None:
            answer.close()
            return RegistryDenied("unauthorized: incorrect username or password", hint)
        error = error_of(Request("GET", realm), answer)
        error.hint = hint or error.hint
        return error


def _with(request: Request, authorization: str) -> Request:
    from ..values import replace

    if not authorization:
        return request
    return replace(request, headers={**request.headers, "Authorization": authorization})


def _scopes(request: Request, asked: challenge.Challenge) -> tuple[str, ...]:
    if request.scopes or asked.scheme == "basic":
        return request.scopes
    said = asked.parameters.get("scope", "")
    return tuple(said.split()[:16])


def _token_request(
    realm: str, service: str, scopes: tuple[str, ...], account: Account | None
) -> Request:
    pairs = [("service", service)] if service else []
    if account is not None and account.token:
        form = [
            ("grant_type", "refresh_token"),
            ("client_id", _CLIENT),
            ("refresh_token", account.token),
            ("scope", " ".join(scopes)),
            *pairs,
        ]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, headers, urlencode(form).encode(), follow=False)
    pairs += [("scope", one) for one in scopes]
    headers = {}
    if account is not None:
        pairs.append(("account", account.user))
        headers["Authorization"] = account.basic()
    mark = "&" if "?" in realm else "?"
    url = f"{realm}{mark}{urlencode(pairs)}" if pairs else realm
    return Request("GET", url, headers, follow=False)


def _read_token(answer: Answer) -> tuple[str, float]:
    data = answer.all(_TOKEN_BYTES)
    try:
        told: Any = json.loads(data)
        text = told.get("token") or told.get("access_token")
        life = told.get("expires_in") or _DEFAULT_LIFE_S
        life_s = float(life)
    except (ValueError, TypeError, AttributeError, RecursionError):
        text, life_s = None, 0.0
    if not isinstance(text, str) or not text.isascii() or not text.isprintable():
        raise Corrupt("the token server's answer is not understood")
    # whoever says less than a minute means a minute: so says the specification of tokens
    return text, min(max(life_s, 1.0), 86400.0)


def _same_domain(host: str, registry: str) -> bool:
    """Tell whether a host lies in the domain that a registry lies in (auth.x.org for registry.x.org)."""
    parent = registry.partition(".")[2]
    if parent.count(".") < 1:
        parent = registry
    if "." not in parent or parent.replace(".", "").isdigit():
        return False
    return host == parent or host.endswith(f".{parent}")
