import os
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from nbcontainer.errors import Corrupt, Denied, InvalidArgument, RegistryUnreachable
from nbcontainer.registry.endpoints import Endpoint
from nbcontainer.registry.exchange import Request
from nbcontainer.registry.transport import Patience, Trust, origin
from tests.registries import free_port, wire
from tests.scripted import scripted


def get(host, path="/v2/", **chosen):
    method = chosen.pop("method", "GET")
    headers = chosen.pop("headers", {})
    made = wire(Endpoint(f"http://{host}", True), **chosen)
    return made.send(Request(method, f"http://{host}{path}", headers))


def test_a_redirect_is_followed_and_the_credentials_stay_behind():
    seen = []
    with scripted(lambda call: seen.append(call.authorization) or (200, {}, b"there")) as other:

        def answer(call):
            seen.append(call.authorization)
            if call.path == "/v2/":
                return 307, {"Location": "/same"}, b""
            return 302, {"Location": f"http://{other}/x"}, b""

        with scripted(answer) as host:
            found = get(host, headers={"Authorization": "Basic c2VjcmV0"})
            assert found.all(100) == b"there"
    assert seen == ["Basic c2VjcmV0", "Basic c2VjcmV0", ""]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("file:///etc/passwd", "no address of a registry"),
        ("http://user:pw@localhost/", "no address of a registry"),
        ("gopher://x/", "no address of a registry"),
    ],
)
def test_some_redirects_are_refused(target, words):
    with (
        scripted(lambda call: (307, {"Location": target}, b"")) as host,
        pytest.raises(Denied, match=words) as caught,
    ):
        get(host)
    assert "pw" not in str(caught.value)


def test_a_registry_elsewhere_does_not_lead_to_this_machine_nor_away_from_tls():
    made = wire(Endpoint("https://r.example"))
    request = Request("GET", "https://r.example/v2/")
    for target, words in (
        ("https://127.0.0.1:8888/api", "lead to this machine"),
        ("https://localhost/api", "lead to this machine"),
        ("http://cdn.example/x", "give up TLS"),
    ):
        with pytest.raises(Denied, match=words):
            made._judge(request, request.url, target)
    made._judge(request, request.url, "https://cdn.example/x")


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_what_changes_something_is_not_led_elsewhere(method):
    with (
        scripted(lambda call: (307, {"Location": "/x"}, b"")) as host,
        pytest.raises(Denied, match="is not led elsewhere"),
    ):
        get(host, method=method)


def test_a_circle_of_redirects_ends():
    with (
        scripted(lambda call: (302, {"Location": call.path}, b"")) as host,
        pytest.raises(Denied, match="more than 5 redirects"),
    ):
        get(host)


def test_an_endless_answer_is_given_up():
    def endless():
        while True:
            yield b"x" * 65536

    began = time.monotonic()
    with (
        scripted(lambda call: (200, {"Content-Length": "10"}, endless())) as host,
    ):
        assert len(get(host).all(100)) == 10
    with (
        scripted(lambda call: (200, {}, endless())) as host,
        pytest.raises(Corrupt, match="longer"),
    ):
        get(host).all(1 << 20)
    assert time.monotonic() - began < 3


def test_why_nobody_answers_is_said_in_dockers_words():
    with pytest.raises(RegistryUnreachable, match="connect: connection refused") as caught:
        get(f"127.0.0.1:{free_port()}", "/v2/?token=secret")
    assert "secret" not in str(caught.value)
    with pytest.raises(RegistryUnreachable, match="no such host"):
        wire(Endpoint("https://nowhere.invalid")).send(Request("GET", "https://nowhere.invalid/"))
    with scripted(lambda call: None) as host, pytest.raises(RegistryUnreachable):
        get(host)


def test_a_silent_registry_is_not_waited_for_long():
    release = threading.Event()

    def silent(call):
        release.wait(10)
        return 200, {}, b""

    with scripted(silent) as host:
        try:
            with pytest.raises(RegistryUnreachable, match="i/o timeout"):
                get(host, patience=Patience(1.0, 0.2))
        finally:
            release.set()


def test_no_password_of_netrc_and_no_cookie_is_sent(tmp_path, monkeypatch):
    seen = []
    (tmp_path / ".netrc").write_text("default login me password c4nary\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))

    def answer(call):
        seen.append((call.authorization, call.headers.get("cookie")))
        return 200, {"Set-Cookie": "a=b"}, b""

    with scripted(answer) as host:
        made = wire(Endpoint(f"http://{host}", True))
        for _ in range(2):
            made.send(Request("GET", f"http://{host}/")).all(10)
    assert seen == [("", None), ("", None)]


def test_proxies_are_those_of_the_environment(monkeypatch):
    seen = []
    with scripted(lambda call: seen.append(call.path) or (200, {}, b"through")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        made = wire(Endpoint("http://r.example", True))
        assert made.send(Request("GET", "http://r.example/v2/")).all(100) == b"through"
    assert seen == ["http://r.example/v2/"]


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch):
    proxy = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:canary@{proxy}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(RegistryUnreachable) as caught:
        reach("r.example")
    assert caught.value.message == (
        f'Get "https://r.example/v2/": proxyconnect tcp: dial tcp {proxy}: connect: connection refused'
    )
    assert proxy in caught.value.hint
    assert "canary" not in str(caught.value.lines())


def test_who_does_not_speak_tls_is_said_in_dockers_words():
    with (
        scripted(lambda call: (200, {}, b"{}")) as host,
        pytest.raises(
            RegistryUnreachable, match="server gave HTTP response to HTTPS client"
        ) as caught,
    ):
        reach(host)
    assert "NBCONTAINER_INSECURE_REGISTRIES" in caught.value.hint


def test_a_file_of_certificates_that_is_none_is_named(tmp_path):
    with pytest.raises(InvalidArgument, match="absent: no such file or directory"):
        reach("r.example", bundle=str(tmp_path / "absent"))
    (tmp_path / "other").write_text("no certificate")
    with pytest.raises(InvalidArgument, match="other: no certificates in PEM form"):
        reach("r.example", bundle=str(tmp_path / "other"))


def test_certificates_that_the_environment_names_and_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/absent")
    with pytest.raises(RegistryUnreachable, match="open /absent: no such file") as caught:
        reach("r.example")
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_where_credentials_may_go_is_scheme_host_and_port():
    assert origin("https://A.example/x") == origin("https://a.example:443/y?z")
    assert origin("http://a:5000") != origin("http://a:5001")
    assert origin("http://a") != origin("https://a")


@pytest.fixture
def tls(tmp_path):
    """Return the host of a TLS server, and the folder of certificates that trusts it."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format, *args):
            pass

    class Quiet(HTTPServer):
        def handle_error(self, request, client_address):
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    host = f"localhost:{server.server_port}"
    folder = tmp_path / "certs.d"
    os.makedirs(folder / host)
    (folder / host / "ca.crt").write_bytes(cert.read_bytes())
    yield host, str(folder), str(cert)
    server.shutdown()
    server.server_close()
    thread.join()


def reach(host, *, insecure=False, **trust):
    made = wire(Endpoint(f"https://{host}", insecure), trust=Trust(**trust))
    return made.send(Request("GET", f"https://{host}/v2/")).all(10)


@pytest.mark.needs("openssl")
def test_certificates_are_judged_and_more_can_be_trusted(tls):
    host, folder, bundle = tls
    with pytest.raises(RegistryUnreachable, match="x509:") as caught:
        reach(host, folders=())
    assert "certs.d" in caught.value.hint
    assert reach(host, folders=(folder,)) == b"{}"
    assert reach(host, folders=(), bundle=bundle) == b"{}"
    assert reach(host, folders=(), insecure=True) == b"{}"


@pytest.mark.needs("openssl")
def test_what_speaks_tls_is_not_spoken_to_without(tls):
    host, _, _ = tls
    with pytest.raises(RegistryUnreachable):
        get(host)
