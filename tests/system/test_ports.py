"""Published ports, with real sockets: by the host's addresses, its loopback, both protocols and versions."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbcontainer.errors import Conflict, Denied, InvalidArgument, NotFound, Unavailable, WrongStatus
from tests.needs import needs
from tests.system.aftermath import wait_until

pytestmark = needs("userns", "bridge")

ECHO_TCP = """
import socket, threading
s = socket.create_server(("", 7), backlog=512)
print("ready", flush=True)
def answer(c):
    while data := c.recv(65536): c.sendall(data)
    c.close()
while True: threading.Thread(target=answer, args=s.accept()[:1]).start()
"""
ECHO_UDP = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 7))
print("ready", flush=True)
while True:
    data, peer = s.recvfrom(65535); s.sendto(data.upper(), peer)
"""


def serve(engine, program=ECHO_TCP, *, name="web", **flags):
    engine.run("python", ["python3", "-c", program], detach=True, name=name, **flags)
    next(engine.logs(name, follow=True))


def published(engine, name="web", key="7/tcp"):
    return int(engine.inspect(name)["NetworkSettings"]["Ports"][key][0]["HostPort"])


def echoed(address, port, data=b"hello"):
    with socket.create_connection((address, port), timeout=10) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
        return b"".join(parts)


def own_addresses():
    """Return this host's addresses of version 4 beside its loopback."""
    listed = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    return [address for address in listed if ":" not in address]


def test_a_course_s_first_server(store):
    """docker run -d -p, curl, exec, cp of the page and curl again, as the tutorials have it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = store.cli("run", "--name", "web", "-d", "-p", f"{port}:80", "nginx")
    assert made.returncode == 0, made.stderr
    request = b"GET / HTTP/1.0\r\n\r\n"

    def answers():
        try:
            return b"200 OK" in echoed("127.0.0.1", port, request)
        except ConnectionError:
            return False

    # the port leads there at once, and the server listens a moment later
    wait_until(answers, "the server answers")
    changed = store.cli("exec", "-i", "web", "sh", "-c", "true")
    assert changed.returncode in (0, 127)
    listed = store.cli("ps", "--format", "{{.Ports}}").stdout.decode()
    assert f"0.0.0.0:{port}->80/tcp" in listed
    assert f"80/tcp -> 0.0.0.0:{port}" in store.cli("port", "web").stdout.decode()
    fetched = store.cli("curl", "-i", "web")
    assert fetched.stdout.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_port_is_reached_by_every_address_of_the_host(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    for address in ("127.0.0.1", *own_addresses()):
        assert echoed(address, port) == b"hello", address


def test_version_6_reaches_a_container_that_has_none(engine):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no address ::1: {error}")
    serve(engine, publish=["7"])
    assert echoed("::1", published(engine)) == b"hello"


def test_a_port_of_one_address_is_no_port_of_another(engine):
    others = own_addresses()
    if not others:
        pytest.skip("this host has one address only")
    serve(engine, publish=["127.0.0.1::7"])
    port = published(engine)
    assert echoed("127.0.0.1", port) == b"hello"
    with pytest.raises(ConnectionRefusedError):
        echoed(others[0], port)


def test_datagrams_are_answered(engine):
    serve(engine, ECHO_UDP, publish=["7/udp"])
    port = published(engine, key="7/udp")
    for address in ("127.0.0.1", *own_addresses()[:1]):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((address, port))
            sock.settimeout(10)
            for word in (b"one", b"two"):
                sock.send(word)
                assert sock.recv(100) == word.upper()


def test_ranges_and_free_ports(engine):
    serve(engine, publish=["7-9", "127.0.0.1::7"])
    ports = engine.inspect("web")["NetworkSettings"]["Ports"]
    assert set(ports) == {"7/tcp", "8/tcp", "9/tcp"}
    assert len({place["HostPort"] for place in ports["7/tcp"]}) == 2


def test_all_exposed_ports_are_published_when_asked(engine):
    serve(engine, expose=["7", "53/udp"], publish_all=True)
    ports = engine.inspect("web")["NetworkSettings"]["Ports"]
    assert all(ports[key] for key in ("7/tcp", "53/udp"))
    assert echoed("127.0.0.1", published(engine)) == b"hello"


def test_a_taken_port_is_told_in_dockers_words_with_its_holders_name(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    with pytest.raises(Conflict) as caught:
        serve(engine, name="late", publish=[f"{port}:7"])
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in caught.value.message
    assert caught.value.hint == f"Container web has port {port}."
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            serve(engine, name="later", publish=[f"{number}:7"])
    # whose process that is can be looked up where the engine has rights over it
    known = f"Process {os.getpid()} (" if os.geteuid() == 0 else "Choose another port."
    assert known in caught.value.hint
    # nothing of a refused start is left: the port is free
    serve(engine, name="last", publish=[f"{number}:7"])


def test_a_range_gives_the_first_port_that_is_free(engine):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        serve(engine, publish=[f"{number}-{number + 20}:7"])
        assert number < published(engine) <= number + 20


@needs("user")
def test_a_privileged_port_is_refused_with_the_way_out(engine):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 80:
            pytest.skip("every port is open to everybody here")
    with pytest.raises(Denied, match="cannot expose privileged port 80"):
        serve(engine, publish=["80:7"])


def test_an_address_that_the_host_lacks_is_refused(engine):
    with pytest.raises(InvalidArgument, match="cannot assign requested address"):
        serve(engine, publish=["192.0.2.99:8099:7"])


def test_a_port_follows_its_container_over_restarts(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    engine.rm("web", force=True)
    serve(engine, publish=[f"{port}:7"])
    engine.restart("web", time=0)
    wait_until(lambda: len(list(engine.logs("web"))) == 2, "it listens again")
    assert echoed("127.0.0.1", port) == b"hello"
    engine.stop("web", time=0)
    with pytest.raises(ConnectionRefusedError):
        echoed("127.0.0.1", port)
    assert engine.inspect("web")["NetworkSettings"]["Ports"] == {}


def test_a_stopped_containers_port_is_anybodys(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    engine.stop("web", time=0)
    wait_until(lambda: not _is_taken(port), "the port is free")


def _is_taken(port):
    try:
        socket.create_server(("0.0.0.0", port)).close()
    except OSError:
        return True
    return False


def test_a_killed_forwarder_is_started_anew(engine):
    serve(engine, publish=["127.0.0.1::7", "[::1]::7"])
    state = engine.host.containers.state(engine.host.containers.resolve("web"))
    with open(f"/proc/{state.shim_pid}/task/{state.shim_pid}/children") as file:
        children = [int(pid) for pid in file.read().split()]
    (forwarder,) = [pid for pid in children if pid != state.pid]
    os.kill(forwarder, signal.SIGKILL)
    port = int(engine.inspect("web")["NetworkSettings"]["Ports"]["7/tcp"][1]["HostPort"])

    def answers():
        try:
            return echoed("::1", port) == b"hello"
        except OSError:
            return False

    wait_until(answers, "the port answers again")


def test_a_killed_zygote_takes_no_port_with_it(store, engine):
    serve(engine, publish=["7"])
    port = published(engine)
    store.quit()
    assert echoed("127.0.0.1", port) == b"hello"


def test_many_at_once(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    data = os.urandom(200_000)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: echoed("127.0.0.1", port, data) == data, range(64)))
    assert all(found)


def test_a_container_reaches_a_published_port_of_another_network(engine):
    serve(engine, publish=["7"])
    port = published(engine)
    engine.network_create("front")
    engine.run("python", ["sleep", "1000"], detach=True, name="client", network="front")
    gateway = engine.inspect("client")["NetworkSettings"]["Networks"]["front"]["Gateway"]
    if engine.host.features.network != "host":
        pytest.skip("ports are published outside of the store's own network namespace")
    program = (
        f"import socket; c = socket.create_connection(('{gateway}', {port}), timeout=10)\n"
        "c.sendall(b'hello'); print(c.recv(100).decode())"
    )
    assert engine.exec("client", ["python3", "-c", program]).text.strip() == "hello"


def test_a_server_is_fetched_from_whether_its_port_is_published_or_not(engine):
    for flags in ({}, {"network": "none"}):
        engine.run("nginx", detach=True, name="web", **flags)
        wait_until(lambda: _fetches(engine), "nginx listens")
        answer = engine.curl("web")
        assert (answer.status, answer.header("content-type")) == (200, "text/html")
        assert b"<html" in answer.body
        assert engine.curl("web:80/missing").status == 404
        assert engine.curl("http://web/", method="HEAD").body == b""
        engine.rm("web", force=True)


def _fetches(engine):
    try:
        return engine.curl("web").status == 200
    except Unavailable:
        return False


def test_where_nobody_answers_it_is_said(engine):
    engine.run("toolbox", ["sleep", "1000"], detach=True, name="web")
    with pytest.raises(Unavailable, match="port 81 of container .*: connection refused"):
        engine.curl("web:81")
    for url in ("https://web", "web:x", "web:70000", ":80", "web/a b"):
        with pytest.raises(InvalidArgument):
            engine.curl(url)
    engine.stop("web", time=0)
    with pytest.raises(WrongStatus, match="is not running"):
        engine.curl("web")


def test_a_link_leads_to_a_published_port(engine):
    made = engine.run("nginx", detach=True, name="web", publish=["127.0.0.1::80"])
    port = published(engine, key="80/tcp")
    assert made.url(80, "a") == engine.url("web", 80, "/a") == f"http://localhost:{port}/a"
    (row,) = engine.ps()
    page = engine.ps()._repr_mimebundle_()["text/html"]
    assert f'<a href="http://localhost:{port}/"' in page
    assert row["Ports"] == f"127.0.0.1:{port}->80/tcp"
    with pytest.raises(NotFound, match="no public port '81/tcp' published for web"):
        engine.url("web", 81)


def test_port_names_where_each_is_published(engine):
    serve(engine, publish=["127.0.0.1::7"])
    port = published(engine)
    assert list(engine.port("web")) == [f"7/tcp -> 127.0.0.1:{port}"]
    assert list(engine.port("web", "7")) == [f"127.0.0.1:{port}"]
    with pytest.raises(NotFound, match="no public port '8/tcp' published for web"):
        engine.port("web", "8")


def test_the_forwarder_has_no_rights(engine):
    serve(engine, publish=["7"])
    state = engine.host.containers.state(engine.host.containers.resolve("web"))
    with open(f"/proc/{state.shim_pid}/task/{state.shim_pid}/children") as file:
        (forwarder,) = [pid for pid in map(int, file.read().split()) if pid != state.pid]
    with open(f"/proc/{forwarder}/status") as file:
        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"


def test_ports_follow_a_container_to_the_network_that_is_left(engine):
    for name in ("first", "second"):
        engine.network_create(name)
    serve(engine, publish=["7"], network="first")
    port = published(engine)
    engine.network_connect("second", "web")
    engine.network_disconnect("first", "web")
    assert published(engine) == port
    for address in ("127.0.0.1", *own_addresses()):
        assert echoed(address, port) == b"hello", address
    engine.network_disconnect("second", "web")
    assert engine.inspect("web")["NetworkSettings"]["Ports"] == {}
    with pytest.raises(ConnectionRefusedError):
        echoed("127.0.0.1", port)
    engine.network_connect("first", "web")
    assert echoed("127.0.0.1", published(engine)) == b"hello"


def test_a_port_that_was_taken_meanwhile_leaves_a_container_where_it_was(engine):
    engine.network_create("first")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve(engine, publish=[f"{port}:7"], network="first")
    engine.network_disconnect("first", "web")
    with (
        socket.create_server(("0.0.0.0", port)),
        pytest.raises(Conflict, match="already allocated"),
    ):
        engine.network_connect("first", "web")
    assert engine.inspect("web")["NetworkSettings"]["Networks"] == {}
    engine.network_connect("first", "web")
    assert echoed("127.0.0.1", port) == b"hello"


def test_nothing_is_published_of_an_internal_network(engine):
    engine.network_create("inner", internal=True)
    engine.network_create("outer")
    serve(engine, publish=["7"], network="inner")
    assert str(engine.port("web")) == ""
    engine.network_connect("outer", "web")
    assert echoed("127.0.0.1", published(engine)) == b"hello"


@pytest.mark.parametrize("mode", ["host", "none"])
def test_ports_are_discarded_where_there_is_no_network_of_its_own(engine, store, mode):
    warning = f"Published ports are discarded when using {mode} network mode"
    made = engine.run("python", ["sleep", "100"], network=mode, publish=["7"], detach=True)
    assert warning in made.warnings
    assert str(engine.port(made.id)) == ""
    done = store.cli("run", "--network", mode, "-P", "python", "true")
    assert (done.returncode, f"WARNING: {warning}\n" in done.stderr.decode()) == (0, True)


@needs("root")
def test_low_ports_of_the_hosts_network_are_said_to_be_out_of_reach(engine):
    flags = {"network": "host", "detach": True, "rm": True}
    warned = engine.run("python", ["true"], **flags).warnings
    assert any("--userns host" in text for text in warned)
    assert engine.run("python", ["true"], userns="host", **flags).warnings == ()


DRIP = """
import http.server, time
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "99"); self.end_headers()
        for _ in range(99): self.wfile.write(b"."); self.wfile.flush(); time.sleep(0.1)
    def do_POST(self):
        self.send_response(200); self.end_headers()
        size = int(self.headers["Content-Length"])
        self.wfile.write(self.headers["Content-Type"].encode() + b" " + self.rfile.read(size))
server = http.server.ThreadingHTTPServer(("", 7), H)
print("ready", flush=True)
server.serve_forever()
"""


def test_a_request_takes_as_long_as_it_may_and_a_form_is_named_so(engine):
    serve(engine, DRIP)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="timed out"):
        engine.curl("web:7", timeout="500ms")
    assert time.monotonic() - began < 3
    assert engine.curl("web:7", data={"a": 1}).text == "application/x-www-form-urlencoded a=1"
    json = engine.curl("web:7", data="{}", headers={"content-type": "application/json"})
    assert json.text == "application/json {}"


def test_what_is_no_text_is_taken_or_refused_in_words(engine):
    serve(engine, publish=["7/tcp", "7/udp"])
    assert str(engine.port("web", 7)).startswith("0.0.0.0:")
    for filter in ("publish=7", "expose=7/udp", {"publish": 7}):
        assert [row["Names"] for row in engine.ps(filter=filter)] == ["web"]
    with pytest.raises(InvalidArgument, match="invalid network name: None"):
        engine.network_create(None)
    assert [row["Name"] for row in engine.network_ls(filter={"driver": ["null"]})] == ["none"]
    with pytest.raises(InvalidArgument, match="no browser opens 7/udp"):
        engine.url("web", "7/udp")


def test_one_port_of_the_host_for_two_is_said_to_be_the_containers_own(engine):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Conflict) as caught:
        engine.run("toolbox", ["true"], publish=[f"{port}:80", f"{port}:81"], detach=True)
    assert caught.value.hint == f"Its own port 80/tcp is published at {port} already."
