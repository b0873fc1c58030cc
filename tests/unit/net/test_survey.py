"""What a survey says of links that are made for it, in a network namespace of its own."""

from __future__ import annotations

import os

from nbcontainer.net import links, netlink
from nbcontainer.net.survey import survey
from nbcontainer.spec.codec import encode
from tests.netspace import in_own_network


def test_links_have_their_kinds_addresses_and_bridge():
    def work():
        with netlink.open_socket(netlink.ROUTE) as sock:
            bridge = links.make_bridge(sock, "br0", "02:42:0a:00:00:01")
            links.add_address(sock, bridge, "10.0.0.1", 24)
            links.add_address(sock, bridge, "fd00:1::1", 64)
            links.make_veth(
                sock, "v0", bridge=bridge, pid=os.getpid(), peer="eth9", mac="02:42:0a:00:00:02",
                mtu=1300,
            )  # fmt: skip
            links.set_up(sock, links.index_of(sock, "lo"))
            found = {each.name: encode(each) for each in survey(sock)}
            # the socket is in step: the next question gets its own answer
            assert [each.name for each in survey(sock)] == list(found)
            return found

    found = in_own_network(work)
    lo, bridge, near, far = (found[name] for name in ("lo", "br0", "v0", "eth9"))
    assert (lo["kind"], lo["is_up"]) == ("loopback", True)
    assert "127.0.0.1/8" in lo["addresses"]
    assert (bridge["kind"], bridge["mac"], bridge["mtu"]) == ("bridge", "02:42:0a:00:00:01", 1300)
    # Linux gives a bridge the least of its ports
    assert {"10.0.0.1/24", "fd00:1::1/64"} <= set(bridge["addresses"])
    assert (near["kind"], near["master"], near["peer"]) == ("veth", "br0", far["number"])
    assert (far["mac"], far["is_up"], far["master"], far["mtu"]) == (
        "02:42:0a:00:00:02", False, "", 1300,
    )  # fmt: skip
    assert far["received"] == far["sent"] == 0
