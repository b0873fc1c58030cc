"""Names: what the embedded server answers, to whom, and what it withstands."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading

import pytest

from nbcontainer.net import netlink, redirect
from tests.needs import needs
from tests.netspace import in_own_network
from tests.system.aftermath import wait_until

pytestmark = needs("userns", "bridge")

LOOK_UP = """
import socket, sys
for name in sys.argv[1:]:
    try: print(socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror: print("-")
"""


def sleeper(engine, name, **flags):
    return engine.run("python", ["sleep", "1000"], detach=True, name=name, **flags)


def look_up(engine, container, *names):
    return engine.exec(container, ["python3", "-c", LOOK_UP, *names]).text.split()


def address(engine, name, network):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]


@pytest.fixture
def front(engine):
    engine.network_create("front")
    return engine


def test_names_aliases_and_short_ids_are_answered(front):
    made = sleeper(front, "web", network="front", network_alias=["www", "API.local"])
    sleeper(front, "client", network="front", dns=["192.0.2.1"])
    own = address(front, "web", "front")
    names = ("web", "www", "api.LOCAL", made.id[:12], "web.front")
    assert look_up(front, "client", *names) == [own] * len(names)


def test_who_starts_later_is_found_and_who_stops_is_not(front):
    sleeper(front, "client", network="front", dns=["127.0.0.1"])
    assert look_up(front, "client", "late") == ["-"]
    sleeper(front, "late", network="front")
    assert look_up(front, "client", "late") == [address(front, "late", "front")]
    front.stop("late", time=0)
    wait_until(lambda: look_up(front, "client", "late") == ["-"], "the name is forgotten")


def test_a_container_that_is_renamed_is_found_by_its_new_name(front):
    sleeper(front, "web", network="front")
    sleeper(front, "client", network="front", dns=["127.0.0.1"])
    front.rename("web", "shop")
    assert look_up(front, "client", "shop", "web") == [address(front, "shop", "front"), "-"]


def test_only_the_networks_that_both_are_on_count(front):
    front.network_create("back")
    sleeper(front, "web", network="front", dns=["127.0.0.1"])
    sleeper(front, "db", network="back", dns=["127.0.0.1"])
    sleeper(front, "both", network=["front", "back"], dns=["127.0.0.1"])
    assert look_up(front, "web", "db", "both") == ["-", address(front, "both", "front")]
    assert "-" not in look_up(front, "both", "web", "db")


def test_other_names_are_asked_of_the_hosts_servers(front):
    """The server of the test answers for the host's: every name is 192.0.2.7."""
    import dnslib

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        try:
            server.bind(("127.0.0.53", 53))
        except OSError as error:
            pytest.skip(f"port 53 cannot be had: {error}")

        def answer():
            while True:
                data, peer = server.recvfrom(4096)
                question = dnslib.DNSRecord.parse(data)
                if str(question.q.qname) == "end.test.":
                    return
                reply = question.reply()
                if question.q.qtype == 1:
                    reply.add_answer(*dnslib.RR.fromZone(f"{question.q.qname} 5 A 192.0.2.7"))
                server.sendto(bytes(reply.pack()), peer)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            sleeper(front, "client", network="front", dns=["127.0.0.53"])
            assert look_up(front, "client", "www.example.test") == ["192.0.2.7"]
        finally:
            end = bytes(dnslib.DNSRecord.question("end.test").pack())
            server.sendto(end, ("127.0.0.53", 53))
            thread.join(10)


def test_from_an_internal_network_no_question_leaves(front):
    front.network_create("inner", internal=True)
    sleeper(front, "web", network="inner")
    sleeper(front, "client", network="inner")
    found = look_up(front, "client", "web", "www.example.test")
    assert found == [address(front, "web", "inner"), "-"]


def test_questions_by_tcp_are_answered_too(front):
    sleeper(front, "web", network="front")
    program = (
        "import socket, struct\n"
        "q = b'\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\3web\\0\\0\\1\\0\\1'\n"
        "s = socket.create_connection(('127.0.0.11', 53), timeout=10)\n"
        "s.sendall(struct.pack('>H', len(q)) * 1 + q[:5]); s.sendall(q[5:])\n"
        "size = struct.unpack('>H', s.recv(2))[0]; data = s.recv(size)\n"
        "print(socket.inet_ntoa(data[-4:]))\n"
    )
    found = front.exec("web", ["python3", "-c", program]).text.strip()
    assert found == address(front, "web", "front")


def test_hostile_packets_do_not_end_it(front):
    sleeper(front, "web", network="front", dns=["127.0.0.1"])
    noise = random.Random(7).randbytes(20_000).hex()
    program = (
        f"import socket; data = bytes.fromhex('{noise}')\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a = ('127.0.0.11', 53)\n"
        "for n in range(0, 20000, 97):\n"
        "    s.sendto(data[n:n + 97], a)\n"
        "    s.sendto(b'\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + data[n:n + 60], a)\n"
        "c = socket.create_connection(a); c.sendall(data)\n"
    )
    front.exec("web", ["python3", "-c", program])
    assert look_up(front, "web", "web") == [address(front, "web", "front")]


def test_a_killed_keeper_is_started_anew_and_knows_every_name(front):
    for name in ("web", "client"):
        sleeper(front, name, network="front")
    os.kill(_keeper(front), signal.SIGKILL)
    own = address(front, "web", "front")
    wait_until(lambda: look_up(front, "client", "web") == [own], "the name is answered again")


def _keeper(engine):
    """Return the pid of the store's keeper, which is who listens on its socket."""
    import struct

    from nbcontainer.runtime import keeper_client

    with keeper_client.connect(engine.host.layout.run) as sock:
        peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return struct.unpack("3i", peer)[0]


SERVE_NAMES = """
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("0.0.0.0", 53))
tcp = socket.socket(); tcp.bind(("0.0.0.0", 53)); tcp.listen()
print("ready", flush=True)
while True: udp.sendto(b"own", udp.recvfrom(512)[1])
"""
ASK_NAMES = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)
s.sendto(b"?", (sys.argv[1], 53)); print(s.recv(99).decode())
"""


@pytest.fixture
def redirects():
    """Skip where nf_tables cannot lead the questions elsewhere."""

    def led():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            try:
                redirect.lead(sock, "127.0.0.11", 53, 61053)
            except OSError as error:
                return str(error)
        return ""

    if blocker := in_own_network(led):
        pytest.skip(blocker)


@pytest.mark.parametrize("network", ["bridge", "front"])
def test_port_53_is_the_containers_own(front, redirects, network):
    made = front.run(
        "python", ["python3", "-c", SERVE_NAMES], detach=True, network=network, name="dns"
    )
    assert next(front.logs(made.id, follow=True)).data == b"ready\n"
    if network == "front":
        assert look_up(front, "dns", "dns") == [address(front, "dns", "front")]
    asked = front.exec("dns", ["python3", "-c", ASK_NAMES, "127.0.0.1"])
    assert asked.text.strip() == "own"


def test_who_is_connected_later_gets_names_beside_a_server_of_its_own(front, redirects):
    made = front.run(
        "python", ["python3", "-c", SERVE_NAMES], detach=True, network="bridge", name="dns"
    )
    next(front.logs(made.id, follow=True))
    sleeper(front, "other", network="front")
    front.network_connect("front", "dns")
    assert look_up(front, "dns", "other") == [address(front, "other", "front")]
    front.network_disconnect("front", "dns")
    front.network_connect("front", "dns")
    assert look_up(front, "dns", "other") == [address(front, "other", "front")]


def test_a_host_name_is_answered_too(front):
    sleeper(front, "web", network="front", hostname="shop.example")
    sleeper(front, "client", network="front", dns=["192.0.2.1"])
    own = address(front, "web", "front")
    assert look_up(front, "client", "shop.example", "web") == [own, own]
