from nbcontainer.spec.lifecycle import State, Status
from nbcontainer.spec.network import Attachment, Endpoint, Network, PortBinding, Subnet
from nbcontainer.spec.runtime import Namespaces, RuntimeConfig
from nbcontainer.values import replace
from nbcontainer.views import network as view

NET = Network(
    "b" * 64,
    "front",
    0,
    "nbc00000-bbbbbb",
    (Subnet("10.0.0.0/24", "10.0.0.1", "10.0.0.128/25"),),
    labels={"a": "b"},
)
PLACE = Endpoint(
    "front", NET.id, "eth0", "02:42:0a:00:00:02", "10.0.0.2", 24, "10.0.0.1", names=("web",)
)
CONFIG = RuntimeConfig(
    "c" * 64, "web", "i", "d", 0, (), (), exposed_ports=("80/tcp", "443/tcp"),
    namespaces=Namespaces(network="front"), networks=(Attachment("front", ("www",)),),
)  # fmt: skip
PORTS = (PortBinding(80, "tcp", "0.0.0.0", 8080), PortBinding(80, "tcp", "::", 8080))
RUNNING = State(Status.RUNNING, 7, endpoints=(PLACE,), ports=PORTS)


def test_a_row_has_dockers_fields():
    row = view.network_row(NET)
    assert (row["ID"], row["Name"], row["Driver"], row["Scope"]) == (
        "b" * 12, "front", "bridge", "local",
    )  # fmt: skip
    assert view.network_row(NET, no_trunc=True)["ID"] == NET.id
    assert (row["Labels"], row["Internal"], row["IPv6"]) == ("a=b", "false", "false")


def test_inspect_tells_who_is_on_a_network_and_what_carries_what_leaves_it():
    document = view.inspect(NET, [(CONFIG.id, "web", PLACE)], "the host's own routes")
    assert document["IPAM"]["Config"] == [
        {"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1", "IPRange": "10.0.0.128/25"}
    ]
    assert document["Containers"][CONFIG.id]["IPv4Address"] == "10.0.0.2/24"
    assert document["WayOut"] == "the host's own routes"


def test_a_running_container_shows_its_place():
    document = view.settings(CONFIG, RUNNING)
    assert document["Networks"]["front"]["IPAddress"] == document["IPAddress"] == "10.0.0.2"
    assert document["Networks"]["front"]["Aliases"] == ["www"]
    assert document["Ports"] == {
        "443/tcp": None,
        "80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"},
            {"HostIp": "::", "HostPort": "8080"},
        ],
    }


def test_a_stopped_one_shows_what_it_will_be_on_and_no_address():
    document = view.settings(CONFIG, State(Status.EXITED))
    assert list(document["Networks"]) == ["front"]
    assert (document["IPAddress"], document["Ports"]) == ("", {})


def test_who_shares_the_hosts_network_is_on_host():
    shared = RuntimeConfig("c", "n", "i", "d", 0, (), (), namespaces=Namespaces(network="host"))
    assert list(view.settings(shared, State())["Networks"]) == ["host"]
    assert view.names_of(shared) == "host"


def test_members_are_those_that_run_there():
    listing = [(CONFIG, RUNNING, "web"), (CONFIG, State(), "old")]
    assert view.members_of(NET, listing) == [(CONFIG.id, "web", PLACE)]


def test_what_was_asked_for_is_shown_as_asked():
    wanted = [PortBinding(80, "tcp", "", 8000, 8010), PortBinding(53, "udp", "127.0.0.1")]
    assert view.bindings(wanted) == {
        "80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
    }
    assert view.published(RUNNING) == "8080->80/tcp"


def test_who_runs_on_the_hosts_network_is_told():
    host = replace(CONFIG, namespaces=Namespaces(network="host"), networks=())
    listing = [(host, State(Status.RUNNING, 7), "web"), (host, State(Status.EXITED), "old")]
    members = view.members_of(view.fixed("host"), listing)
    assert [(name, place.address) for _, name, place in members] == [("web", "")]
    assert view.inspect(view.fixed("host"), members)["Containers"][host.id]["IPv4Address"] == ""
    assert view.members_of(view.fixed("none"), listing) == []


def test_an_address_that_was_asked_for_is_shown():
    wished = replace(CONFIG, networks=(Attachment("front", address="10.0.0.9"),))
    shown = view.settings(wished, RUNNING)["Networks"]["front"]
    assert shown["IPAMConfig"] == {"IPv4Address": "10.0.0.9"}
    assert view.settings(CONFIG, RUNNING)["Networks"]["front"]["IPAMConfig"] is None


def test_who_has_left_its_last_network_is_on_none():
    assert view.names_of(CONFIG) == "front"
    assert view.names_of(replace(CONFIG, networks=())) == ""
    assert (
        view.names_of(replace(CONFIG, namespaces=Namespaces(network="host"), networks=())) == "host"
    )
