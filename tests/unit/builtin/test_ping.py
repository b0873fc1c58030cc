"""ping over a datagram socket: to whoever answers, and to nobody."""

import subprocess
import sys

from nbcontainer.builtin import ping
from tests.netspace import in_own_network


def _ping(*arguments):
    def work():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
            file.write("0 0")
        done = subprocess.run(
            [sys.executable, ping.__file__, *arguments], capture_output=True, text=True
        )
        return [done.returncode, done.stdout, done.stderr]

    return in_own_network(work)


def test_an_answer_is_told_with_its_time():
    code, said, _ = _ping("-c", "2", "-i", "0.01", "127.0.0.1")
    assert code == 0
    assert "64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=" in said
    assert "2 packets transmitted, 2 received, 0% packet loss" in said


def test_version_6_is_asked_too():
    code, said, _ = _ping("-c", "1", "::1")
    assert (code, "64 bytes from ::1: icmp_seq=1 ttl=" in said) == (0, True)


def test_who_cannot_be_reached_is_an_error():
    code, said, error = _ping("-c", "1", "-W", "0.1", "192.0.2.1")
    assert (code, "0 received, 100% packet loss" in said) == (1, True)
    assert "unreachable" in error
    assert _ping("-c", "1", "no.such.host.invalid")[0] == 2
