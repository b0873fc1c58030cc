#!/usr/bin/env python3
"""ping for the python image, which holds this very file: by a socket that needs no capability.

BusyBox's opens a raw socket; this one has Linux fill in the packet's id, for whom
net.ipv4.ping_group_range allows it.  See: icmp(7), ping(8), whose words and flags it keeps to.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import socket
import struct
import sys
import time

REQUESTS: dict[int, int] = {socket.AF_INET: 8, socket.AF_INET6: 128}
ANSWERS: dict[int, int] = {socket.AF_INET: 0, socket.AF_INET6: 129}
_TTL, _HOPS = 2, 52


def main(arguments: list[str]) -> int:
    """Ping a host; return 0 if it answered, 1 if not, 2 if it cannot be asked."""
    asked = _parsed(arguments)
    family = socket.AF_INET6 if asked.v6 else socket.AF_INET if asked.v4 else socket.AF_UNSPEC
    try:
        found = socket.getaddrinfo(asked.host, 0, family, socket.SOCK_DGRAM)[0]
        sock = _opened(found[0])
    except OSError as error:
        print(f"ping: {asked.host}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"PING {asked.host} ({found[4][0]}) {asked.size} data bytes", flush=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    times: list[float] = []
    sent = 0
    try:
        while not asked.count or sent < asked.count:
            began = time.monotonic()
            sent += 1
            times += _asked(sock, found[0], found[4], sent, asked)
            if not asked.count or sent < asked.count:
                time.sleep(max(0.0, began + asked.interval - time.monotonic()))
    except KeyboardInterrupt:
        pass
    _sum_up(asked.host, sent, times)
    return 0 if times else 1


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ping", allow_abbrev=False)
    parser.add_argument("-4", dest="v4", action="store_true")
    parser.add_argument("-6", dest="v6", action="store_true")
    parser.add_argument("-c", dest="count", type=int, default=0, metavar="COUNT")
    parser.add_argument("-i", dest="interval", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("-n", action="store_true", help="ignored: names are not looked up")
    parser.add_argument("-q", dest="quiet", action="store_true")
    parser.add_argument("-s", dest="size", type=int, default=56, metavar="BYTES")
    parser.add_argument("-W", dest="patience", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("host")
    return parser.parse_args(arguments)


def _opened(family: int) -> socket.socket:
    if family == socket.AF_INET6:
        sock = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    else:
        sock = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        sock.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    return sock


def _asked(
    sock: socket.socket,
    family: int,
    address: tuple[object, ...],
    number: int,
    asked: argparse.Namespace,
) -> list[float]:
    """Send one request; return the milliseconds until its answer, none if there was none."""
    body = os.urandom(max(0, min(asked.size, 65_000)))
    began = time.monotonic()
    try:
        sock.sendto(
            struct.pack(">BBHHH", REQUESTS[family], 0, 0, 0, number & 0xFFFF) + body, address
        )
        while (left := began + asked.patience - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            data, notes, _, peer = sock.recvmsg(1 << 16, 256)
            if len(data) < 8 or data[0] != ANSWERS[family] or data[8:] != body:
                continue
            took = (time.monotonic() - began) * 1000
            hops = [note for _, kind, note in notes if kind in (_TTL, _HOPS)]
            ttl = f" ttl={struct.unpack('=i', hops[0][:4])[0]}" if hops else ""
            if not asked.quiet:
                text = (
                    f"{len(data)} bytes from {peer[0]}: icmp_seq={number}{ttl} time={took:.3f} ms"
                )
                print(text, flush=True)
            return [took]
    except OSError as error:
        print(f"ping: {error.strerror or error}", file=sys.stderr, flush=True)
    return []


def _sum_up(host: str, sent: int, times: list[float]) -> None:
    lost = 100 * (sent - len(times)) // max(sent, 1)
    print(f"\n--- {host} ping statistics ---")
    print(f"{sent} packets transmitted, {len(times)} received, {lost}% packet loss")
    if times:
        middle = sum(times) / len(times)
        print(f"round-trip min/avg/max = {min(times):.3f}/{middle:.3f}/{max(times):.3f} ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
