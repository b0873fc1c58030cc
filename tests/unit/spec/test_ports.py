import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbcontainer.errors import EngineError, InvalidArgument, Unsupported
from nbcontainer.spec.network import PortBinding
from nbcontainer.spec.ports import parse_publish, ports_text, published_text

B = PortBinding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [B(80)]),
        ("80/udp", [B(80, "udp")]),
        ("80/TCP", [B(80)]),
        ("8080:80", [B(80, "tcp", "", 8080)]),
        (":80", [B(80)]),
        ("0:80", [B(80)]),
        ("8080:80/udp", [B(80, "udp", "", 8080)]),
        ("127.0.0.1:8080:80", [B(80, "tcp", "127.0.0.1", 8080)]),
        ("127.0.0.1::80", [B(80, "tcp", "127.0.0.1")]),
        ("[::1]:8080:80", [B(80, "tcp", "::1", 8080)]),
        ("[::1]::80", [B(80, "tcp", "::1")]),
        ("[::1]:80", [B(80, "tcp", "::1")]),
        ("80-82", [B(80), B(81), B(82)]),
        ("8000-8001:90-91", [B(90, "tcp", "", 8000), B(91, "tcp", "", 8001)]),
        ("8000-8010:80", [B(80, "tcp", "", 8000, 8010)]),
        ("published=8080,target=80", [B(80, "tcp", "", 8080)]),
        ("target=80,protocol=udp", [B(80, "udp")]),
    ],
)
def test_every_form_of_docker_is_read(text, expected):
    assert list(parse_publish([text])) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no port specified"),
        ("8080:", "no port specified"),
        ("web", "invalid containerPort: web"),
        ("0", "invalid containerPort: 0"),
        ("65536", "invalid containerPort: 65536"),
        ("x:80", "invalid hostPort: x"),
        ("70000:80", "invalid hostPort: 70000"),
        ("90-80", "invalid containerPort: 90-80"),
        ("80/", "invalid proto: "),
        ("80/icmp", "invalid proto: icmp"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("localhost:80:80", "invalid IP address: localhost"),
        ("[::1:80:80", "invalid IP address"),
        ("1:2:3:4", "invalid IP address"),
        ("8000-8002:80-81", "invalid ranges specified for container and host Ports"),
        ("target=80,where=x", "invalid field key where"),
        ("target=80,8080", "invalid publish opts format"),
        ("٣", "invalid containerPort"),
    ],
)
def test_what_is_no_port_is_refused_in_dockers_words(text, words):
    with pytest.raises(InvalidArgument) as caught:
        parse_publish([text])
    assert words in caught.value.message


def test_sctp_is_refused_by_name():
    with pytest.raises(Unsupported, match="sctp"):
        parse_publish(["80/sctp"])


def test_the_same_port_twice_counts_once():
    assert len(parse_publish(["8080:80", "8080:80/tcp"])) == 1


@given(st.text(alphabet="0123456789:-/[]tcpud.=,", max_size=24))
def test_no_text_breaks_the_parser(text):
    try:
        found = parse_publish([text])
    except EngineError:
        return
    assert all(0 < binding.port < 65536 for binding in found)


def test_a_published_port_is_shown_as_in_ps():
    assert published_text(B(80, "tcp", "0.0.0.0", 8080)) == "0.0.0.0:8080->80/tcp"
    assert published_text(B(80, "tcp", "::", 8080)) == "[::]:8080->80/tcp"


def test_ps_joins_neighbours_and_names_exposed_ports_without_an_address():
    published = [B(80 + n, "tcp", ip, 8080 + n) for ip in ("0.0.0.0", "::") for n in range(3)]
    text = ports_text(published, ["443/tcp", "80/tcp", "444/tcp"])
    assert text == "0.0.0.0:8080-8082->80-82/tcp, [::]:8080-8082->80-82/tcp, 443-444/tcp"


def test_ps_keeps_apart_what_does_not_run_in_step():
    published = [B(80, "tcp", "0.0.0.0", 8080), B(81, "tcp", "0.0.0.0", 9000)]
    assert ports_text(published) == "0.0.0.0:8080->80/tcp, 0.0.0.0:9000->81/tcp"
    assert ports_text([]) == ""


def test_an_address_of_version_6_needs_no_brackets():
    assert parse_publish(["::1:8085:80"]) == (PortBinding(80, "tcp", "::1", 8085),)
