import pytest

from nbcontainer.render import anatomy_cards as cards
from nbcontainer.render.svg import Sheet
from nbcontainer.spec.anatomy import Hop
from nbcontainer.values import replace
from tests.anatomies import CROWDED, EVERY, RUNNING

ALL = [
    cards.processes, cards.namespaces, cards.users, cards.limits, cards.rights, cards.files,
    cards.mounts, cards.packet,
]  # fmt: skip


@pytest.mark.parametrize("found", EVERY, ids=["running", "ended", "crowded"])
def test_a_card_is_as_high_as_it_is_told_or_higher(found):
    for card in ALL:
        own = card(Sheet(), found, 0, 0, 453)
        assert own > 40
        assert card(Sheet(), found, 0, 0, 453, least=own + 50) == own + 50


def test_what_is_too_much_is_counted():
    sheet = Sheet()
    cards.processes(sheet, CROWDED, 0, 0, 453)
    cards.mounts(sheet, CROWDED, 0, 0, 453)
    cards.files(sheet, CROWDED, 0, 0, 453)
    text = sheet.page(1, 1, title="", description="")
    assert "… and 31 more" in text
    assert "… and 42 more" in text
    assert "… and 21 more" in text


def test_a_way_that_ends_is_crossed_out():
    sheet = Sheet()
    cards.packet(sheet, RUNNING, 0, 0, 453)
    assert "✕" in sheet.page(1, 1, title="", description="")


def test_stations_stand_below_each_other_where_they_would_be_cut():
    hops = (
        Hop("outside"), Hop("the host's network", "0.0.0.0:8080 -> 80/tcp"), Hop("front, back"),
        Hop("eth0, eth1", "172.18.0.2, 172.19.0.2"), Hop("process", "nginx"),
    )  # fmt: skip
    sheet = Sheet()
    cards.packet(sheet, replace(RUNNING, hops=hops), 0, 0, 453)
    text = sheet.page(1, 1, title="", description="")
    assert "…" not in text
    for hop in hops:
        assert hop.detail.replace(">", "&gt;") in text
