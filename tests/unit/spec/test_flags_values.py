from __future__ import annotations

import pytest

from nbcontainer.errors import InvalidArgument, Unsupported
from nbcontainer.spec.flags_values import (
    merge_env,
    parse_device,
    parse_labels,
    parse_log,
    parse_ports,
    parse_restart,
    parse_ulimit,
    read_lines,
)
from nbcontainer.spec.runtime import Device, LogConfig, RestartPolicy, Ulimit


def test_a_file_of_variables_has_comments_and_bare_names() -> None:
    text = "\ufeff# note\n\n  A=1 # kept\nB \nC=\n"
    assert read_lines("f", lambda path: text) == ["A=1 # kept", "B", "C="]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=x\n", "no variable name on line '=x'"),
        ("a b=c\n", "variable 'a b' contains whitespaces"),
    ],
)
def test_a_bad_line_of_a_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_lines("f", lambda path: text)
    assert caught.value.message == message


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="contains invalid utf8 bytes"):
        read_lines("f", lambda path: b"\xff".decode())


def test_a_later_value_takes_the_earlier_ones_place() -> None:
    assert merge_env(["A=1", "B=1"], ["A=2", "B"], ["C=3"]) == ("A=2", "C=3")


def test_labels_of_the_line_win_over_those_of_a_file() -> None:
    assert parse_labels(["a=line", "c"], ["f"], lambda path: "a=file\nb=1\n") == {
        "a": "line",
        "b": "1",
        "c": "",
    }


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("/dev/a", Device("/dev/a", "/dev/a")),
        ("/dev/a:r", Device("/dev/a", "/dev/a", "r")),
        ("/dev/a:/dev/b", Device("/dev/a", "/dev/b")),
        ("/dev/a:/dev/b:rw", Device("/dev/a", "/dev/b", "rw")),
    ],
)
def test_a_device_has_a_path_inside_and_permissions(text: str, device: Device) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize("text", ["", "dev/a", "/dev/a:b", "/dev/a:/b:rr", "/a:/b:r:w", "/a:/b:"])
def test_a_bad_device_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_device(text)


@pytest.mark.parametrize("text", ["nofile=1:2:3", "nofile=x", "nofile=", "nofile=1.5", "=1"])
def test_a_bad_ulimit_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match='for "--ulimit" flag'):
        parse_ulimit(text)


def test_unlimited_is_minus_one() -> None:
    assert parse_ulimit("core=unlimited") == Ulimit("core", -1, -1)
    assert parse_ulimit("core=5:-1") == Ulimit("core", 5, -1)


def test_restart_policies() -> None:
    assert parse_restart("") == RestartPolicy()
    assert parse_restart("on-failure:3") == RestartPolicy("on-failure", 3)
    assert parse_restart("unless-stopped") == RestartPolicy("unless-stopped")
    with pytest.raises(InvalidArgument):
        parse_restart(":3")


def test_ports_are_ranges_with_a_protocol() -> None:
    assert parse_ports(["80", "81-82/udp"]) == ["80/tcp", "81/udp", "82/udp"]
    for text in ("x", "0", "82-81", "80/icmp", "70000", "-", ""):
        with pytest.raises(InvalidArgument, match="invalid range format for --expose"):
            parse_ports([text])


def test_logs_rotate_as_asked() -> None:
    assert parse_log("", []) == LogConfig()
    assert parse_log("json-file", ["max-size=1m", "max-file=2"]) == LogConfig(1 << 20, 2)
    for option in ("max-file=0", "max-file=x", "max-size=0", "max-size"):
        with pytest.raises(InvalidArgument):
            parse_log("", [option])
    with pytest.raises(Unsupported, match='plugin "syslog" not found'):
        parse_log("syslog", [])
