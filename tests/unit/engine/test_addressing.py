import pytest

from nbcontainer.engine import addressing
from nbcontainer.errors import InvalidArgument
from nbcontainer.net import ipam
from nbcontainer.spec.network import Attachment, Network, Subnet

CHOSEN = Network("a" * 64, "mine", 0, "nbc", (Subnet("10.0.0.0/24", "10.0.0.1"),))
AUTOMATIC = Network("b" * 64, "any", 0, "nbc", (ipam.free_subnet([]),))


def test_an_address_of_a_chosen_subnet_may_be_asked_for():
    addressing.check(CHOSEN, Attachment("mine", address="10.0.0.7"))
    addressing.check(AUTOMATIC, Attachment("any"))


@pytest.mark.parametrize(
    ("network", "wish", "words"),
    [
        (CHOSEN, Attachment("mine", address="10.9.0.7"), "contain the IP address 10.9.0.7"),
        (CHOSEN, Attachment("mine", address6="fd00::7"), "with user configured subnets"),
        (AUTOMATIC, Attachment("any", address="172.17.0.7"), "with user configured subnets"),
    ],
)
def test_any_other_is_refused_in_dockers_words(network, wish, words):
    with pytest.raises(InvalidArgument) as caught:
        addressing.check(network, wish)
    assert caught.value.message.startswith(
        f"invalid config for network {network.name}: invalid endp"
    )
    assert caught.value.message.endswith(words)


def test_a_subnet_and_its_gateway_find_each_other():
    found = addressing.subnets(["fd00:1::/64", "10.0.0.0/24"], ["10.0.0.9"], [])
    assert [(s.subnet, s.gateway) for s in found] == [
        ("10.0.0.0/24", "10.0.0.9"),
        ("fd00:1::/64", "fd00:1::1"),
    ]
