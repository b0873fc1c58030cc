import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.net import dns
from nbcontainer.spec.network import Endpoint

FRONT, BACK = "f" * 64, "b" * 64


def endpoint(network_id, name, address, *names, v6=""):
    return Endpoint(name, network_id, "eth0", "", address, address6=v6, names=names)


@pytest.fixture
def names():
    made = dns.Names(shuffle=lambda addresses: None)
    made.add("a", [endpoint(FRONT, "front", "10.0.0.2", "web", "www", "0123456789ab")])
    made.add("b", [endpoint(BACK, "back", "10.1.0.2", "db", v6="fd00::2")])
    return made


def ask(names, question, kind="A", networks=(FRONT,), number=7):
    query = dnslib.DNSRecord.question(question, kind)
    query.header.id = number
    answer = names.answer(bytes(query.pack()), networks)
    return None if answer is None else dnslib.DNSRecord.parse(answer)


def addresses(reply):
    return [str(record.rdata) for record in reply.rr]


@pytest.mark.parametrize("name", ["web", "WEB", "www", "0123456789ab", "web.front", "web."])
def test_a_container_is_found_by_each_of_its_names(names, name):
    reply = ask(names, name)
    assert addresses(reply) == ["10.0.0.2"]
    assert (reply.header.id, reply.header.rcode) == (7, 0)


def test_another_networks_names_are_unknown(names):
    assert ask(names, "db") is None
    assert addresses(ask(names, "db", networks=(FRONT, BACK))) == ["10.1.0.2"]
    assert ask(names, "web", networks=()) is None


def test_a_known_name_without_such_an_address_is_answered_by_nothing(names):
    assert addresses(ask(names, "web", "AAAA")) == []
    assert addresses(ask(names, "db", "AAAA", (BACK,))) == ["fd00::2"]
    assert addresses(ask(names, "web", "MX")) == []


def test_an_address_is_found_back(names):
    assert addresses(ask(names, "2.0.0.10.in-addr.arpa", "PTR")) == ["web.front."]
    reverse = "2." + "0." * 27 + "0.0.d.f.ip6.arpa"
    assert addresses(ask(names, reverse, "PTR", (BACK,))) == ["db.back."]
    assert ask(names, "9.0.0.10.in-addr.arpa", "PTR") is None


def test_an_alias_of_several_containers_means_all_of_them(names):
    names.add("c", [endpoint(FRONT, "front", "10.0.0.3", "other", "www")])
    assert addresses(ask(names, "www")) == ["10.0.0.2", "10.0.0.3"]


def test_who_has_gone_is_unknown_at_once(names):
    assert ask(names, "web") is not None
    names.remove("a")
    names.remove("a")
    assert ask(names, "web") is None
    assert ask(names, "2.0.0.10.in-addr.arpa", "PTR") is None


def test_an_answer_that_is_kept_carries_each_questions_own_id(names):
    assert [ask(names, "web", number=number).header.id for number in (1, 2)] == [1, 2]


def test_what_is_damaged_or_unheard_of_is_answered_as_the_rules_say(names):
    assert names.answer(b"", (FRONT,)) == b""
    reply = bytes(dnslib.DNSRecord.question("web").reply().pack())
    assert names.answer(reply, (FRONT,)) == b""  # an answer is no question
    damaged = names.answer(bytes(dnslib.DNSRecord.question("web").pack())[:-3], (FRONT,))
    assert dnslib.DNSRecord.parse(damaged).header.rcode == 1
    update = dnslib.DNSRecord.question("web")
    update.header.opcode = 5
    assert dnslib.DNSRecord.parse(names.answer(bytes(update.pack()), (FRONT,))).header.rcode == 4


@given(st.binary(max_size=80))
def test_hostile_bytes_never_raise(data):
    made = dns.Names()
    made.add("a", [endpoint(FRONT, "front", "10.0.0.2", "web")])
    for packet in (data, b"\0\1\1\0\0\1\0\0\0\0\0\0" + data):
        answer = made.answer(packet, (FRONT,))
        assert answer is None or isinstance(answer, bytes)
        if len(packet) >= 12:
            dns.failure(packet), dns.no_such_name(packet), dns.fits(packet * 40)


def test_a_name_that_points_at_itself_ends(names):
    looped = b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"
    assert names.answer(looped, (FRONT,)) is not None


def test_what_is_too_long_for_a_datagram_says_so(names):
    for number in range(60):
        names.add(number, [endpoint(FRONT, "front", f"10.0.1.{number}", "many")])
    query = bytes(dnslib.DNSRecord.question("many").pack())
    whole = names.answer(query, (FRONT,))
    cut = dnslib.DNSRecord.parse(dns.fits(whole))
    assert len(whole) > 512
    assert cut.header.tc == 1
    assert cut.rr == []
    assert str(cut.q.qname) == "many."


def test_failures_keep_the_question():
    query = dnslib.DNSRecord.question("gone.example")
    for made, code in ((dns.failure, 2), (dns.no_such_name, 3)):
        reply = dnslib.DNSRecord.parse(made(bytes(query.pack())))
        assert (reply.header.id, reply.header.rcode, str(reply.q.qname)) == (
            query.header.id, code, "gone.example.",
        )  # fmt: skip


def test_a_neighbour_is_meant_by_name_or_address_and_oneself_by_localhost(names):
    names.add("c", [endpoint(FRONT, "front", "10.0.0.3", "other")])
    assert names.neighbour("10.0.0.3", "web") == "10.0.0.2"
    assert names.neighbour("10.0.0.3", "10.0.0.2") == "10.0.0.2"
    assert names.neighbour("10.0.0.3", "localhost") == "10.0.0.3"
    assert names.neighbour("10.0.0.3", "127.0.0.1") == "10.0.0.3"
    # on another network, outside, and who is no container at all
    assert names.neighbour("10.0.0.3", "db") == names.neighbour("10.0.0.3", "10.1.0.2") == ""
    assert names.neighbour("10.0.0.3", "www.example.test") == ""
    assert names.neighbour("192.0.2.1", "web") == ""


def test_who_is_on_two_networks_means_the_neighbours_on_both(names):
    names.add("c", [endpoint(FRONT, "front", "10.0.0.3"), endpoint(BACK, "back", "10.1.0.3")])
    for asker in ("10.0.0.3", "10.1.0.3"):
        assert names.neighbour(asker, "web") == "10.0.0.2"
        assert names.neighbour(asker, "db") == names.neighbour(asker, "10.1.0.2") == "10.1.0.2"
