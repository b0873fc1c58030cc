"""Containers on networks: addresses, who reaches whom, connect and disconnect, and what Docker would say."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from nbcontainer.errors import (
    Conflict,
    ContainerNotFound,
    Denied,
    InvalidArgument,
    NetworkNotFound,
    StepFailed,
    StillInUse,
    Unavailable,
    WrongStatus,
)
from nbcontainer.runtime import networks
from nbcontainer.runtime.networks import store_key
from tests.needs import needs
from tests.netspace import in_own_network
from tests.system.aftermath import wait_until

pytestmark = needs("userns", "bridge")

LISTEN = "import socket; s = socket.create_server(('', {port})); print('ready', flush=True); \n"
ANSWER = LISTEN + "while True: c, a = s.accept(); c.sendall(a[0].encode()); c.close()"
CONNECT = """
import socket, sys
try:
    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout={timeout})
    print(c.recv(100).decode())
except OSError as error:
    print(type(error).__name__)
"""


def serve(engine, name, *, port=7, **flags):
    """Start a server that tells each client its address; return once it listens."""
    flags.setdefault("network", "bridge")
    made = engine.run(
        "python", ["python3", "-c", ANSWER.format(port=port)], detach=True, name=name, **flags
    )
    next(engine.logs(made.id, follow=True))
    return made


def place(engine, name, network):
    return engine.inspect(name)["NetworkSettings"]["Networks"][network]


def ask(engine, name, target, port=7, timeout=10):
    """Return what a container hears from a server, or the error's class."""
    program = CONNECT.format(timeout=timeout)
    done = engine.exec(name, ["python3", "-c", program, target, str(port)])
    return done.text.strip()


def sleeper(engine, name, **flags):
    return engine.run("python", ["sleep", "1000"], detach=True, name=name, **flags)


def test_links_are_told_from_both_sides_of_the_cable(engine):
    engine.network_create("shown", subnet="10.231.0.0/24")
    sleeper(engine, "linked", network="shown", ip="10.231.0.9")
    sleeper(engine, "guest", network="container:linked")
    inside = {row["Name"]: row for row in engine.network_links("linked")}
    assert inside["lo"]["Kind"] == "loopback"
    assert inside["eth0"]["Addresses"].startswith("10.231.0.9/24")
    assert (inside["eth0"]["Network"], inside["eth0"]["Container"]) == ("shown", "linked")
    assert [row["MAC"] for row in engine.network_links("guest")] == [
        row["MAC"] for row in inside.values()
    ]
    outside = [row for row in engine.network_links() if row["Network"] == "shown"]
    bridge, cable = sorted(outside, key=lambda row: row["Kind"])
    assert (bridge["Kind"], bridge["Addresses"].split("/")[0]) == ("bridge", "10.231.0.1")
    assert (cable["Kind"], cable["Container"], cable["Master"]) == (
        "veth",
        "linked",
        bridge["Name"],
    )
    assert inside["eth0"]["Peer"] == cable["Index"]
    engine.rm("linked", "guest", force=True)
    with pytest.raises(ContainerNotFound):
        engine.network_links("linked")
    stopped = engine.create("toolbox", ["true"], name="stopped")
    with pytest.raises(WrongStatus):
        engine.network_links("stopped")
    engine.rm(stopped.id)
    engine.network_rm("shown")


def network(engine, name, **flags):
    engine.network_create(name, **flags)
    return name


def test_by_default_a_container_is_on_the_bridge(engine):
    sleeper(engine, "web")
    document = engine.inspect("web")
    settings = document["NetworkSettings"]
    assert document["HostConfig"]["NetworkMode"] == "bridge"
    assert settings["IPAddress"]
    assert settings["Gateway"]
    assert settings["MacAddress"].startswith("02:42:")
    hosts = engine.exec("web", ["cat", "/etc/hosts"]).text
    assert f"{settings['IPAddress']}\t{document['Id'][:12]}" in hosts
    route = engine.exec("web", ["cat", "/proc/net/route"]).text
    assert any(line.split()[:2] == ["eth0", "00000000"] for line in route.splitlines()[1:])


def test_two_on_one_network_reach_each_other_by_address(engine):
    serve(engine, "server")
    sleeper(engine, "client")
    address = place(engine, "server", "bridge")["IPAddress"]
    assert ask(engine, "client", address) == place(engine, "client", "bridge")["IPAddress"]


def test_different_networks_do_not_reach_each_other(engine):
    for name in ("front", "back"):
        network(engine, name)
    serve(engine, "server", network="back")
    sleeper(engine, "client", network="front")
    sleeper(engine, "default")
    address = place(engine, "server", "back")["IPAddress"]
    for client in ("client", "default"):
        assert ask(engine, client, address, timeout=1) in ("TimeoutError", "OSError")
    sleeper(engine, "friend", network="back")
    assert ask(engine, "friend", address).startswith(address.rpartition(".")[0])


def test_the_hosts_loopback_is_out_of_reach(engine):
    """CVE-2020-13401's kin: route_localnet is on for published ports, and shut for containers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as secret:
        port = secret.getsockname()[1]
        sleeper(engine, "web", cap_add=["NET_RAW", "NET_ADMIN"])
        gateway = place(engine, "web", "bridge")["Gateway"]
        for target in ("127.0.0.1", gateway):
            assert ask(engine, "web", target, port, timeout=1) != ""
        # a packet for 127.0.0.1 that leaves by the wire
        program = (
            "import socket; s = socket.socket(); s.settimeout(1)\n"
            "s.setsockopt(socket.SOL_SOCKET, 25, b'eth0\\0')\n"
            f"try: s.connect(('127.0.0.1', {port})); print('reached')\n"
            "except OSError as error: print(type(error).__name__)\n"
        )
        assert "reached" not in engine.exec("web", ["python3", "-c", program]).text


def test_an_internal_network_leads_nowhere_else(engine):
    network(engine, "inner", internal=True)
    serve(engine, "server", network="inner")
    sleeper(engine, "client", network="inner")
    found = place(engine, "server", "inner")
    assert found["Gateway"] == ""
    assert (
        ask(engine, "client", found["IPAddress"]) == place(engine, "client", "inner")["IPAddress"]
    )
    assert len(engine.exec("client", ["cat", "/proc/net/route"]).text.splitlines()) == 2
    assert "internal" in engine.inspect("inner", type="network")["WayOut"]


def test_addresses_are_those_that_were_asked_for(engine):
    network(
        engine, "fixed", subnet="10.211.0.0/24", gateway="10.211.0.254", ip_range="10.211.0.128/25"
    )
    sleeper(engine, "any", network="fixed")
    sleeper(engine, "one", network="fixed", ip="10.211.0.7", mac_address="02:42:00:00:00:07")
    assert place(engine, "any", "fixed")["IPAddress"] == "10.211.0.128"
    found = place(engine, "one", "fixed")
    assert (found["IPAddress"], found["Gateway"]) == ("10.211.0.7", "10.211.0.254")
    link = engine.exec("one", ["cat", "/sys/class/net/eth0/address"]).text.strip()
    assert link == found["MacAddress"] == "02:42:00:00:00:07"
    with pytest.raises(Unavailable, match="Address already in use"):
        sleeper(engine, "two", network="fixed", ip="10.211.0.7")
    with pytest.raises(InvalidArgument, match="contain the IP address 10.9.0.7"):
        sleeper(engine, "three", network="fixed", ip="10.9.0.7")


def test_an_empty_pool_of_addresses_is_said_and_an_end_frees_one(engine):
    network(engine, "tiny", subnet="10.212.0.0/30")
    sleeper(engine, "only", network="tiny")
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        sleeper(engine, "late", network="tiny")
    engine.rm("only", force=True)
    engine.start("late")
    assert place(engine, "late", "tiny")["IPAddress"] == "10.212.0.2"


def test_both_versions_of_addresses(engine):
    network(engine, "dual", ipv6=True, subnet=["10.213.0.0/24", "fd00:213::/64"])
    program = ANSWER.format(port=7).replace(
        "socket.create_server(('', 7))", "socket.create_server(('::', 7), family=socket.AF_INET6)"
    )
    engine.run("python", ["python3", "-c", program], detach=True, name="server", network="dual")
    next(engine.logs("server", follow=True))
    sleeper(engine, "client", network="dual", ip6="fd00:213::77")
    assert place(engine, "client", "dual")["GlobalIPv6Address"] == "fd00:213::77"
    target = place(engine, "server", "dual")["GlobalIPv6Address"]
    assert ask(engine, "client", target) == "fd00:213::77"


def test_a_running_container_comes_onto_a_network_and_leaves_it(engine):
    network(engine, "extra")
    serve(engine, "server", network="extra")
    sleeper(engine, "client")
    address = place(engine, "server", "extra")["IPAddress"]
    engine.network_connect("extra", "client", alias=["guest"])
    own = place(engine, "client", "extra")["IPAddress"]
    assert ask(engine, "client", address) == own
    assert ask(engine, "client", "server") == own
    assert "127.0.0.11" in engine.exec("client", ["cat", "/etc/resolv.conf"]).text
    assert own in engine.exec("client", ["cat", "/etc/hosts"]).text
    engine.network_disconnect("bridge", "client")
    assert list(engine.inspect("client")["NetworkSettings"]["Networks"]) == ["extra"]
    # the way out is the network that is left
    gateway = place(engine, "client", "extra")["Gateway"]
    assert gateway
    assert ask(engine, "client", gateway, 1, timeout=5) == "ConnectionRefusedError"
    engine.network_disconnect("extra", "client")
    assert ask(engine, "client", address, timeout=1) == "OSError"
    assert own not in engine.exec("client", ["cat", "/etc/hosts"]).text


def test_what_was_connected_stays_so_over_a_restart(engine):
    network(engine, "extra")
    sleeper(engine, "client")
    engine.network_connect("extra", "client")
    engine.restart("client", time=0)
    networks = engine.inspect("client")["NetworkSettings"]["Networks"]
    assert all(networks[name]["IPAddress"] for name in ("bridge", "extra"))
    engine.stop("client", time=0)
    engine.network_disconnect("bridge", "client")
    engine.start("client")
    assert list(engine.inspect("client")["NetworkSettings"]["Networks"]) == ["extra"]
    assert engine.ps()[0]["Networks"] == "extra"


def test_a_container_on_several_networks_from_its_start(engine):
    for name in ("front", "back"):
        network(engine, name)
    sleeper(engine, "both", network=["front", "name=back,alias=inner"])
    assert engine.exec("both", ["ls", "/sys/class/net"]).text.split() == ["eth0", "eth1", "lo"]
    assert place(engine, "both", "back")["Aliases"] == ["inner"]


def test_a_network_that_is_used_stays(engine):
    network(engine, "busy")
    sleeper(engine, "web", network="busy")
    with pytest.raises(StillInUse, match='has active endpoints .name:"web"'):
        engine.network_rm("busy")
    assert list(engine.network_prune()) == []
    engine.rm("web", force=True)
    assert "busy" in list(engine.network_prune())


def test_what_is_refused_is_refused_in_dockers_words(engine):
    network(engine, "one", subnet="10.214.0.0/24")
    for error, call in (
        (Conflict, lambda: engine.network_create("one")),
        (Conflict, lambda: engine.network_create("two", subnet="10.214.0.128/25")),
        (Denied, lambda: engine.network_create("bridge")),
        (Denied, lambda: engine.network_rm("host")),
        (NetworkNotFound, lambda: engine.network_rm("nothing")),
        (NetworkNotFound, lambda: sleeper(engine, "lost", network="nothing")),
        (InvalidArgument, lambda: engine.network_create("two", subnet="10.214.0.5/24")),
        (Denied, lambda: engine.network_disconnect("one", sleeper(engine, "out").id)),
    ):
        with pytest.raises(error):
            call()
    assert engine.network_rm("nothing", force=True) == []
    assert [row["Name"] for row in engine.network_ls()] == ["bridge", "host", "none", "one"]


def test_a_network_that_was_removed_is_missed_at_the_start(engine):
    network(engine, "gone")
    engine.create("toolbox", ["true"], name="web", network="gone")
    engine.network_rm("gone")
    with pytest.raises(NetworkNotFound, match="network gone not found"):
        engine.start("web")


def test_inspect_of_a_network_names_who_is_on_it(engine):
    made = engine.network_create("front", label=["tier=web"])
    sleeper(engine, "web", network="front")
    document = engine.inspect(made[:12])
    assert document["Name"] == "front"
    assert document["Labels"] == {"tier": "web"}
    (member,) = document["Containers"].values()
    assert member["Name"] == "web"
    assert [row["Names"] for row in engine.ps(filter="network=front")] == ["web"]


def test_events_tell_of_networks(engine):
    sleeper(engine, "web", network="bridge")
    since = engine.events(filter="type=network")
    made = engine.network_create("front")
    engine.network_connect("front", "web")
    engine.network_disconnect("front", "web")
    engine.network_rm("front")
    seen = [next(since) for _ in range(4)]
    since.close()
    assert [event.action for event in seen] == ["create", "connect", "disconnect", "destroy"]
    assert {event.id for event in seen} == {made}


def test_the_graph_shows_what_is_there(engine):
    network(engine, "front")
    sleeper(engine, "web", network="front", publish=["80"])
    drawing = engine.network_graph()
    assert any("web  eth0" in line and "->80/tcp" in line for line in drawing.lines)
    assert "web" in drawing.picture


def test_who_shares_a_network_shares_its_address_and_its_ports(engine):
    serve(engine, "server")
    sleeper(engine, "side", network="container:server")
    assert ask(engine, "side", "127.0.0.1") == "127.0.0.1"
    with pytest.raises(Denied, match="sharing network namespace with another container"):
        engine.network_connect(network(engine, "front"), "side")


def test_the_hosts_network_is_said_where_it_is_used(engine):
    sleeper(engine, "open", network="host")
    (row,) = engine.ps()
    assert row["Relaxed"] == "network=host"
    assert engine.inspect("open")["Relaxations"] == ["network=host"]
    links = engine.exec("open", ["ls", "/sys/class/net"]).text.split()
    assert set(links) == set(os.listdir("/sys/class/net"))


def test_the_command_line_speaks_dockers_language(store):
    made = store.cli("network", "create", "--label", "a=b", "front")
    assert made.returncode == 0
    assert len(made.stdout.strip()) == 64
    listed = store.cli("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Labels}}")
    assert b"front bridge a=b\n" in listed.stdout
    shown = json.loads(store.cli("network", "inspect", "front").stdout)
    assert shown[0]["Id"] == made.stdout.decode().strip()
    assert store.cli("network", "rm", "front").stdout == b"front\n"
    refused = store.cli("network", "rm", "front")
    assert refused.returncode == 1
    assert b"network front not found" in refused.stderr


@needs("root", "nft")
def test_every_rule_is_in_one_table_and_all_of_it_goes_with_the_last_container(fresh_store):
    engine = fresh_store.engine()
    engine.run("toolbox", ["sleep", "1000"], detach=True, name="web", publish=["80"])
    key = engine.inspect("bridge", type="network")["Bridge"][3:8]

    def rules():
        listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True)
        return [line for line in listed.stdout.splitlines() if key in line]

    assert rules() == [f"table inet nbcontainer-{key}"]
    engine.rm("web", force=True)
    fresh_store.quit()
    wait_until(lambda: rules() == [], "the table is gone")
    # Linux takes a network namespace down in its own time, and the cables with it
    wait_until(lambda: not [n for n in os.listdir("/sys/class/net") if key in n], "no link is left")


@needs("root")
def test_a_helper_that_leaves_before_anybody_came_leaves_no_bridge(fresh_store):
    for _ in range(3):
        engine = fresh_store.engine()
        key = engine.host.features and store_key(engine.host.layout.home)
        fresh_store.quit()
    wait_until(lambda: not [n for n in os.listdir("/sys/class/net") if key in n], "no link is left")


@needs("root")
def test_a_subnet_that_the_host_uses_is_refused_with_the_link_named(engine):
    with open("/proc/net/route") as file:
        rows = [line.split() for line in file][1:]
    row = next((r for r in rows if r[7] != "00000000" and not r[0].startswith("nbc")), None)
    if row is None:
        pytest.skip("this host has no route to a network")
    number = int.from_bytes(bytes.fromhex(row[1]), "little")
    address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    with pytest.raises(Conflict, match=f"the host's link {row[0]}"):
        engine.network_create("clash", subnet=f"{address}/24")


@needs("root", "ip")
def test_a_bridge_that_was_removed_by_hand_is_made_anew_with_all_who_were_on_it(engine):
    network(engine, "front")
    serve(engine, "server", network="front")
    bridge = engine.inspect("front", type="network")["Bridge"]
    subprocess.run(["ip", "link", "del", bridge], check=True)
    sleeper(engine, "client", network="front")
    address = place(engine, "server", "front")["IPAddress"]
    assert ask(engine, "client", address) == place(engine, "client", "front")["IPAddress"]


def test_what_linux_refuses_of_a_connection_is_told_as_a_step():
    from nbcontainer.runtime.advice import refused

    error = refused("connect", OSError(1, "Operation not permitted", "netlink"))
    assert isinstance(error, StepFailed)
    assert "connect" in error.message


def test_version_6_is_refused_where_there_is_none(engine):
    engine.network_create("four", subnet="10.233.0.0/24")
    sleeper(engine, "web", network="bridge")
    for ask in (
        lambda: sleeper(engine, "no", network="four", ip6="fd00::7"),
        lambda: sleeper(engine, "no", network="name=four,ip6=fd00::7"),
        lambda: engine.network_connect("four", "web", ip6="fd00::7"),
    ):
        with pytest.raises(InvalidArgument, match="networks with user configured subnets"):
            ask()


@needs("root")
def test_addresses_that_were_chosen_for_an_idle_network_are_chosen_again(engine):
    engine.network_create("idle")
    subnet = engine.inspect("idle")["IPAM"]["Config"][0]
    link = f"nbt{os.getpid() % 100000}"
    subprocess.run(["ip", "link", "add", link, "type", "bridge"], check=True)
    try:
        address = f"{subnet['Gateway']}/{subnet['Subnet'].partition('/')[2]}"
        subprocess.run(["ip", "address", "add", address, "dev", link], check=True)
        subprocess.run(["ip", "link", "set", link, "up"], check=True)
        sleeper(engine, "web", network="idle")
        assert engine.inspect("idle")["IPAM"]["Config"][0] != subnet
        assert place(engine, "web", "idle")["Gateway"] != subnet["Gateway"]
    finally:
        subprocess.run(["ip", "link", "delete", link], check=True)


def test_starts_and_ends_are_events_of_the_networks(engine):
    sleeper(engine, "web", network="bridge", restart="no")
    engine.restart("web", time=0)
    engine.stop("web", time=0)
    made = engine.inspect("web")["Id"]

    def said():
        found = engine.host.events.read()
        return [e.action for e in found if made in (e.id, e.attributes.get("container"))]

    once = ["connect", "start", "die", "disconnect"]
    wait_until(lambda: said().count("disconnect") == 2, "both ends are told")
    kept = [action for action in said() if action in once]
    assert kept == once * 2


FETCH = """
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode().strip())
"""


@needs("user")
def test_by_way_of_the_proxy_a_container_reaches_its_own_networks_and_no_other(engine):
    for name in ("s1", "s2"):
        engine.network_create(name)
    engine.run("python", ["python3", "-m", "http.server"], detach=True, name="api", network="s2")
    if "by a proxy" not in engine.inspect("s2", type="network")["WayOut"]:
        pytest.skip("this host has a better way out")
    address = place(engine, "api", "s2")["IPAddress"]

    def fetch(host, *on):
        flags = {"network": list(on), "rm": True}
        command = ["python3", "-c", FETCH, f"http://{host}:8000/"]
        return engine.run("python", command, **flags).text.strip()

    wait_until(lambda: fetch("api", "s2") == "200", "the server answers")
    for host in ("api", address):
        assert fetch(host, "s1", "s2") == fetch(host, "s2", "s1") == "200"
    assert fetch(address, "s1").endswith(f"{address} is on none of this container's networks")
    engine.rm("api", force=True)


def test_a_neighbour_is_pinged_without_a_capability(engine):
    engine.network_create("front")
    sleeper(engine, "web", network="front")
    ping = ["ping", "-c", "1", "-W", "5", "web"]
    done = engine.run("python", ping, network="front", rm=True)
    assert (done.exit_code, "1 received" in done.text) == (0, True)
    done = engine.run("toolbox", ping, network="front", rm=True)
    assert done.exit_code == 0 or b"--cap-add NET_RAW" in done.stderr
    assert engine.run("toolbox", ping, network="front", cap_add=["NET_RAW"], rm=True).exit_code == 0


def test_version_6_is_forwarded_and_advertised_routes_are_kept():
    conf = "/proc/sys/net/ipv6/conf"

    def work():
        subprocess.run(["ip", "link", "add", "up0", "type", "veth", "peer", "up1"], check=True)
        for name, value in (("up0", "1"), ("up1", "0")):
            with open(f"{conf}/{name}/accept_ra", "w") as file:
                file.write(value)
        for _ in range(2):
            networks.forward_v6()
        found = [f"{conf}/{name}" for name in ("all/forwarding", "up0/accept_ra", "up1/accept_ra")]
        return [subprocess.check_output(["cat", path], text=True).strip() for path in found]

    assert in_own_network(work) == ["1", "2", "0"]


@needs("root")
def test_version_6_leaves_under_the_hosts_address(engine):
    space, link = f"nbt{os.getpid()}", f"nbt{os.getpid() % 100000}"
    forwarding = "/proc/sys/net/ipv6/conf/all/forwarding"
    with open(forwarding) as file:
        before = file.read()
    script = f"""
        set -e
        ip netns add {space}
        ip link add {link} type veth peer o0 netns {space}
        ip address add fd77::1/64 dev {link} nodad; ip link set {link} up
        ip -n {space} address add fd77::2/64 dev o0 nodad; ip -n {space} link set o0 up
    """
    serve6 = ANSWER.format(port=7).replace("('', 7)", "('::', 7), family=socket.AF_INET6")
    server = None
    try:
        subprocess.run(["sh", "-c", script], check=True)
        inside = ["ip", "netns", "exec", space, "python3", "-c", serve6]
        server = subprocess.Popen(inside, stdout=subprocess.PIPE)
        server.stdout.readline()
        engine.network_create("six", ipv6=True)
        sleeper(engine, "web", network="six")
        assert ask(engine, "web", "fd77::2") == "fd77::1"
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        subprocess.run(["ip", "link", "delete", link])
        subprocess.run(["ip", "netns", "delete", space])
        with open(forwarding, "w") as file:
            file.write(before)


def test_a_name_that_docker_keeps_for_itself_is_refused(engine):
    with pytest.raises(Denied, match="not permitted on predefined default network"):
        engine.network_create("default")


def test_a_network_that_is_missing_leaves_no_word_where_that_is_wished(store):
    done = store.cli("network", "rm", "-f", "nope")
    assert (done.returncode, done.stdout.strip()) == (0, b"")


def test_who_joins_a_network_has_the_names_of_its_owner(engine):
    sleeper(engine, "owner", hostname="big.example", add_host=["db:10.1.2.3"], network="bridge")
    script = "cat /etc/hosts /etc/hostname /etc/resolv.conf; hostname; echo $HOSTNAME"
    own = engine.exec("owner", ["sh", "-c", script]).text
    assert "big.example big\n" in own
    assert (
        engine.run("python", ["sh", "-c", script], network="container:owner", rm=True).text == own
    )


@pytest.mark.parametrize("kind", ["network", "ipc"])
def test_who_joins_another_is_restarted_after_it_was(engine, kind):
    sleeper(engine, "owner", network="bridge")
    sleeper(engine, "guest", **{kind: "container:owner"})
    engine.restart("owner", time=0)
    engine.restart("guest", time=0)
    wait_until(lambda: engine.inspect("guest")["State"]["Status"] == "running", "it runs again")
    file = {"network": "net", "ipc": "ipc"}[kind]
    look = ["readlink", f"/proc/self/ns/{file}"]
    assert engine.exec("guest", look).text == engine.exec("owner", look).text
    engine.stop("owner", time=0)
    with pytest.raises(WrongStatus, match="non running container"):
        engine.restart("guest", time=0)
