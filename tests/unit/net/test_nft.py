"""The batches themselves; what they mean for packets is judged in test_nat and by real containers."""

import errno

from nbcontainer.net import netlink, nft
from tests.netspace import in_own_network

TABLE = "t"


def test_a_batch_happens_wholly_or_not_at_all():
    def work():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            good = [nft.add_table(TABLE), nft.add_set(TABLE, "s", 1, (nft.IPV4, 4))]
            try:
                nft.commit(sock, *good, nft.add_rule(TABLE, "no-such-chain", nft.masquerade()))
            except OSError as error:
                refused = error.errno
            before = nft.elements(sock, TABLE, "s")
            nft.commit(sock, *good)
            nft.commit(sock, nft.add_elements(TABLE, "s", (b"\x0a\0\0\1", b"")))
            return [refused, before, [key.hex() for key, _ in nft.elements(sock, TABLE, "s")]]

    assert in_own_network(work) == [errno.ENOENT, [], ["0a000001"]]


def test_many_elements_come_back():
    def work():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            nft.commit(sock, nft.add_table(TABLE), nft.add_set(TABLE, "s", 1, (nft.IPV4, 4)))
            keys = [number.to_bytes(4) for number in range(2000)]
            nft.commit(sock, nft.add_elements(TABLE, "s", *[(key, b"") for key in keys]))
            return len(nft.elements(sock, TABLE, "s"))

    assert in_own_network(work) == 2000


def test_registers_are_numbered_by_words():
    assert [nft.register(words) for words in range(3)] == [1, 9, 10]


def test_chains_of_others_that_drop_what_is_forwarded_are_found():
    def work():
        with netlink.open_socket(netlink.NETFILTER) as sock:
            before = nft.closed_to_forwarding(sock)
            nft.commit(
                sock, nft.add_table(TABLE), nft.add_chain(TABLE, "open", "filter", nft.FORWARD, 0)
            )
            still = nft.closed_to_forwarding(sock)
            # as `nft add chain inet t shut { type filter hook forward priority 1; policy drop; }`
            kind, flags, body = nft.add_chain(TABLE, "shut", "filter", nft.FORWARD, 1)
            nft.commit(sock, (kind, flags, body + nft._number(5, nft.DROP)))
            return [before, still, nft.closed_to_forwarding(sock)]

    assert in_own_network(work) == [[], [], ["table inet t, chain shut"]]
