import base64
import json

import pytest

from nbcontainer.errors import Corrupt, Denied, EngineError, RegistryDenied
from nbcontainer.registry.auth import Auth, Realms
from nbcontainer.registry.credentials import Account
from nbcontainer.registry.endpoints import Endpoint
from nbcontainer.registry.exchange import Request
from tests.blobs import put_image
from tests.registries import ACCOUNT, client, debian, htpasswd, ours, wire
from tests.scripted import scripted

BASIC = "Basic " + base64.b64encode(":".join(ACCOUNT).encode()).decode()


def bearer(host, **more):
    extra = "".join(f',{key}="{text}"' for key, text in more.items())
    return {"WWW-Authenticate": f'Bearer realm="http://{host}/token",service="s"{extra}'}


@pytest.mark.needs("docker-registry", "htpasswd")
def test_debians_registry_lets_an_account_in_and_nobody_else(tmp_path):
    with debian(tmp_path, htpasswd(tmp_path)) as host:
        put_image(client(host, ACCOUNT), "me/app", "v1", b"layer")
        assert client(host, ACCOUNT).tags("me/app") == ["v1"]
        with pytest.raises(RegistryDenied, match="^no basic auth credentials$"):
            client(host).tags("me/app")
        with pytest.raises(RegistryDenied):
            client(host, ("student", "wrong")).ping()


@pytest.mark.parametrize("tokens", [False, True])
def test_ours_lets_an_account_in_and_nobody_else(tmp_path, tokens):
    with ours(tmp_path, account=ACCOUNT, tokens=tokens) as registry:
        put_image(client(registry.host, ACCOUNT), "me/app", "v1", b"layer")
        assert client(registry.host, ACCOUNT).tags("me/app") == ["v1"]
        assert client(registry.host, ACCOUNT).catalog() == ["me/app"]
        for account in (None, ("student", "wrong"), ("nobody", ACCOUNT[1])):
            with pytest.raises(RegistryDenied):
                client(registry.host, account).tags("me/app")


def test_one_token_serves_many_requests(tmp_path):
    with ours(tmp_path, account=ACCOUNT, tokens=True) as registry:
        who = client(registry.host, ACCOUNT)
        put_image(who, "me/app", "v1", b"layer")
        assert len(registry.asked(kind="/token")) == 1
        who.tags("me/app")
        assert len(registry.asked(kind="/token")) == 1


def test_a_token_that_ended_is_asked_for_anew(tmp_path):
    moments = [0.0]
    with ours(tmp_path, account=ACCOUNT, tokens=True, life_s=300) as registry:
        endpoint = Endpoint(f"http://{registry.host}", True)
        ring = Auth(wire(endpoint), endpoint, Account(*ACCOUNT), clock=lambda: moments[0])
        request = Request("GET", f"{endpoint.url}/v2/", scopes=("repository:a:pull",))
        for moment in (0.0, 280.0, 295.0, 296.0):
            moments[0] = moment
            answer = ring.send(request)
            answer.close()
            assert answer.status == 200
        assert len(registry.asked(kind="/token")) == 2


def test_a_token_that_the_registry_forgot_is_asked_for_anew(tmp_path):
    with ours(tmp_path, account=ACCOUNT, tokens=True) as registry:
        who = client(registry.host, ACCOUNT)
        put_image(who, "me/app", "v1", b"layer")
        registry.server.parts.guard._key = b"another" * 5
        assert who.tags("me/app") == ["v1"]


def test_the_account_goes_to_no_other_token_server():
    # CVE-2020-15157 and its like: a registry that names somebody else's token server
    seen = []

    def theirs(call):
        seen.append(call)
        return 200, {}, b'{"token": "anonymous"}'

    with scripted(theirs) as other:

        def lure(call):
            if call.authorization == "Bearer anonymous":
                return 403, {}, b""
            return 401, bearer(other), b""

        with scripted(lure) as host, pytest.raises(EngineError):
            client(host, ACCOUNT).tags("a")
    assert seen
    assert all(call.authorization == "" and "account" not in call.path for call in seen)


def test_a_refused_visitor_hears_how_to_trust_a_token_server():
    with (
        scripted(lambda call: (401, {}, b"")) as other,
        scripted(lambda call: (401, bearer(other), b"")) as host,
        pytest.raises(RegistryDenied) as caught,
    ):
        client(host, ACCOUNT).tags("a")
    assert "NBCONTAINER_AUTH_REALMS" in caught.value.hint


def test_a_token_server_that_was_named_is_trusted():
    def theirs(call):
        assert call.authorization == BASIC
        return 200, {}, b'{"access_token": "t"}'

    with scripted(theirs) as other:

        def answer(call):
            if call.authorization == "Bearer t":
                return 200, {}, b'{"tags": ["v1"]}'
            return 401, bearer(other), b""

        with scripted(answer) as host:
            who = client(host, ACCOUNT, realms=Realms((other,)))
            assert who.tags("a") == ["v1"]


def test_a_token_server_does_not_lead_elsewhere():
    seen = []
    with scripted(lambda call: seen.append(call) or (200, {}, b'{"token":"t"}')) as other:

        def answer(call):
            if call.path.startswith("/token"):
                return 307, {"Location": f"http://{other}/token"}, b""
            return 401, bearer(call.headers["host"]), b""

        with scripted(answer) as host, pytest.raises(EngineError):
            client(host, ACCOUNT).tags("a")
    assert seen == []


def test_no_other_host_sees_the_account_by_a_redirect():
    seen = []
    with scripted(lambda call: seen.append(call) or (200, {}, b'{"tags": ["x"]}')) as other:

        def answer(call):
            if not call.authorization:
                return 401, {"WWW-Authenticate": "Basic realm=x"}, b""
            return 307, {"Location": f"http://{other}{call.path}"}, b""

        with scripted(answer) as host:
            assert client(host, ACCOUNT).tags("a") == ["x"]
    assert [call.authorization for call in seen] == [""]


def test_no_other_host_sees_the_account_by_an_uploads_address():
    seen = []

    def theirs(call):
        seen.append(call)
        return 201, {}, b""

    with scripted(theirs) as other:

        def answer(call):
            if not call.authorization:
                return 401, {"WWW-Authenticate": "Basic realm=x"}, b""
            return 202, {"Location": f"http://{other}/upload"}, b""

        with scripted(answer) as host:
            who = client(host, ACCOUNT)
            who.finish_upload(who.begin_upload("a"), "sha256:" + "0" * 64, b"x")
    assert [call.authorization for call in seen] == [""]


@pytest.mark.parametrize(
    ("url", "realm", "words"),
    [
        ("https://r.example", "http://r.example/token", "without TLS"),
        ("https://r.example", "https://169.254.169.254/latest", "link-local"),
        ("http://localhost:1", "http://[fe80::1]/x", "link-local"),
        ("https://r.example", "file:///etc/passwd", "names no token server"),
        ("https://r.example", "https://user@r.example/", "names no token server"),
        ("https://r.example", "", "names no token server"),
    ],
)
def test_some_token_servers_are_never_asked(url, realm, words):
    sent = []

    class Fixed:
        def send(self, request):
            sent.append(request)
            return Answered(401, {"WWW-Authenticate": f'Bearer realm="{realm}"'})

    with pytest.raises(Denied, match=words):
        Auth(Fixed(), Endpoint(url), Account(*ACCOUNT)).send(Request("GET", f"{url}/v2/"))
    assert len(sent) == 1


class Answered:
    def __init__(self, status, headers=None, body=b""):
        self.status, self.headers, self.body, self.url = status, headers or {}, body, ""

    def all(self, limit):
        return self.body

    def close(self):
        pass


@pytest.mark.parametrize(
    ("url", "realm", "trusted"),
    [
        ("https://registry.example.org", "https://auth.example.org/t", True),
        ("https://registry.example.org", "https://example.org/t", True),
        ("https://registry-1.docker.io", "https://auth.docker.io/token", True),
        ("https://registry.example.org", "https://auth.evil.org/t", False),
        ("https://registry.example.org", "https://example.org.evil/t", False),
        ("https://registry.example.org", "https://evilexample.org/t", False),
        ("https://10.0.0.1", "https://10.0.0.2/t", False),
        ("https://example.org", "https://auth.example.org/t", True),
        ("https://example.org", "https://other.org/t", False),
    ],
)
def test_a_token_server_of_the_same_domain_is_trusted(url, realm, trusted):
    sent = []

    class Inner:
        def send(self, request):
            sent.append(request)
            if "/t" in request.url:
                return Answered(200, body=json.dumps({"token": "t"}).encode())
            return Answered(200 if "Authorization" in request.headers else 401,
                            {"WWW-Authenticate": f'Bearer realm="{realm}"'})  # fmt: skip

    Auth(Inner(), Endpoint(url), Account(*ACCOUNT)).send(Request("GET", f"{url}/v2/"))
    (asked,) = [request for request in sent if "/t" in request.url and "/v2/" not in request.url]
    assert ("Authorization" in asked.headers) is trusted


def test_an_identity_token_is_exchanged_and_never_sent_as_a_password():
    def answer(call):
        if call.path.startswith("/token"):
            assert call.method == "POST"
            assert b"grant_type=refresh_token" in call.body
            assert b"refresh_token=long" in call.body
            return 200, {}, b'{"access_token": "short"}'
        if call.authorization == "Bearer short":
            return 200, {}, b'{"tags": []}'
        assert call.authorization == ""
        return 401, bearer(call.headers["host"]), b""

    with scripted(answer) as host:
        endpoint = Endpoint(f"http://{host}", True)
        ring = Auth(wire(endpoint), endpoint, Account("", token="long"))
        answer = ring.send(Request("GET", f"http://{host}/v2/", scopes=("repository:a:pull",)))
        answer.close()
        assert answer.status == 200


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}', b"[" * 50_000]
)
def test_a_token_that_is_none_is_refused(body):
    def answer(call):
        if call.path.startswith("/token"):
            return 200, {}, body
        return 401, bearer(call.headers["host"]), b""

    with scripted(answer) as host, pytest.raises(Corrupt, match="token server's answer"):
        client(host).tags("a")


def test_an_endless_token_is_refused_in_time():
    def endless():
        while True:
            yield b"x" * 65536

    def answer(call):
        if call.path.startswith("/token"):
            return 200, {}, endless()
        return 401, bearer(call.headers["host"]), b""

    with scripted(answer) as host, pytest.raises(Corrupt, match="longer than 1048576 bytes"):
        client(host).tags("a")
