import subprocess

from nbcontainer.net import nat, netlink
from nbcontainer.net.nat import Published
from tests.needs import needs
from tests.netspace import in_own_network

KEY = "abcde"
WEB = Published("tcp", ("", 8080), ("10.0.0.2", 80))
DNS = Published("udp", ("127.0.0.1", 53), ("10.0.0.3", 5353))


def _with_table(work):
    def run():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            nat.make(sock, KEY)
            return work(sock)

    return in_own_network(run)


def test_what_is_published_is_known_until_it_is_taken_back():
    def work(sock):
        nat.publish(sock, KEY, WEB, DNS)
        both = nat.published(sock, KEY)
        nat.unpublish(sock, KEY, WEB)
        nat.unpublish(sock, KEY, WEB)
        return [both, nat.published(sock, KEY), nat.led_to(sock, KEY, "10.0.0.9")]

    both, left, none = _with_table(work)
    assert both == [[p[0], list(p[1]), list(p[2])] for p in (WEB, DNS)]
    assert left == [[DNS[0], list(DNS[1]), list(DNS[2])]]
    assert none == []


def test_a_port_that_led_elsewhere_leads_to_who_has_it_now():
    def work(sock):
        nat.publish(sock, KEY, WEB)
        nat.publish(sock, KEY, WEB._replace(to=("10.0.0.7", 81)))
        return nat.published(sock, KEY)

    assert _with_table(work) == [["tcp", ["", 8080], ["10.0.0.7", 81]]]


def test_all_of_it_is_idempotent_and_the_table_takes_everything_with_it():
    def work(sock):
        nat.make(sock, KEY)
        for _ in range(2):
            nat.add_bridge(sock, KEY, "nbcabcde-000001")
        for _ in range(2):
            nat.forget_bridge(sock, KEY, "nbcabcde-000001")
        nat.publish(sock, KEY, WEB)
        nat.remove(sock, KEY)
        nat.remove(sock, KEY)
        nat.unpublish(sock, KEY, WEB)
        return nat.published(sock, KEY)

    assert _with_table(work) == []


@needs("nft")
def test_nft_reads_the_table_as_it_was_meant():
    def work(sock):
        nat.add_bridge(sock, KEY, "nbcabcde-000001")
        nat.publish(sock, KEY, WEB, DNS)
        return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout

    text = _with_table(work)
    for line in (
        'iifname "nbcabcde*" ip daddr 127.0.0.0/8 drop',
        "dnat ip to ip daddr . meta l4proto . th dport map @published_at",
        "fib daddr type local dnat ip to meta l4proto . th dport map @published",
        'iifname "nbcabcde-*" oifname != "nbcabcde*" masquerade',
        'iifname != "nbcabcde*" oifname != "nbcabcde*" return',
        "iifname . oifname @bridges accept",
        "tcp . 8080 : 10.0.0.2 . 80",
        "127.0.0.1 . udp . 53 : 10.0.0.3 . 5353",
    ):
        assert line in text


def test_a_bridges_name_tells_its_store_and_whether_it_is_internal():
    assert nat.bridge_name(KEY, "0123456789", internal=False) == "nbcabcde-012345"
    assert nat.bridge_name(KEY, "0123456789", internal=True) == "nbcabcde_012345"
    assert len(nat.bridge_name(KEY, "0123456789", internal=True)) <= 15
