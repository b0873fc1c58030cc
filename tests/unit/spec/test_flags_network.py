import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec import flags_network as flags
from nbcontainer.spec.network import MTU_OPTION, Attachment


def test_without_a_flag_a_container_is_on_the_bridge():
    assert flags.attachments({}) == ("default", (Attachment("bridge"),))


@pytest.mark.parametrize("mode", ["host", "none", "container:web"])
def test_who_shares_or_has_no_network_is_attached_to_none(mode):
    assert flags.attachments({"network": mode}) == (mode, ())


def test_the_flags_speak_of_the_first_network():
    mode, wishes = flags.attachments(
        {
            "network": ["front", "name=back,alias=db,ip=10.0.0.9"],
            "network_alias": ["www"],
            "ip6": "fd00::9",
            "mac_address": "02-42-AC-11-00-09",
        }
    )
    assert mode == "front"
    assert wishes == (
        Attachment("front", ("www",), "", "fd00::9", "02:42:ac:11:00:09"),
        Attachment("back", ("db",), "10.0.0.9"),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"network": ["none", "host"]}, "Container cannot be connected to network endpoints"),
        ({"network": ["a", "a"]}, 'network "a" is specified multiple times'),
        ({"network": "container:"}, "invalid container format container:<name|id>"),
        ({"network": "alias=x"}, "network name/id is not specified"),
        ({"network": "name=a,colour=red"}, "invalid field colour"),
        ({"network": "name=a,alias"}, "invalid key/value pair"),
        ({"ip": "10.0.0.5"}, "supported on user defined networks only"),
        ({"network_alias": "db"}, "only supported for user-defined networks"),
        ({"network": "a", "ip": "10.0.0"}, "invalid IPv4 address: 10.0.0"),
        ({"network": "a", "ip": "fd00::1"}, "invalid IPv4 address"),
        ({"network": "a", "ip6": "10.0.0.1"}, "invalid IPv6 address"),
        ({"network": "a", "mac_address": "x"}, "is not a valid mac address"),
        ({"network": "a", "mac_address": "ff:ff:ff:ff:ff:ff"}, "multicast"),
        ({"network": "a", "network_alias": "a b"}, "invalid network alias"),
        ({"network": "a", "network_alias": "x" * 64}, "invalid network alias"),
        ({"network": "container:x", "publish": ["80"]}, "port publishing and the container type"),
        ({"network": "container:x", "publish_all": True}, "port publishing and the container type"),
        ({"network": "container:a", "publish": ["80"]}, "the container type network mode"),
        ({"network": "container:a", "dns": ["1.1.1.1"]}, "dns and the network mode"),
    ],
)
def test_what_cannot_be_is_refused_in_dockers_words(given, words):
    with pytest.raises(InvalidArgument) as caught:
        flags.attachments(given)
    assert words in caught.value.message


def test_an_option_that_would_be_ignored_is_refused():
    assert flags.parse_options({MTU_OPTION: "1400"}) == {MTU_OPTION: "1400"}
    for text in ("colour=red", f"{MTU_OPTION}=60", f"{MTU_OPTION}=x"):
        with pytest.raises(InvalidArgument):
            flags.parse_options([text])


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "a" * 256, "ä"])
def test_what_is_no_name_of_a_network_is_refused(name):
    with pytest.raises(InvalidArgument, match="invalid network name"):
        flags.check_network_name(name)
