import json

from nbcontainer.spec.codec import decode, encode
from nbcontainer.spec.network import (
    MTU_OPTION,
    Network,
    PortBinding,
    Subnet,
)

NETWORK = Network("ab" * 32, "web", 1, "nbc00000-ababab", (Subnet("10.0.0.0/24", "10.0.0.1"),))


def test_a_definition_survives_its_file():
    assert decode(Network, json.loads(json.dumps(encode(NETWORK)))) == NETWORK


def test_a_subnet_knows_its_version_and_length():
    assert (NETWORK.subnets[0].is_v6, NETWORK.subnets[0].prefix) == (False, 24)
    assert Subnet("fd00::/64", "fd00::1").is_v6


def test_options_say_what_they_change():
    changed = Network("a", "bridge", 0, "b", (), options={MTU_OPTION: "1400"})
    assert (changed.mtu, changed.is_predefined) == (1400, True)
    assert (NETWORK.mtu, NETWORK.is_predefined) == (0, False)


def test_a_port_is_named_as_docker_names_it():
    assert PortBinding(53, "udp").key == "53/udp"
