import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbcontainer.errors import EngineError, InvalidArgument, Unavailable
from nbcontainer.net import ipam
from nbcontainer.spec.network import Subnet

SMALL = Subnet("10.0.0.0/29", "10.0.0.1")


# the first look at a large network of the standard library's takes its time
@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_subnets_are_counted_as_the_standard_library_counts_them(number, length):
    network = ipaddress.ip_network((number, length), strict=False)
    bits, first, last = ipam.span(str(network))
    assert (bits, first, last) == (32, int(network[0]), int(network[-1]))


@given(st.integers(0, 2**128 - 1))
def test_addresses_of_version_6_come_back_as_they_went(number):
    assert ipam.to_number(ipam.to_text(number, 128)) == number


@given(
    st.tuples(st.integers(0, 255), st.integers(8, 30)),
    st.tuples(st.integers(0, 255), st.integers(8, 30)),
)
def test_overlaps_are_found_as_the_standard_library_finds_them(one, other):
    a, b = [ipaddress.ip_network((10 << 24 | n << 10, p), strict=False) for n, p in (one, other)]
    assert ipam.overlap(str(a), str(b)) == a.overlaps(b)


def test_addresses_are_given_from_the_lowest_and_the_gateway_is_nobodys():
    taken: list[str] = []
    while len(taken) < 5:
        taken.append(ipam.free_address(SMALL, taken))
    assert taken == ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        ipam.free_address(SMALL, taken)


def test_a_range_narrows_the_choice():
    subnet = Subnet("10.0.0.0/24", "10.0.0.1", "10.0.0.128/30")
    assert ipam.free_address(subnet, []) == "10.0.0.128"
    with pytest.raises(Unavailable):
        ipam.free_address(subnet, [f"10.0.0.{n}" for n in range(128, 132)])


def test_the_address_that_is_wanted_is_given_once():
    assert ipam.free_address(SMALL, [], "10.0.0.5") == "10.0.0.5"
    for taken in (["10.0.0.5"], []):
        wanted = "10.0.0.5" if taken else "10.0.0.1"
        with pytest.raises(Unavailable, match="Address already in use"):
            ipam.free_address(SMALL, taken, wanted)
    for wanted in ("10.0.1.5", "10.0.0.0", "10.0.0.7", "fd00::1"):
        with pytest.raises(InvalidArgument, match="does not belong to"):
            ipam.free_address(SMALL, [], wanted)


def test_a_free_subnet_is_free():
    assert ipam.free_subnet([]).subnet == "172.17.0.0/16"
    assert ipam.free_subnet(["172.16.0.0/15"]).subnet == "172.18.0.0/16"
    assert ipam.free_subnet(["172.16.0.0/12"]).subnet == "192.168.0.0/20"
    with pytest.raises(Unavailable, match="non-overlapping IPv4 address pool"):
        ipam.free_subnet(["0.0.0.0/0"])


@pytest.mark.parametrize(
    ("subnet", "gateway", "ip_range", "words"),
    [
        ("10.0.0.0", "", "", "invalid CIDR address"),
        ("10.0.0.0/33", "", "", "invalid CIDR address"),
        ("10.0.0/24", "", "", "invalid IP address"),
        ("10.0.0.5/24", "", "", "it should be 10.0.0.0/24"),
        ("10.0.0.0/31", "", "", "holds no container's address"),
        ("10.0.0.0/24", "10.0.1.1", "", "no matching subnet for gateway"),
        ("10.0.0.0/24", "10.0.0.0", "", "no matching subnet for gateway"),
        ("10.0.0.0/24", "", "10.0.1.0/28", "no matching subnet for range"),
    ],
)
def test_a_subnet_that_cannot_be_is_refused(subnet, gateway, ip_range, words):
    with pytest.raises(InvalidArgument, match=words):
        ipam.check_subnet(subnet, gateway, ip_range)


@given(st.text(alphabet="0123456789abcdef.:/", max_size=20))
def test_no_text_breaks_the_reading_of_a_subnet(text):
    try:
        ipam.check_subnet(text)
    except EngineError:
        pass


def test_a_clash_is_named():
    routes = [("10.1.0.0/16", "eth1"), ("192.168.0.0/24", "eth0")]
    assert ipam.clash("192.168.0.128/25", routes) == "192.168.0.0/24 on eth0"
    assert ipam.clash("172.17.0.0/16", routes) == ""


def test_the_mac_address_is_dockers():
    assert ipam.mac_of("172.17.0.2") == "02:42:ac:11:00:02"


def test_a_networks_id_gives_its_subnet_of_version_6():
    subnet = ipam.subnet6("0123456789" + "0" * 54)
    assert subnet == Subnet("fd01:2345:6789::/64", "fd01:2345:6789::1", automatic=True)
    assert ipam.free_address(subnet, []) == "fd01:2345:6789::2"


@pytest.mark.parametrize(
    "subnet",
    ["127.0.0.0/8", "127.9.0.0/24", "224.0.0.0/8", "240.0.0.0/8", "0.0.0.0/1", "ff05::/64"],
)
def test_addresses_that_are_nobodys_are_refused(subnet):
    with pytest.raises(InvalidArgument, match="no container can have"):
        ipam.check_subnet(subnet)
