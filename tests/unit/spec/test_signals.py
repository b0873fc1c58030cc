from __future__ import annotations

import signal

import pytest

from nbcontainer.errors import InvalidArgument
from nbcontainer.spec.signals import NUMBERS, signal_name, signal_number


def test_every_name_has_the_number_of_this_linux() -> None:
    for name, number in NUMBERS.items():
        known = getattr(signal, f"SIG{name}", None)
        assert known is None or int(known) == number, name


@pytest.mark.parametrize("text", ["TERM", "SIGTERM", "sigterm", "15", 15])
def test_a_signal_may_be_written_in_five_ways(text: str | int) -> None:
    assert signal_number(text) == 15


@pytest.mark.parametrize("text", ["", "FOO", "0", "65", "-9", "SIGSIGTERM", "99999999999999"])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid signal: "):
        signal_number(text)


def test_a_number_has_its_name_back() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(34) == "SIGRTMIN"
    assert signal_name(33) == "33"
