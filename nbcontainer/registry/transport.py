"""The wire: one request and its answer over requests, with redirects, sizes and broken connections.

Redirects are followed here and not by requests, so that it is plain what goes where: only reads are led
elsewhere, credentials never leave the host that they were given for, TLS is never given up on the way,
and nobody is led to link-local addresses (CVE-2020-15157 and its like).
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ..errors import Corrupt, Denied, InvalidArgument, RegistryUnreachable
from ..values import value
from .endpoints import Endpoint, is_link_local, is_loopback
from .exchange import Request

_REDIRECTS = 5
_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_CONNECTIONS = 16


@value
class Patience:
    """How long to wait for a connection, and for the next bytes, in seconds."""

    connect_s: float = 15.0
    read_s: float = 60.0


@value
class Trust:
    """Where more certificates are: folders with HOST/ca.crt, as Docker has them, and one bundle."""

    folders: tuple[str, ...] = ("/etc/docker/certs.d",)
    bundle: str = ""


class _Incoming:
    """An answer whose body is still on the wire."""

    __slots__ = ("_response", "_what", "status")

    def __init__(self, response: requests.Response, what: str) -> None:
        self._response = response
        self._what = what
        self.status = response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def url(self) -> str:
        return str(self._response.url)

    def read(self, count: int) -> bytes:
        try:
            # read1: what is there already must not be lost with what does not come
            data: bytes = self._response.raw.read1(count, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.close()
            raise unreachable(self._what, error) from None
        return data

    def all(self, limit: int) -> bytes:
        parts, size = [], 0
        try:
            # what Content-Length says is not trusted: the bytes are counted
            while data := self.read(min(65536, limit + 1 - size)):
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise Corrupt(f"{self._what}: the answer is longer than {limit} bytes")
        finally:
            self.close()
        return b"".join(parts)

    def close(self) -> None:
        self._response.close()


class _Outgoing:
    """A stream with its length, so that it goes out as it comes and not in HTTP's chunks.

    By iteration: a file object would be read in pieces of 16 KiB.
    """

    def __init__(self, pieces: Iterator[bytes], length: int) -> None:
        self._pieces = pieces
        self.len = length  # the name under which requests looks for it

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


class Wire:
    """The connections to one endpoint; may be used by several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        agent: str,
        patience: Patience | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._patience = patience or Patience()
        self._session = _session(agent)
        trust = trust or Trust()
        # before the first request of that host: requests picks an adapter by the longest prefix
        for host, context in _contexts(endpoint, trust):
            self._session.mount(f"https://{host}", _Adapter(context))
        self._bundle = _readable(trust.bundle)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, request: Request) -> _Incoming:
        """Send and return the answer, after redirects.

        Raises: RegistryUnreachable, Denied for a redirect that must not be followed.
        """
        url, headers = request.url, dict(request.headers)
        for _ in range(_REDIRECTS + 1):
            answer = self._once(request, url, headers)
            is_redirect = answer.status in _REDIRECT_STATUSES and "Location" in answer.headers
            if not is_redirect or not request.follow:
                return answer
            answer.close()
            target = urljoin(url, answer.headers["Location"])
            self._judge(request, url, target)
            if origin(target) != origin(url):
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            url = target
        raise Denied(f"{_what(request)}: more than {_REDIRECTS} redirects")

    def _judge(self, request: Request, url: str, target: str) -> None:
        old, new = urlsplit(url), urlsplit(target)
        host = new.hostname or ""
        if request.method not in ("GET", "HEAD"):
            why = f"a {request.method} is not led elsewhere"
        elif new.scheme not in ("http", "https") or not host or new.username is not None:
            why = "that is no address of a registry"
        elif new.scheme == "http" and old.scheme == "https":
            why = "it would give up TLS"
        elif is_link_local(host):
            why = "a link-local address is never asked"
        elif is_loopback(host) and not is_loopback(old.hostname or ""):
            why = "a registry elsewhere must not lead to this machine"
        else:
            return
        shown = f"{new.scheme}://{new.hostname}"
        raise Denied(f"{_what(request)}: the redirect to {shown[:200]} is refused: {why}")

    def _once(self, request: Request, url: str, headers: dict[str, str]) -> _Incoming:
        body: Any = request.body
        if callable(body):
            body = _Outgoing(body(), request.length)
        what = _what(request)
        try:
            response = self._session.request(
                request.method,
                url,
                headers=headers,
                data=body,
                stream=True,
                allow_redirects=False,
                timeout=(self._patience.connect_s, self._patience.read_s),
                verify=False if self._is_unverified(url) else self._bundle or None,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(what, error, _proxy_of(url)) from None
        finally:
            if isinstance(body, _Outgoing):
                body.close()
        # a cookie is a credential that nobody asked for
        self._session.cookies.clear()
        return _Incoming(response, what)

    def _is_unverified(self, url: str) -> bool:
        return self.endpoint.insecure and urlsplit(url).netloc == self.endpoint.host


class _Adapter(HTTPAdapter):
    """Connections that trust more certificates than usual, or show one."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


class _NoNetrc(requests.auth.AuthBase):
    """Adds nothing.  That there is one keeps requests from sending what ~/.netrc says of the host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _session(agent: str) -> requests.Session:
    # a registry that was named as insecure was named on purpose
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    session = requests.Session()
    session.auth = _NoNetrc()
    session.headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    return session


def _contexts(endpoint: Endpoint, trust: Trust) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Yield the TLS settings of the endpoint's host, if a folder has some for it.

    Docker's layout: HOST/*.crt are authorities, HOST/*.cert and *.key are what the client shows.
    """
    for folder in trust.folders:
        place = f"{folder}/{endpoint.host}"
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        context = ssl.create_default_context()
        for name in names:
            path = f"{place}/{name}"
            if name.endswith(".crt"):
                context.load_verify_locations(path)
            elif name.endswith(".cert"):
                context.load_cert_chain(path, path.removesuffix(".cert") + ".key")
        yield endpoint.host, context
        return


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what must be equal for credentials to go along."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def _what(request: Request) -> str:
    """Return the request as Go's client names it, without what a query may hold."""
    return f'{request.method.capitalize()} "{request.url.partition("?")[0]}"'


def unreachable(what: str, error: BaseException, proxy: str = "") -> RegistryUnreachable:
    """Return in Docker's words why there was no answer, or only half of one.

    `proxy` is the one that would have been asked, without its account.
    """
    reason, hint = _reason(error)
    if proxy and any(isinstance(inner, _PROXY_ERRORS) for inner in _causes(error)):
        reason = reason.replace("dial tcp:", f"dial tcp {proxy}:")
        if not reason.startswith("proxyconnect"):
            reason = f"proxyconnect tcp: {reason}"
        hint = f"The environment names {proxy} as the proxy (HTTPS_PROXY, HTTP_PROXY)."
    return RegistryUnreachable(f"{what}: {reason}", hint)


_PROXY_ERRORS = (urllib3.exceptions.ProxyError, requests.exceptions.ProxyError)


def _proxy_of(url: str) -> str:
    """Return host and port of the proxy that the environment names for an address, "" for none."""
    proxies = requests.utils.get_environ_proxies(url)
    proxy = requests.utils.select_proxy(url, proxies)
    return urlsplit(proxy).netloc.rpartition("@")[2] if proxy else ""


def _readable(bundle: str) -> str:
    """Return a file of certificates once it was seen to be one.  Raises: InvalidArgument."""
    if bundle:
        try:
            ssl.create_default_context(cafile=bundle)
        except OSError as error:  # ssl.SSLError is one
            is_ssl = isinstance(error, ssl.SSLError)
            why = "no certificates in PEM form" if is_ssl else (error.strerror or "").lower()
            raise InvalidArgument(
                f"{bundle}: {why}", "NBCONTAINER_CA_FILE names the authorities to trust."
            ) from None
    return bundle


def _reason(error: BaseException) -> tuple[str, str | None]:
    text = ""
    absent = re.search(r"TLS CA certificate bundle, invalid path: (.*)", str(error))
    if absent:
        return f"open {absent[1][:200]}: no such file or directory", (
            "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE of the environment names it."
        )
    causes = list(_causes(error))
    # Linux's own answer says most; what wraps it may call it a timeout
    for inner in causes:
        if isinstance(inner, OSError) and inner.errno in _ERRNOS:
            return _ERRNOS[inner.errno], "Does it run, and is the port right?"
    for inner in causes:
        if isinstance(inner, (urllib3.exceptions.NameResolutionError, socket.gaierror)):
            return (
                "dial tcp: lookup failed: no such host",
                "Is the name right, and is there a network?",
            )
        if isinstance(inner, ssl.SSLCertVerificationError):
            reason = f"x509: {inner.verify_message}"
            return reason, "Put the registry's CA into /etc/docker/certs.d/HOST/ca.crt."
        if isinstance(inner, ssl.SSLError) and inner.reason in _NOT_TLS:
            return (
                "http: server gave HTTP response to HTTPS client",
                "Name its host in NBCONTAINER_INSECURE_REGISTRIES if it may be asked without TLS.",
            )
        if isinstance(inner, ssl.SSLError):
            return f"tls: {inner.reason or inner}", "Does this registry speak TLS?"
        if isinstance(inner, _PROXY_ERRORS):
            text = text or "proxyconnect tcp: the proxy does not let it through"
        if isinstance(inner, (TimeoutError, urllib3.exceptions.TimeoutError)):
            return "i/o timeout", "It does not answer; try again later."
        if isinstance(inner, urllib3.exceptions.IncompleteRead):
            return "unexpected EOF", "The connection was cut; try again."
    cut = re.sub(r"https?://\S+", "the registry", str(error) or type(error).__name__)
    return text or f"EOF: {cut[:200]}", None


# what OpenSSL calls bytes that are no TLS, by its version
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)
_ERRNOS = {
    errno.ECONNREFUSED: "dial tcp: connect: connection refused",
    errno.ECONNRESET: "read: connection reset by peer",
    errno.EPIPE: "write: broken pipe",
    errno.EHOSTUNREACH: "dial tcp: connect: no route to host",
    errno.ENETUNREACH: "dial tcp: connect: network is unreachable",
    errno.ETIMEDOUT: "i/o timeout",
}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps: requests and urllib3 wrap by argument, by reason, by cause."""
    pending, seen = [error], set()
    while pending:
        inner = pending.pop(0)
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        wrapped = [*inner.args, getattr(inner, "reason", None), inner.__cause__, inner.__context__]
        pending += [one for one in wrapped if isinstance(one, BaseException)]
