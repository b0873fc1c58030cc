import pytest

from nbcontainer.runtime.plan import CONNECT, PREPARED, STAGE
from nbcontainer.runtime.planner_network import (
    NAME_SERVER,
    hosts_text,
    nameservers,
    resolv_text,
)
from nbcontainer.spec.network import Attachment, Network, PortBinding, Subnet
from nbcontainer.spec.runtime import Namespaces
from nbcontainer.values import replace
from tests.golden.hosts import HOSTS
from tests.plans import CONFIG, PLACES, names, one, steps

BRIDGE = Network("b" * 64, "bridge", 0, "nbc00000-bbbbbb", (Subnet("172.17.0.0/16", "172.17.0.1"),))
OWN = Network("a" * 64, "front", 0, "nbc00000-aaaaaa", (Subnet("10.0.0.0/24", "10.0.0.1"),))
INNER = Network(
    "c" * 64, "inner", 0, "nbc00000_cccccc", (Subnet("10.1.0.0/24", "10.1.0.1"),), internal=True
)
HERE = replace(PLACES, networks=(BRIDGE, OWN, INNER), run="/r", resolvers="nameserver 192.0.2.1\n")


def on(*wishes, **more):
    return replace(
        CONFIG,
        networks=tuple(w if isinstance(w, Attachment) else Attachment(w) for w in wishes),
        namespaces=Namespaces(network="bridge"),
        **more,
    )


def test_on_the_bridge_nothing_that_is_made_beforehand_is_a_containers_own():
    one_of_many = on("bridge", name="one", id="1" * 64, hostname="x", publish=(PortBinding(80),))
    other = on("bridge", name="two", id="2" * 64)
    prepared = [
        [s for s in steps(config, places=HERE) if s.phase in PREPARED]
        for config in (one_of_many, other)
    ]
    assert prepared[0] == prepared[1]
    assert [s.do for s in prepared[0] if s.phase == CONNECT] == ["connect"]


def test_on_a_users_network_a_container_has_its_names():
    args = one("connect", on(Attachment("front", ("www",)), name="web", id="9" * 64), places=HERE)
    assert args["names"] == ["web", "www", "9" * 12, "box"]
    assert one("register_names", on("front"), places=HERE)["servers"] == ["192.0.2.1"]


def test_the_first_open_network_is_the_way_out():
    found = [
        s.args for s in steps(on("inner", "front", "bridge"), places=HERE) if s.do == "connect"
    ]
    assert [args["interface"] for args in found] == ["eth0", "eth1", "eth2"]
    assert [args["is_way_out"] for args in found] == [False, True, False]


def test_nothing_is_asked_of_the_host_from_internal_networks_alone():
    assert one("register_names", on("inner"), places=HERE)["internal"] is True
    assert one("register_names", on("inner", "front"), places=HERE)["internal"] is False


@pytest.mark.parametrize("host", HOSTS)
def test_whoever_is_on_a_network_hands_out_a_socket_of_its_own(host):
    staged = [s.do for s in steps(on("bridge"), host, HERE) if s.phase == STAGE]
    assert {"network_socket", "name_sockets"} <= set(staged)
    assert not {"network_socket", "connect"} & set(names())


def test_the_name_service_stands_in_where_the_hosts_servers_cannot_be_reached():
    local = replace(HERE, resolvers="nameserver 127.0.0.53\n")
    assert "register_names" not in names(on("bridge"), places=HERE)
    assert "register_names" in names(on("bridge"), places=local)
    assert "register_names" not in names(on("bridge", dns=("192.0.2.9",)), places=local)


def test_ports_are_published_once_the_container_has_its_address():
    config = on("bridge", publish=(PortBinding(80, "tcp", "", 8080),), exposed_ports=("53/udp",))
    assert one("publish", config, places=HERE)["ports"] == [["tcp", "", 8080, 0, 80]]
    everything = replace(config, publish_all=True)
    ports = one("publish", everything, places=HERE)["ports"]
    assert ports == [["tcp", "", 8080, 0, 80], ["udp", "", 0, 0, 53]]
    order = names(config, places=HERE)
    assert order.index("connect") < order.index("publish") < order.index("execute")


def test_addresses_are_translated_only_beside_the_hosts_own_links():
    config = on("bridge", publish=(PortBinding(80),))
    root = HOSTS["root-v1"]
    for host, expected in (
        (root, True),
        (replace(root, nat_blocker="no nf_tables"), False),
        (replace(root, network="own"), False),
    ):
        from nbcontainer.runtime.planner import plan_for

        (args,) = [s.args for s in plan_for(config, host, HERE).steps if s.do == "publish"]
        assert args["translate"] is expected


def test_a_network_that_is_not_known_is_not_planned_for():
    assert "connect" not in names(on("gone"), places=HERE)


def test_hosts_and_resolvers_are_written_as_docker_writes_them():
    config = replace(CONFIG, extra_hosts=("db:10.0.0.5",), dns=("192.0.2.9",), dns_search=(".",))
    assert "10.0.0.5\tdb\n" in hosts_text(config, PLACES)
    assert hosts_text(config, PLACES).endswith("127.0.0.1\tbox\n")
    kept = resolv_text(config, "nameserver 192.0.2.1\nsearch example.org\noptions ndots:2\n")
    assert kept == "nameserver 192.0.2.9\noptions ndots:2\n"


def test_who_has_an_address_is_named_once_it_is_known():
    assert "127.0.0.1\tbox" not in hosts_text(on("bridge"), HERE)
    assert one("write_hosts", on("bridge"), places=HERE)["name"] == "box"


def test_a_name_with_dots_is_written_with_its_first_part_too():
    assert (
        one("write_hosts", on("bridge", hostname="foo.bar"), places=HERE)["name"] == "foo.bar foo"
    )
    assert hosts_text(replace(CONFIG, hostname="a.b"), PLACES).endswith("127.0.0.1\ta.b a\n")


def test_the_hosts_gateway_is_the_bridges_address():
    extra = ("h:host-gateway",)
    assert "10.0.0.1\th\n" in hosts_text(on("front", "bridge", extra_hosts=extra), HERE)
    shared = replace(CONFIG, namespaces=Namespaces(network="host"), extra_hosts=extra)
    assert "127.0.0.1\th\n" in hosts_text(shared, HERE)


def test_who_shares_the_hosts_network_has_the_hosts_names():
    shared = replace(CONFIG, namespaces=Namespaces(network="host"), extra_hosts=("db:10.0.0.5",))
    places = replace(HERE, host_hosts="127.0.0.1\tlocalhost\n192.0.2.7 peer\n")
    assert hosts_text(shared, places) == places.host_hosts + "10.0.0.5\tdb\n"


def test_who_joins_anothers_network_has_its_files():
    joined = replace(CONFIG, namespaces=Namespaces(network="container:x"))
    places = replace(HERE, network_files="/s/c/x")
    assert "write_files" not in names(joined, places=places)
    opened = [s.args["path"] for s in steps(joined, places=places) if s.do == "open_source"]
    assert {f"/s/c/x/{name}" for name in ("hosts", "hostname", "resolv.conf")} <= set(opened)


def test_without_wishes_the_hosts_resolvers_are_taken_over():
    assert resolv_text(CONFIG, "nameserver 192.0.2.1\n") == "nameserver 192.0.2.1\n"
    assert resolv_text(CONFIG, "") == ""
    config = replace(CONFIG, dns_search=("a.test", "b.test"), dns_options=("ndots:1",))
    text = resolv_text(config, "search old\noptions old\nnameserver 192.0.2.1\n")
    assert text == "nameserver 192.0.2.1\nsearch a.test b.test\noptions ndots:1\n"


def test_with_names_of_its_own_the_name_service_is_asked_first():
    text = resolv_text(CONFIG, "search a.test\nnameserver 192.0.2.1\n", own_names=True)
    assert text == f"nameserver {NAME_SERVER}\nsearch a.test\noptions ndots:0\n"


def test_servers_are_read_from_whatever_stands_there():
    assert nameservers("# x\nnameserver 192.0.2.1\nnameserver\n;nameserver 1\n") == ["192.0.2.1"]
