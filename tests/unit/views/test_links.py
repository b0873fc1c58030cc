"""The rows of network links."""

from nbcontainer.spec.network import Interface
from nbcontainer.values import replace
from nbcontainer.views.links import row, table

VETH = Interface(
    3, "eth0", "veth", True, 1500, "02:42:ac:11:00:02", 7, "", ("172.17.0.2/16",), 1500, 0
)  # fmt: skip


def test_a_link_is_told_with_its_container_and_network():
    shown = row(VETH, "web", "bridge")
    assert (shown["Name"], shown["State"], shown["Container"], shown["Network"]) == (
        "eth0", "up", "web", "bridge",
    )  # fmt: skip
    assert (shown["Received"], shown["Traffic"]) == (1500, "1.5kB / 0B")


def test_a_link_of_no_kind_is_hardware():
    assert row(replace(VETH, kind="", is_up=False))["Kind"] == "physical"


def test_the_table_has_a_line_a_link():
    lines = str(table([row(VETH, "web", "bridge")])).splitlines()
    assert lines[0].split()[:2] == ["LINK", "KIND"]
    assert "172.17.0.2/16" in lines[1]
